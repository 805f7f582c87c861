package disk

import (
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// The database begins to merge files while it is opened, and then waits for the end of that before it is open, which takes seconds
// where the folder was just filled. So merging is held back until it is open.

// scheduler says when the database may merge files: one merge at a time, and none before it is open.
type scheduler struct {
	pebble.CompactionScheduler
	opened atomic.Bool
}

// newScheduler has the database's own scheduler without its clock, which follows a limit that changes; here the limit is always one.
func newScheduler() *scheduler {
	return &scheduler{CompactionScheduler: pebble.NewConcurrencyLimitSchedulerWithNoPeriodicGrantingForTest()}
}

// TrySchedule is called by the database when it wants to merge. What is refused waits for the end of the merge that goes on, or for open.
func (s *scheduler) TrySchedule() (bool, pebble.CompactionGrantHandle) {
	if !s.opened.Load() {
		return false, nil
	}
	return s.CompactionScheduler.TrySchedule()
}

// open lets the database merge. The end of a merge, which is none here, is when the next one is begun.
func (s *scheduler) open() {
	s.opened.Store(true)
	if granted, merge := s.CompactionScheduler.TrySchedule(); granted {
		merge.Done()
	}
}
