package integration

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestCountsAreExactInAStormOfRebalances lets one to eight members of an exactly-once word count join and leave without a pause while
// lines come in. Each commits before it lets go of a partition, so that nobody has to go back, and each word is counted once.
func TestCountsAreExactInAStormOfRebalances(t *testing.T) {
	t.Parallel() // most of it is waiting
	rebalances := number(t, "STORM_REBALANCES", 100)
	s := newStorm(sharedBroker(t).open(t, 2*time.Minute+time.Duration(rebalances)*3*time.Second), uint64(number(t, "SEED", rand.Int())))
	from, to := s.c.topic("lines", 8), s.c.topic("counts", 8)
	s.from, s.build = from, countWords(from, to)
	began := time.Now()
	for s.generation() < rebalances {
		s.stir()
	}
	took := time.Since(began)
	s.c.must(s.writer.Flush(s.c.ctx))
	got := s.c.counts(to)
	s.c.until("all lines are counted", got.reach(s.want), s.apps()...)
	for len(s.members) > 0 {
		s.leave()
	}
	got.equal(s.want)
	s.c.neverTwice(to)
	checked := occurrences(s.want)
	t.Logf("SEED=%d: %d rebalances in %s by %d that joined, %d words counted, %d times back to the last commit",
		s.seed, s.generation(), took.Round(time.Second), s.joined, checked, s.aborts)
	if s.aborts > 0 {
		t.Errorf("healthy members went back to their last commit %d times", s.aborts)
	}
	if checked == 0 {
		t.Error("no word was counted: nothing is shown")
	}
}

const (
	mostMembers = 8
	lull        = 3 * time.Second // after which more come and go
)

// storm is members of a group that come and go.
type storm struct {
	c       *cluster
	seed    uint64
	rng     *rand.Rand
	build   func(*framework.Topology)
	members []*served
	joined  int
	left    int   // generation that those who left knew of
	aborts  int64 // of those who left

	from   string
	lines  *text
	writer *kgo.Client
	want   map[string]int64
}

func newStorm(c *cluster, seed uint64) *storm {
	c.t.Logf("SEED=%d", seed)
	return &storm{
		c: c, seed: seed, rng: rand.New(rand.NewPCG(seed, 0)),
		lines: newText(int64(seed >> 1)), writer: c.connect(), want: map[string]int64{},
	}
}

// stir lets members join and leave, one or several at once, mostly without waiting for what became of the ones before.
func (s *storm) stir() {
	s.c.t.Helper()
	before := s.generation()
	for range 1 + s.rng.IntN(3) {
		s.feed()
		if n := len(s.members); n < 2 || n < mostMembers && s.rng.IntN(2) == 0 {
			s.join()
		} else {
			s.leave()
		}
	}
	began := time.Now()
	s.c.until("the group is rebalanced", func() (bool, error) {
		s.feed()
		return s.generation() > before || time.Since(began) > lull, nil // who left at once was no member yet
	}, s.apps()...)
}

// feed writes some lines, and waits for none of them.
func (s *storm) feed() {
	for range 50 {
		line := s.lines.line()
		add(s.want, line)
		s.writer.Produce(s.c.ctx, &kgo.Record{Topic: s.from, Value: []byte(line)}, func(_ *kgo.Record, err error) {
			if err != nil && s.c.ctx.Err() == nil {
				s.c.t.Errorf("a line was not written: %v", err)
			}
		})
	}
}

func (s *storm) join() {
	s.c.t.Helper()
	r := &served{wire: newWire()}
	r.running = s.c.run(framework.Config{
		Guarantee: framework.ExactlyOnce, Instance: fmt.Sprint(s.joined), Workers: 1,
		Connectors: []connector.Connector{s.c.connector(
			r.wire.option(), kgo.SessionTimeout(sessionLength), kgo.TransactionTimeout(shortTransaction), kgo.UnknownTopicRetries(-1),
		)},
	}, s.build)
	s.joined++
	s.members = append(s.members, r)
}

// leave stops a member, which may not have come to its first assignment yet.
func (s *storm) leave() {
	s.c.t.Helper()
	n := s.rng.IntN(len(s.members))
	r := s.members[n]
	s.members = append(s.members[:n:n], s.members[n+1:]...)
	r.halt()
	s.aborts += r.app.Stats().Aborts
	s.left = max(s.left, r.wire.told())
}

// generation is how often the group was rebalanced, as far as its members were told.
func (s *storm) generation() int {
	highest := s.left
	for _, r := range s.members {
		highest = max(highest, r.wire.told())
	}
	return highest
}

func (s *storm) apps() (apps []*running) {
	for _, r := range s.members {
		apps = append(apps, r.running)
	}
	return apps
}
