package driver_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/framework/internal/driver"
)

const patience = 5 * time.Minute

func inBounds(c *driver.Config) { c.Bounded = true }

// someWindows puts records of four keys into three windows of each of the partitions, and returns what their finals are.
func (s *sim) someWindows(partitions int32, stages int) (finals []string) {
	for p := range partitions {
		for second := range 30 {
			s.at(p, float64(second), string(rune('a'+second%4)))
		}
	}
	for window := 0; window < 30; window += 10 {
		for key := range 4 {
			n := 0
			for second := window; second < window+10; second++ {
				if second%4 == key {
					n += int(partitions)
				}
			}
			if stages > 1 {
				n = 1 // the result of the stage before
			}
			finals = append(finals, fmt.Sprintf("%c %d=%d", 'a'+key, window, n))
		}
	}
	return finals
}

func TestABoundedRunClosesTheWindowsOfAllStages(t *testing.T) {
	for _, stages := range []int{1, 3} {
		t.Run(fmt.Sprint(stages), func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, s *sim) {
				s.cluster(3)
				want := s.someWindows(2, stages) // partition 2 is empty
				r := s.begin(events{stages: stages}.plan(t), inBounds)
				r.byItself(t, patience)
				wantFinals(t, s, want...)
			})
		})
	}
}

func TestABoundedRunClosesWhatAnUnboundedOneBeforeItLeftOpen(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		s.cluster(3)
		want := s.someWindows(2, 3)
		plan := events{stages: 3}.plan(t)
		r := s.begin(plan, nil)
		time.Sleep(10 * time.Second)
		r.end(t)
		wantFinals(t, s)
		if lag := s.uncommitted(simLines); lag > 0 {
			t.Fatalf("%d lines are not committed", lag)
		}
		r = s.begin(plan, inBounds)
		r.byItself(t, patience)
		wantFinals(t, s, want...)
	})
}

func TestABoundedRunThatIsStoppedInTheMiddleIsEndedByTheNextOne(t *testing.T) {
	for seed := range uint64(60) {
		inBubble(t, seed, func(t *testing.T, s *sim) {
			s.cluster(3)
			s.faults = simFaults{ack: 100 * time.Millisecond, fetch: 100 * time.Millisecond}
			want := s.someWindows(2, 3)
			plan := events{stages: 3}.plan(t)
			workers := func(c *driver.Config) { c.Bounded, c.Workers = true, 1+int(seed%3) }
			for range 3 {
				r := s.begin(plan, workers)
				time.Sleep(time.Duration(s.rng.Int64N(int64(1500 * time.Millisecond))))
				r.end(t)
			}
			r := s.begin(plan, workers)
			r.byItself(t, patience)
			wantFinals(t, s, want...)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		})
	}
}

// All that the sources have was read by the run before, and this one loses its tasks before it has closed their windows: that nobody has them
// does not end it.
func TestABoundedRunThatLosesItsTasksClosesTheirWindows(t *testing.T) {
	lost := 0
	for seed := range uint64(120) {
		inBubble(t, seed, func(t *testing.T, s *sim) {
			s.cluster(3)
			s.faults = simFaults{ack: 100 * time.Millisecond, fetch: 100 * time.Millisecond}
			s.rejoin = 3 * time.Second
			want := s.someWindows(2, 2)
			plan := events{stages: 2}.plan(t)
			once := func(bounded bool) *eventsRun {
				return s.begin(plan, func(c *driver.Config) {
					c.Connector = transactionalInstance{c.Connector.(*instance)}
					c.ExactlyOnce, c.Bounded, c.Workers = true, bounded, 1+int(seed%2)
				})
			}
			before := once(false)
			time.Sleep(10 * time.Second)
			before.end(t)
			r := once(true)
			time.Sleep(time.Duration(s.rng.Int64N(int64(1500 * time.Millisecond))))
			s.mu.Lock()
			for _, m := range slices.Clone(s.group.members) {
				s.group.lose(m)
				lost++
			}
			s.mu.Unlock()
			r.byItself(t, patience)
			wantFinals(t, s, want...)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		})
	}
	if lost == 0 {
		t.Error("no run lost anything: that shows nothing")
	}
}

// Whoever ends first leaves its tasks to the other one, which must find out that they are done.
func TestTwoProcessesShareABoundedRun(t *testing.T) {
	for seed := range uint64(60) {
		inBubble(t, seed, func(t *testing.T, s *sim) {
			s.cluster(3)
			s.faults = simFaults{ack: 100 * time.Millisecond, fetch: 100 * time.Millisecond}
			want := s.someWindows(2, 3)
			plan := events{stages: 3}.plan(t)
			first := s.begin(plan, inBounds)
			time.Sleep(time.Duration(s.rng.Int64N(int64(time.Second))))
			second := s.begin(plan, inBounds)
			first.byItself(t, patience)
			second.byItself(t, patience)
			wantFinals(t, s, want...)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		})
	}
}

// What the one before it said of the end of the input lies unread in the topic between its tasks.
func TestTheEndOfABoundedRunIsNotTheNextOnes(t *testing.T) {
	for name, next := range map[string]func(*driver.Config){"an unbounded one": nil, "a bounded one": inBounds} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, s *sim) {
				s.cluster(1)
				s.at(0, 5, "a")
				plan := events{}.plan(t)
				s.stuck = map[simPlace]bool{{simEvents, 0}: true}
				r := s.begin(plan, inBounds)
				time.Sleep(10 * time.Second)
				r.end(t)
				s.stuck = nil
				s.at(0, 6, "a")
				s.at(0, 15, "a")
				r = s.begin(plan, next)
				if next == nil {
					time.Sleep(10 * time.Second)
					r.end(t)
					wantFinals(t, s, "a 0=2")
					return
				}
				r.byItself(t, patience)
				wantFinals(t, s, "a 0=2", "a 10=1")
			})
		})
	}
}
