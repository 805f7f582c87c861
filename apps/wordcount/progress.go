package main

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

// console is standard error: log lines, faults and, on a terminal, a line of progress below them.
type console struct {
	terminal bool

	mu    sync.Mutex // guards what follows and the writer
	to    io.Writer
	shown bool // the cursor is behind a line of progress
}

func newConsole(w io.Writer) *console {
	file, ok := w.(*os.File)
	return &console{to: w, terminal: ok && term.IsTerminal(int(file.Fd()))}
}

// Write writes lines in the place of the line of progress.
func (c *console) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear()
	return c.to.Write(b)
}

func (c *console) clear() {
	if c.shown {
		io.WriteString(c.to, "\r\x1b[K")
		c.shown = false
	}
}

// show replaces the line of progress.
func (c *console) show(line string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(c.to, "\r%s\x1b[K", line)
	c.shown = true
}

// progress shows a line again and again, on a terminal, until hide is called.
func (c *console) progress(line func(now time.Time) string) (hide func()) {
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

// feeding describes how far the input is fed.
func feeding(lines *atomic.Int64) func(time.Time) string {
	var r rate
	return func(now time.Time) string {
		n := lines.Load()
		return fmt.Sprintf("feeding: %s lines · %s lines/s", grouped(n), grouped(r.at(now, n)))
	}
}

// counting describes what the application has done.
func counting(stats func() framework.Stats) func(time.Time) string {
	var r rate
	return func(now time.Time) string {
		s := stats()
		return fmt.Sprintf("counting: %s records · %s records/s · lag %s", grouped(s.In), grouped(r.at(now, s.In)), grouped(s.Lag))
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

// grouped writes a number with its thousands apart.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}
