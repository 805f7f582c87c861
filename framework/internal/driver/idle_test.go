package driver_test

import (
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/internal/driver"
	"github.com/millrace/millrace/framework/internal/engine"
)

func idleAfter(d time.Duration) func(framework.Topic[string, string]) framework.Topic[string, string] {
	return func(t framework.Topic[string, string]) framework.Topic[string, string] { return t.IdleAfter(d) }
}

// Partition 0 is far, and has a record every five seconds; partition 1 has nothing.
func aSilentPartition(s *sim) {
	s.cluster(2)
	s.at(0, 5, "a")
	s.alive(0, 100)
}

// alive produces a line to a partition every five seconds, always of the same event time.
func (s *sim) alive(partition int32, second float64) {
	if s.ctx.Err() == nil {
		s.at(partition, second, "z")
		time.AfterFunc(5*time.Second, func() { s.alive(partition, second) })
	}
}

func TestWithoutAnIdleTimeOutAnEmptyPartitionHoldsWindowsBackForEver(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		aSilentPartition(s)
		r := s.begin(events{}.plan(t), nil)
		time.Sleep(time.Hour)
		wantFinals(t, s)
		r.end(t)
	})
}

func TestAnEmptyPartitionIsLeftOutWhenItsTimeIsUp(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		aSilentPartition(s)
		r := s.begin(events{source: idleAfter(time.Minute)}.plan(t), nil)
		time.Sleep(59 * time.Second)
		wantFinals(t, s)
		time.Sleep(3 * time.Second)
		wantFinals(t, s, "a 0=1")
		if in := r.input(t, "0_1", 0); !in.Idle {
			t.Errorf("partition 1 is %+v", in)
		}
		r.end(t)
	})
}

func TestThatATaskIsIdleGoesDownstreamAndIsCommittedWithTheOffset(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		aSilentPartition(s)
		r := s.begin(events{source: idleAfter(time.Minute)}.plan(t), nil)
		time.Sleep(65 * time.Second)
		idle := slices.ContainsFunc(s.told(simEvents, 0), func(c simControl) bool { return c.task == 1 && c.idle })
		if !idle {
			t.Errorf("task 0_1 told %+v", s.told(simEvents, 0))
		}
		r.end(t)
		for p := range int32(2) {
			times, err := engine.DecodeTimes(s.committed[simPlace{simEvents, p}].Metadata)
			if err != nil || !slices.Equal(times.Idle, []bool{false, true}) {
				t.Errorf("with the offset of partition %d %+v was committed (%v)", p, times, err)
			}
		}
	})
}

func TestARecordEndsThatAPartitionIsIdle(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		s.cluster(2)
		s.alive(0, 5)
		r := s.begin(events{source: idleAfter(time.Minute)}.plan(t), nil)
		time.Sleep(65 * time.Second)
		s.at(1, 7, "b")
		time.Sleep(5 * time.Second)
		if in := r.input(t, "0_1", 0); in.Idle {
			t.Errorf("partition 1 is still idle: %+v", in)
		}
		s.at(0, 100, "a") // partition 1 holds it back again
		time.Sleep(5 * time.Second)
		wantFinals(t, s)
		s.at(1, 101, "b")
		time.Sleep(5 * time.Second)
		if got := s.finals(t); len(got) != 2 {
			t.Errorf("the final results are %q, want those of z and b", got)
		}
		r.end(t)
	})
}

// What an idle partition brings late is late by luck, and is counted on its own.
func TestAnIdlePartitionThatWakesWithAnOldRecordIsCountedApart(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		aSilentPartition(s)
		r := s.begin(events{source: idleAfter(time.Minute)}.plan(t), nil)
		time.Sleep(65 * time.Second)
		s.at(1, 6, "a") // its window is closed
		s.at(1, 105, "a")
		time.Sleep(5 * time.Second)
		if idle, late := r.dropped(engine.DropLateIdle), r.dropped(engine.DropLate); idle != 1 || late != 0 {
			t.Errorf("%d are late since a partition was idle and %d are late, want 1 and 0", idle, late)
		}
		wantFinals(t, s, "a 0=1")
		r.end(t)
	})
}

// While the topic behind is too far behind nothing is read: that says nothing of whether there is something.
func TestAPausedPartitionIsNeverIdle(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		aSilentPartition(s)
		r := s.begin(events{source: idleAfter(time.Minute)}.plan(t), nil)
		time.Sleep(5 * time.Second)
		s.mu.Lock()
		s.ahead = 1 << 30
		s.mu.Unlock()
		time.Sleep(10 * time.Minute)
		if in := r.input(t, "0_1", 0); in.Pauses != driver.PauseDownstream || in.Idle {
			t.Fatalf("partition 1 is %+v, want it to be paused and not idle", in)
		}
		wantFinals(t, s)
		s.mu.Lock()
		s.ahead = 0
		s.mu.Unlock()
		time.Sleep(50 * time.Second) // it is silent since it is read again
		wantFinals(t, s)
		time.Sleep(15 * time.Second)
		wantFinals(t, s, "a 0=1")
		r.end(t)
	})
}

func TestALaggingPartitionIsNeverIdle(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		aSilentPartition(s)
		s.at(1, 6, "a")
		s.stuck = map[simPlace]bool{{simLines, 1}: true} // its leader does not answer
		r := s.begin(events{source: idleAfter(time.Minute)}.plan(t), nil)
		time.Sleep(10 * time.Minute)
		if in := r.input(t, "0_1", 0); in.Lag != 1 || in.Idle {
			t.Fatalf("partition 1 is %+v, want it to lag and not to be idle", in)
		}
		wantFinals(t, s)
		s.mu.Lock()
		s.stuck = nil
		s.group.notify()
		s.mu.Unlock()
		time.Sleep(50 * time.Second)
		wantFinals(t, s)
		time.Sleep(15 * time.Second)
		wantFinals(t, s, "a 0=2")
		r.end(t)
	})
}

// A task whose stores are restored for longer than the time-out is not idle by that.
func TestARestoringPartitionIsNeverIdle(t *testing.T) {
	inBubble(t, 1, func(t *testing.T, s *sim) {
		aSilentPartition(s)
		front := func(lines framework.Stream[string, string]) framework.Stream[string, string] { return numbered(lines) }
		plan := events{source: idleAfter(time.Minute), front: front}.plan(t)
		s.restoring = 10 * time.Minute
		r := s.begin(plan, nil)
		time.Sleep(5 * time.Minute)
		if task := r.task(t, "0_1"); !task.Restoring || task.Inputs[0].Idle {
			t.Fatalf("task 0_1 is %+v, want it to restore and not to be idle", task)
		}
		time.Sleep(5*time.Minute + 50*time.Second)
		if in := r.input(t, "0_1", 0); in.Idle {
			t.Errorf("partition 1 is idle 50 s after it was restored")
		}
		time.Sleep(15 * time.Second)
		if in := r.input(t, "0_1", 0); !in.Idle {
			t.Errorf("partition 1 is not idle 65 s after it was restored")
		}
		r.end(t)
	})
}
