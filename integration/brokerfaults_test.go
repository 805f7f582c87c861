package integration

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/testcontainers/testcontainers-go"
	"github.com/twmb/franz-go/pkg/kgo"
)

// brokerFault is what a broker suffers.
type brokerFault struct {
	name       string
	away, back func(context.Context, *broker) error
	least      time.Duration // that it is away
}

var brokerFaults = []brokerFault{
	{"kill -9", killBroker, restartBroker, 0},
	{"pause", hang, goOn, briefSession + briefTransaction},
	{"restart", stopBroker, restartBroker, 0},
}

// TestCountsAreExactWhateverTheBrokerSuffers kills, pauses and restarts the only broker, by turns, under three instances of an exactly-once
// word count. What is committed at the end is what a batch program counts in the lines that the broker has, each count once.
//
// A killed process loses nothing that it wrote, since the system still has it: what one broker that loses its memory, too, forgets is not
// shown here. That is what replicas are for.
func TestCountsAreExactWhateverTheBrokerSuffers(t *testing.T) {
	t.Parallel() // most of it is waiting
	n := number(t, "BROKER_FAULTS", len(brokerFaults))
	seed := int64(number(t, "SEED", int(time.Now().UnixNano())))
	t.Logf("SEED=%d", seed)
	b := faultyBroker(t)
	hits, aborts, checked := map[string]int{}, 0, int64(0)
	for done := 0; done < n && !t.Failed(); done += faultsARound {
		f := newFleet(t, b, 3*time.Minute+faultsARound*time.Minute, seed+int64(done))
		f.underFaults(min(n-done, faultsARound), hits)
		f.c.forget()
		for _, p := range f.running {
			aborts += bytes.Count(p.stderr.Bytes(), []byte("going back to the last commit"))
		}
		checked += f.checked
	}
	t.Logf("%v; instances went back to their last commit %d times; %d words counted once each", hits, aborts, checked)
	if !t.Failed() && (len(hits) < min(n, len(brokerFaults)) || aborts == 0 || checked == 0) {
		t.Error("one of these is 0: nothing is shown")
	}
}

// faultsARound is after how many faults topics are made anew, so that they can be read to the end in a long run, too.
const faultsARound = 9

// underFaults counts words while the broker suffers, and notes what it did.
func (f *fleet) underFaults(n int, hits map[string]int) {
	c := f.c
	from, to := c.topic("lines", 4), c.topic("counts", 4)
	lines := c.feed(from, f.random.Int63())
	f.start = func(i int) *process { return f.launch(i, i > 0, "wordcount", "-from", from, "-to", to) }
	f.begin()
	c.writesTo(to, f.running[0])
	for i := range n {
		fault := brokerFaults[i%len(brokerFaults)]
		c.sleep(time.Duration(f.random.Int63n(int64(2*time.Second))), f.running[:]...)
		c.must(fault.away(c.ctx, c.broker))
		hits[fault.name]++
		away := fault.least + time.Duration(f.random.Int63n(int64(2*time.Second)))
		c.sleep(away, f.running[:]...)
		c.must(fault.back(c.ctx, c.broker))
		back := time.Now()
		f.caughtUp(from)
		c.t.Logf("%s, away for %s; lines are committed again after %s", fault.name, away.Round(time.Millisecond), time.Since(back).Round(time.Millisecond))
	}
	fed, want := lines.end(), map[string]int64{}
	c.reader(from).each(func(r *kgo.Record) { add(want, string(r.Value)) })
	if !maps.Equal(want, fed) {
		c.t.Errorf("the broker has lines with %d words, and %d were acknowledged", occurrences(want), occurrences(fed))
	}
	got := c.counts(to)
	f.untilCounted(got, want)
	f.end()
	got.equal(want)
	c.neverTwice(to)
	f.checked = occurrences(want)
}

// caughtUp waits until all that is in a topic now is committed.
func (f *fleet) caughtUp(topic string) {
	f.c.t.Helper()
	var ends map[int32]int64
	f.c.until("the broker is back", func() (held bool, err error) {
		ends, err = f.c.ends(topic)
		return len(ends) > 0, err
	})
	f.c.until("lines are committed again", func() (bool, error) {
		f.c.sleep(0, f.running[:]...)
		committed, err := f.c.committed(f.c.name, topic)
		for p, end := range ends {
			if committed[p] < end {
				return false, err
			}
		}
		return true, err
	})
}

// faultyBroker returns a broker that only this test uses, and whose storage stays while its container is stopped and started.
func faultyBroker(t *testing.T) *broker {
	t.Helper()
	needEngine(t)
	b, err := startBroker(t.Context(), brief, testcontainers.WithCmd("sh", "-c", startsAgain))
	if err != nil {
		unavailable(t, "no broker starts in a container", err)
	}
	t.Cleanup(func() {
		if err := b.remove(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// killBroker ends the broker's process without a word.
func killBroker(ctx context.Context, b *broker) error {
	if err := signal(ctx, b, "SIGKILL"); err != nil {
		return err
	}
	for tick := time.Tick(20 * time.Millisecond); ; <-tick {
		switch s, err := b.container.State(ctx); {
		case err != nil:
			return err
		case !s.Running && s.ExitCode == 128+9:
			return nil
		case !s.Running:
			return fmt.Errorf("the broker was killed, and ended with exit code %d", s.ExitCode)
		}
	}
}
