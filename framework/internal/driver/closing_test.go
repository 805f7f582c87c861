package driver_test

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/internal/driver"
)

var simWindows = flag.Int("sim.windows", 1_000_000, "how many windows one record closes")

// One record brings the watermark past a million windows: they are handed on as the memory for records allows, which is 16 MiB, and
// commits go on meanwhile.
func TestAMillionWindowsCloseWithinTheBudget(t *testing.T) {
	windows := *simWindows
	if testing.Short() || simDefault < 100 {
		windows = 100_000
	}
	inBubble(t, 1, func(t *testing.T, s *sim) {
		s.cluster(1)
		s.faults.ack = 50 * time.Millisecond
		r := s.begin(hoppingPlan(t), func(c *driver.Config) { c.BudgetBytes = 16 << 20 })
		for key := range windows / windowsEach {
			s.at(0, 1, fmt.Sprint("key", key))
			if key%5 == 4 {
				time.Sleep(100 * time.Millisecond)
			}
		}
		time.Sleep(5 * time.Second)
		s.mu.Lock()
		r.flown = 0
		s.mu.Unlock()
		before := r.counters.Commits.Load()
		began := time.Now()
		s.at(0, 100, "end")
		closed := func() int {
			s.mu.Lock()
			defer s.mu.Unlock()
			return int(s.log(simPlace{simCopies, 0}).end())
		}
		for closed() < windows && time.Since(began) < time.Hour {
			s.at(0, 100, "more") // of which is committed that it is read
			time.Sleep(100 * time.Millisecond)
		}
		took, commits := time.Since(began), r.counters.Commits.Load()-before
		if n := closed(); n != windows {
			t.Errorf("%d windows are closed, want %d", n, windows)
		}
		if most := 16 << 20 / 400; r.flown > most { // a record takes 384 bytes beside its own
			t.Errorf("up to %d records were not acknowledged, want %d at most", r.flown, most)
		}
		if least := int64(took/time.Second) / 2; commits < max(least, 1) {
			t.Errorf("%d commits in %s", commits, took)
		}
		t.Logf("%d windows in %s, up to %d records not acknowledged, %d commits", windows, took, r.flown, commits)
		r.end(t)
	})
}

// What an atomic connector makes durable as one does not grow with the windows that close at once.
func TestManyWindowsCloseInManyAtomicCommits(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		const windows = 50_000
		s.cluster(1)
		s.onCommit = func([]simPlace) {}
		r := s.begin(hoppingPlan(t), func(c *driver.Config) {
			c.BudgetBytes, c.CommitEvery = 4<<20, 100*time.Millisecond
			c.Connector = &atomicInstance{instance: c.Connector.(*instance)}
		})
		for key := range windows / windowsEach {
			s.at(0, 1, fmt.Sprint("key", key))
			time.Sleep(200 * time.Millisecond)
		}
		time.Sleep(5 * time.Second)
		before := r.counters.Commits.Load()
		s.at(0, 100, "end")
		time.Sleep(time.Minute)
		s.mu.Lock()
		n := s.log(simPlace{simCopies, 0}).end()
		s.mu.Unlock()
		if n != windows {
			t.Errorf("%d windows are closed, want %d", n, windows)
		}
		if commits := r.counters.Commits.Load() - before; commits < 20 {
			t.Errorf("%d commits for %d windows", commits, windows)
		}
		r.end(t)
	})
}

const windowsEach = 1000 // that a record is in

// hoppingPlan puts each line into a thousand windows, which are not made of panes.
func hoppingPlan(t *testing.T) *driver.Plan {
	t.Helper()
	topology := framework.New()
	topology.From(simTopic(simLines)).GroupBy(firstWord).Hopping(windowsEach*time.Millisecond, time.Millisecond).Emit(framework.OnClose).
		Reduce("counts", func(a, _ string) string { return a }).Stream().To(simTopic(simCopies))
	plan, err := topology.Plan("sim")
	if err != nil {
		t.Fatal(err)
	}
	return plan
}
