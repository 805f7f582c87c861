package driver_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/internal/driver"
	"github.com/millrace/millrace/framework/internal/engine"
)

// aligned lets partitions be a minute apart.
func aligned(c *driver.Config) { c.MaxDrift = time.Minute }

// speeds makes a partition that is read ten times as fast as another one, and an empty one.
func (s *sim) speeds(lines int) {
	s.cluster(3)
	for second := range lines {
		s.at(0, float64(second), "fast")
		s.at(1, float64(second), "slow")
	}
	s.slow = map[simPlace]time.Duration{{simLines, 0}: 10 * time.Millisecond, {simLines, 1}: 100 * time.Millisecond}
}

// furthest follows how far partition 0 is ahead of partition 1, as long as both have records to be read, until nothing is left.
func furthest(t *testing.T, s *sim, patience time.Duration, runs ...*eventsRun) (drift time.Duration) {
	t.Helper()
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		var at [2]int64
		behind := 0
		for _, r := range runs {
			for _, task := range r.progress.Tasks() {
				if task.Sub == 0 && task.Partition < 2 {
					if in := task.Inputs[0]; in.Lag > 0 && in.Time != engine.NoTime {
						at[task.Partition] = in.Watermark
						behind++
					}
				}
			}
		}
		if behind == 2 {
			drift = max(drift, time.Duration(at[0]-at[1])*time.Millisecond)
		}
		left := s.uncommitted(simLines)
		if left == 0 {
			return drift
		}
	}
	t.Errorf("after %s %d lines are not committed", patience, s.uncommitted(simLines))
	return drift
}

func TestAFastPartitionIsNotFarAheadOfASlowOne(t *testing.T) {
	for name, c := range map[string]struct {
		workers, processes int
	}{
		"in one worker":    {1, 1},
		"in three workers": {3, 1},
		"in two processes": {1, 2},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 3, func(t *testing.T, s *sim) {
				const lines = 3000
				s.speeds(lines)
				plan := events{}.plan(t)
				var runs []*eventsRun
				for range c.processes {
					runs = append(runs, s.begin(plan, func(d *driver.Config) { d.MaxDrift, d.Workers = time.Minute, c.workers }))
				}
				drift := furthest(t, s, 30*time.Minute, runs...)
				if most := 80 * time.Second; drift > most { // a minute, and the records of one fetch
					t.Errorf("it was up to %s ahead, want %s at most", drift, most)
				}
				pauses := int64(0)
				for _, r := range runs {
					pauses += r.counters.Pauses[5].Load()
					r.end(t)
				}
				if pauses == 0 {
					t.Error("it never waited: the test proves nothing")
				}
			})
		})
	}
}

// What the test above is trusted by.
func TestWithoutADriftAFastPartitionIsFarAhead(t *testing.T) {
	inBubble(t, 3, func(t *testing.T, s *sim) {
		s.speeds(3000)
		r := s.begin(events{}.plan(t), nil)
		if drift := furthest(t, s, 30*time.Minute, r); drift < 20*time.Minute {
			t.Errorf("it was %s ahead", drift)
		}
		r.end(t)
	})
}

// A partition that is read to its end holds the watermark, not the reading.
func TestNoPartitionWaitsForOneThatIsReadToItsEnd(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		s.cluster(3) // partition 2 is empty
		s.at(1, 1, "a")
		for second := range 2000 {
			s.at(0, float64(second*10), "a")
		}
		r := s.begin(events{}.plan(t), aligned)
		furthest(t, s, time.Minute, r)
		r.end(t)
	})
}

// Its operators hold records, so that what is committed says that it lags: it has nothing to be read all the same.
func TestNoPartitionWaitsForEverForWhatAnotherProcessHolds(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		s.cluster(2)
		topology := framework.New()
		topology.From(simTopic(simLines)).
			Batch(framework.BatchLimit{Count: 100}, func(lines []string) string { return fmt.Sprint(len(lines)) }).
			To(noKeys(simCopies))
		plan, err := topology.Plan("sim")
		if err != nil {
			t.Fatal(err)
		}
		first, second := s.begin(plan, aligned), s.begin(plan, aligned)
		time.Sleep(5 * time.Second)
		for len(first.progress.Tasks()) != 1 {
			s.mu.Lock()
			s.group.rebalance()
			s.mu.Unlock()
			time.Sleep(5 * time.Second)
		}
		for i := range 100 { // a batch is committed, so that the group knows where each partition is
			s.at(0, float64(i)/100, "a")
			s.at(1, float64(i)/100, "a")
		}
		s.at(1, 2, "held") // for good
		time.Sleep(5 * time.Second)
		for second := range 1000 {
			s.at(0, float64(second*10), "a")
		}
		time.Sleep(time.Minute)
		s.mu.Lock()
		left := s.lag(simLines)
		s.mu.Unlock()
		if left > 100 {
			t.Errorf("%d lines are not committed: partition 0 waits for one that is held in partition 1", left)
		}
		first.end(t)
		second.end(t)
	})
}

// Whatever the times, the drift and who has what: all is read in the end.
func TestAlignmentStopsNobodyForEver(t *testing.T) {
	for seed := range uint64(60) {
		inBubble(t, seed, func(t *testing.T, s *sim) {
			partitions := 1 + s.rng.Int32N(5)
			s.cluster(partitions)
			s.faults = simFaults{ack: 50 * time.Millisecond, fetch: 50 * time.Millisecond, hole: 0.1, commitRefused: 0.1, adminFails: 0.2}
			for p := range partitions {
				second := s.rng.Float64() * 1000
				for range s.rng.IntN(300) {
					if second += s.rng.Float64() * 20; s.rng.IntN(50) == 0 {
						second += 10_000
					}
					s.at(p, second-float64(s.rng.IntN(5)), "a")
				}
			}
			plan := events{}.plan(t)
			drift := []time.Duration{time.Millisecond, time.Second, time.Minute, time.Hour}[s.rng.IntN(4)]
			var runs []*eventsRun
			for range 1 + s.rng.IntN(3) {
				workers := 1 + s.rng.IntN(3)
				runs = append(runs, s.begin(plan, func(c *driver.Config) { c.MaxDrift, c.Workers, c.BudgetBytes = drift, workers, 16<<10 }))
				time.Sleep(time.Duration(s.rng.IntN(2000)) * time.Millisecond)
			}
			for range 3 {
				s.mu.Lock()
				s.group.rebalance()
				s.mu.Unlock()
				time.Sleep(time.Duration(s.rng.IntN(3000)) * time.Millisecond)
			}
			furthest(t, s, 4*time.Hour, runs...)
			for _, r := range runs {
				r.end(t)
			}
			if t.Failed() {
				t.Fatalf("seed %d: %d partitions, %d processes, a drift of %s", seed, partitions, len(runs), drift)
			}
		})
	}
}
