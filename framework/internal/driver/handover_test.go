package driver_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/millrace/millrace/framework/internal/driver"
	"github.com/millrace/millrace/framework/internal/engine"
)

// What comes between two halves of a run that must make no difference to event time.
var handOvers = map[string]func(t *testing.T, s *sim, plan *driver.Plan, r *eventsRun) []*eventsRun{
	"nothing": func(_ *testing.T, _ *sim, _ *driver.Plan, r *eventsRun) []*eventsRun { return []*eventsRun{r} },
	"a restart": func(t *testing.T, s *sim, plan *driver.Plan, r *eventsRun) []*eventsRun {
		r.end(t)
		return []*eventsRun{s.begin(plan, nil)}
	},
	"a rebalance": func(_ *testing.T, s *sim, plan *driver.Plan, r *eventsRun) []*eventsRun {
		return []*eventsRun{r, s.begin(plan, nil), s.begin(plan, nil)}
	},
	"a move to another process": func(t *testing.T, s *sim, plan *driver.Plan, r *eventsRun) []*eventsRun {
		next := s.begin(plan, nil)
		time.Sleep(5 * time.Second)
		r.end(t)
		return []*eventsRun{next}
	},
}

func TestARecordThatIsLateBeforeAHandOverIsLateAfterIt(t *testing.T) {
	for name, handOver := range handOvers {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *testing.T, s *sim) {
				s.cluster(2)
				for p := range int32(2) {
					s.at(p, 5, "a")
					s.at(p, 100, "a")
					s.at(p, 6, fmt.Sprintf("a late before, in %d", p))
				}
				plan := events{}.plan(t)
				r := s.begin(plan, nil)
				time.Sleep(5 * time.Second)
				runs := handOver(t, s, plan, r)
				time.Sleep(5 * time.Second)
				for p := range int32(2) {
					s.at(p, 7, fmt.Sprintf("a late after, in %d", p))
					s.at(p, 115, "a")
				}
				time.Sleep(5 * time.Second)
				for _, r := range runs {
					r.end(t)
				}
				if late := s.values(simLate); len(late) != 4 {
					t.Errorf("late are %q, want those of both partitions, before and after", late)
				}
				wantFinals(t, s, "a 0=2", "a 100=2")
			})
		})
	}
}

// The source's own time is wiped, so that it tells none: what is left is what the group committed with the offsets of the topic
// behind it, since the records that carried it are purged.
func TestAPurgedTopicsWatermarkIsThereAfterARestart(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		s.cluster(1)
		s.at(0, 5, "a")
		s.at(0, 100, "a")
		plan := events{}.plan(t)
		r := s.begin(plan, func(c *driver.Config) { c.PurgeEvery = time.Second })
		time.Sleep(10 * time.Second)
		before := r.task(t, "1_0").Watermark
		r.end(t)
		s.wipe(simLines)
		if l := s.log(simPlace{simEvents, 0}); l.start < l.end()-1 {
			t.Fatalf("of %d records only those below %d are purged", l.end(), l.start)
		}
		r = s.begin(plan, nil)
		time.Sleep(5 * time.Second)
		if after := r.task(t, "1_0").Watermark; after != before || after != 100_000 {
			t.Errorf("the watermark was %d before the restart and is %d after it", before, after)
		}
		r.end(t)
	})
}

// wipe forgets what was committed beside the offsets of a topic.
func (s *sim) wipe(topic string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.topics[topic] {
		if p, ok := s.committed[l.at]; ok {
			p.Metadata = ""
			s.committed[l.at] = p
		}
	}
	s.wiped = true
}

// Without its times a group knows less: windows wait until all have spoken, and none is closed twice.
func TestWipedMetadataCostsTimeAndNoSecondFinal(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		s.cluster(2)
		for p := range int32(2) {
			s.at(p, 5, "a")
			s.at(p, 15, "a")
			s.at(p, 25, "a")
		}
		plan := events{}.plan(t)
		r := s.begin(plan, nil)
		time.Sleep(5 * time.Second)
		r.end(t)
		wantFinals(t, s, "a 0=2", "a 10=2")
		s.wipe(simLines)
		s.wipe(simEvents)
		r = s.begin(plan, nil)
		time.Sleep(5 * time.Second)
		if w := r.task(t, "1_0").Watermark; w != engine.NoTime {
			t.Errorf("the watermark is %d, and nobody has spoken", w)
		}
		s.at(0, 6, "a") // its birth is not known any more: it is not late, but its window is closed
		s.at(0, 40, "a")
		time.Sleep(5 * time.Second)
		wantFinals(t, s, "a 0=2", "a 10=2")
		if n := r.dropped(engine.DropReplayed); n != 1 {
			t.Errorf("%d records came to a window that is closed, want 1", n)
		}
		s.at(1, 40, "a")
		time.Sleep(5 * time.Second)
		wantFinals(t, s, "a 0=2", "a 10=2", "a 20=2")
		r.end(t)
	})
}

// Stops and moves at any time: each window has one final, with all its records in it.
func TestNoWindowHasTwoFinalsAfterGracefulStops(t *testing.T) {
	for seed := range uint64(40) {
		inBubble(t, seed, func(t *testing.T, s *sim) {
			s.cluster(3)
			s.faults = simFaults{ack: 200 * time.Millisecond, fetch: 100 * time.Millisecond, hole: 0.05}
			plan := events{}.plan(t)
			want := map[string]int{}
			var runs []*eventsRun
			for second := range 100 {
				for p := range int32(3) {
					key := string(rune('a' + s.rng.IntN(4)))
					s.at(p, float64(second), key)
					want[fmt.Sprintf("%s %d", key, second/10*10)]++
				}
				switch n := s.rng.IntN(12); {
				case len(runs) == 0 || n == 0 && len(runs) < 3:
					runs = append(runs, s.begin(plan, func(c *driver.Config) { c.Workers = 1 + s.rng.IntN(2) }))
				case n == 1:
					runs[0].end(t)
					runs = runs[1:]
				}
				time.Sleep(time.Duration(s.rng.IntN(500)) * time.Millisecond)
			}
			if len(runs) == 0 {
				runs = append(runs, s.begin(plan, nil))
			}
			for p := range int32(3) {
				s.at(p, 110, "z")
			}
			time.Sleep(20 * time.Second)
			for _, r := range runs {
				r.end(t)
			}
			var lines []string
			for window, n := range want {
				lines = append(lines, fmt.Sprintf("%s=%d", window, n))
			}
			wantFinals(t, s, lines...)
			if late := s.values(simLate); len(late) > 0 {
				t.Errorf("late are %q", late)
			}
			for _, v := range s.wrong {
				t.Errorf("%s: %s", v.invariant, v.what)
			}
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		})
	}
}
