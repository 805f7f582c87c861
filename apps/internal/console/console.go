// Package console is the standard error of a program of apps, with a line of progress on a terminal.
package console

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/framework"
	"golang.org/x/term"
)

// progressInterval is how often the progress line is written.
const progressInterval = 200 * time.Millisecond

// Console is standard error: log lines, faults and, on a terminal, a line of progress below them. It may be used from any
// goroutine.
type Console struct {
	terminal bool

	mu    sync.Mutex // guards what follows and the writer
	to    io.Writer
	shown bool // the cursor is behind a line of progress
}

// New returns the console that writes to w.
func New(w io.Writer) *Console {
	file, ok := w.(*os.File)
	return &Console{to: w, terminal: ok && term.IsTerminal(int(file.Fd()))}
}

// Write writes lines in the place of the line of progress.
func (c *Console) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear()
	return c.to.Write(b)
}

func (c *Console) clear() {
	if c.shown {
		io.WriteString(c.to, "\r\x1b[K")
		c.shown = false
	}
}

// show replaces the line of progress.
func (c *Console) show(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.to, "\r%s\x1b[K", line)
	c.shown = true
}

// Progress shows a line again and again, on a terminal, until hide is called. line is called by one goroutine.
func (c *Console) Progress(line func(now time.Time) string) (hide func()) {
	if !c.terminal {
		return func() {}
	}
	done := make(chan struct{})
	var showing sync.WaitGroup
	showing.Go(func() {
		tick := time.NewTicker(progressInterval)
		defer tick.Stop()
		for {
			select {
			case now := <-tick.C:
				c.show(line(now))
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		showing.Wait()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.clear()
	}
}

// Feeding describes how much of the input is fed, in units such as "line".
func Feeding(fed *atomic.Int64, unit string) func(time.Time) string {
	var r rate
	return func(now time.Time) string {
		n := fed.Load()
		return fmt.Sprintf("feeding: %s %ss · %[3]s %[2]ss/s", Grouped(n), unit, Grouped(r.at(now, n)))
	}
}

// Counting describes what an application has done.
func Counting(stats func() framework.Stats) func(time.Time) string {
	var r rate
	return func(now time.Time) string {
		s := stats()
		return fmt.Sprintf("counting: %s records · %s records/s · lag %s", Grouped(s.In), Grouped(r.at(now, s.In)), Grouped(s.Lag))
	}
}

// rate is a speed over the last second.
type rate struct {
	times [5]time.Time
	seen  [5]int64
	next  int
}

func (r *rate) at(now time.Time, n int64) int64 {
	then, before := r.times[r.next], r.seen[r.next]
	r.times[r.next], r.seen[r.next] = now, n
	if r.next = (r.next + 1) % len(r.times); then.IsZero() {
		then, before = r.times[0], r.seen[0]
	}
	if elapsed := now.Sub(then); elapsed > 0 {
		return int64(float64(n-before) / elapsed.Seconds())
	}
	return 0
}

// Grouped writes a number with its thousands apart: 1,234,567.
func Grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}
