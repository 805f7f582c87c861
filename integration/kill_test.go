package integration

import (
	"math/rand"
	"syscall"
	"testing"
	"time"
)

// TestCountsAreNeverTooLowAfterKills kills a serving word count with SIGKILL at random moments while lines come in:
// by turns once it has begun to write counts, and at any time after its start.
func TestCountsAreNeverTooLowAfterKills(t *testing.T) {
	t.Parallel() // most of it is waiting
	kills := number(t, "KILLS", 3)
	c := sharedBroker(t).open(t, time.Minute+time.Duration(kills)*30*time.Second)
	from, to := c.topic("lines", 4), c.topic("counts", 4)
	seed := time.Now().UnixNano()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewSource(seed))
	lines := c.feed(from, seed)
	serve := func() *process {
		return c.wordcount("-brokers", c.broker.address, "-name", c.name, "-from", from, "-to", to)
	}
	for kill := range kills {
		p := serve()
		if kill%2 == 0 {
			c.writesTo(to, p)
		}
		moment := time.Duration(random.Int63n(int64(3 * time.Second)))
		select {
		case <-time.After(moment):
		case <-p.ended:
			t.Fatalf("wordcount ended by itself with exit code %d", p.exit())
		}
		p.signal(syscall.SIGKILL)
		p.exit()
	}
	want := lines.end()
	last := serve()
	got := c.counts(to)
	c.until("no count is too low", got.reach(want))
	stop(last)
	t.Logf("%d kills, %d lines' words; they are counted %d times too often", kills, occurrences(want)/12, occurrences(got.refresh())-occurrences(want))
}

// writesTo waits until a process that was just started writes to a topic.
func (c *cluster) writesTo(topic string, p *process) {
	c.t.Helper()
	before, err := c.ends(topic)
	c.must(err)
	c.until("wordcount writes to topic "+topic, func() (bool, error) {
		select {
		case <-p.ended:
			c.t.Fatalf("wordcount ended by itself with exit code %d", p.exit())
		default:
		}
		now, err := c.ends(topic)
		return sum(now) > sum(before), err
	})
}
