package integration

import (
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// text makes lines of words that occur as in texts: a few often, most rarely.
type text struct{ words *rand.Zipf }

func newText(seed int64) *text {
	return &text{rand.NewZipf(rand.New(rand.NewSource(seed)), 1.1, 5, 5000)}
}

func (x *text) line() string {
	words := make([]string, 12)
	for i := range words {
		n := x.words.Uint64()
		words[i] = fmt.Sprintf([]string{"word%d", "Word%d"}[n%2], n)
	}
	return strings.Join(words, " ")
}

func (x *text) lines(n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = x.line()
	}
	return lines
}

// batchCount is what a program that reads all lines at once counts.
func batchCount(lines ...string) map[string]int64 {
	counts := map[string]int64{}
	add(counts, lines...)
	return counts
}

func add(counts map[string]int64, lines ...string) {
	for _, line := range lines {
		for _, word := range strings.Fields(line) {
			counts[strings.ToLower(word)]++
		}
	}
}

// feed writes lines to a topic at an even pace.
type feed struct {
	c       *cluster
	stop    chan struct{}
	running sync.WaitGroup
	failed  sync.Once
	want    map[string]int64 // counts of what was written; read after end
}

// feedRate is how many lines a feed writes a second.
const feedRate = 10_000

func (c *cluster) feed(topic string, seed int64) *feed {
	f := &feed{c: c, stop: make(chan struct{}), want: map[string]int64{}}
	cl := c.connect(kgo.DefaultProduceTopic(topic))
	f.running.Go(func() { f.write(cl, newText(seed)) })
	c.t.Cleanup(func() { f.end() })
	return f
}

func (f *feed) write(cl *kgo.Client, x *text) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-f.stop:
			if err := cl.Flush(f.c.ctx); err != nil && f.c.ctx.Err() == nil {
				f.failed.Do(func() { f.c.t.Errorf("lines were not written: %v", err) })
			}
			return
		}
		for range feedRate / 100 {
			line := x.line()
			add(f.want, line)
			cl.Produce(f.c.ctx, kgo.StringRecord(line), func(_ *kgo.Record, err error) {
				if err != nil && f.c.ctx.Err() == nil {
					f.failed.Do(func() { f.c.t.Errorf("lines were not written: %v", err) })
				}
			})
		}
	}
}

// end stops writing and returns the counts of all words once the broker has all lines.
func (f *feed) end() map[string]int64 {
	select {
	case <-f.stop:
	default:
		close(f.stop)
	}
	f.running.Wait()
	return f.want
}
