package driver

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

// stage runs what is behind a buffer on a goroutine of its own. The task in front is a worker's, or another stage. Both
// meet in the buffer's queue, and in a handover: what the stage made and up to which record of the queue it is done.
type stage struct {
	inner    *engine.Stage
	stages   []*stage // behind this one
	shared   *shared
	pool     engine.Pool
	used     *engine.Arena // of the handover that was taken last; only the stage's goroutine uses it
	up       func()        // tells the one in front that there is something to take
	fail     func(error)
	every    *atomic.Int64 // ns between two control records to a partition
	news     chan struct{} // capacity 1: the queue got a record, a handover was taken, or the stage is to drain
	ended    chan struct{} // closed when the goroutine is gone
	drain    atomic.Bool   // what is kept back is to be handed on, until nothing is left
	keeps    bool          // of the last handover; for the one in front
	controls int64         // control records that the stage and those behind it wrote; for the one in front
	stored   int64         // bytes that their stores take; for the one in front

	mu     sync.Mutex // guards what follows
	handed *handover  // not taken yet
}

// handover is what a stage made between two of its flushes.
type handover struct {
	changelog, outputs []connector.Out // their bytes are the stage's until it hands over again
	below              int64
	failures           []engine.Failure
	drops              [engine.Reasons]int64
	keeps              bool // what is left in the stage waits for the clock, not for work
	controls           int64
	stored             int64
}

// launch starts the stages behind a task. They end with ctx.
func (s *shared) launch(ctx context.Context, t *engine.Task, up func(), fail func(error), every *atomic.Int64) (stages []*stage) {
	for _, inner := range t.Stages() {
		st := &stage{inner: inner, shared: s, up: up, fail: fail, every: every, news: make(chan struct{}, 1), ended: make(chan struct{})}
		inner.Notify, inner.Freed = st.wake, up
		inner.Draining = func() { st.drain.Store(true); st.wake() }
		st.stages = s.launch(ctx, inner.Task, st.wake, fail, every)
		inner.Begin(st.pool.NewArena())
		go func() { // wait waits for it
			defer close(st.ended)
			s.within(func() { st.run(ctx) })
		}()
		stages = append(stages, st)
	}
	return stages
}

func (s *stage) wake() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// run processes the queue's records and fires the stage's timers.
func (s *stage) run(ctx context.Context) {
	flushed, dirty := time.Now(), false
	for ctx.Err() == nil {
		now := time.Now()
		s.inner.ControlEvery = s.every.Load()
		worked, err := s.turn(now)
		dirty = dirty || s.inner.Telling() <= now.UnixNano()
		if dirty = dirty || worked; err == nil && dirty && (!worked || now.Sub(flushed) > s.shared.flushBusy) {
			var handed bool
			if handed, err = s.hand(!worked); handed {
				flushed, dirty = now, worked && s.shared.atomic // it tells once more, when it rests
				s.up()
			}
		}
		if err != nil {
			s.fail(err)
			s.up()
			return
		}
		if worked {
			continue
		}
		timer := time.NewTimer(s.patience(now, dirty))
		select {
		case <-s.news:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// turn does what is to be done now: what stages behind made, timers, one record.
func (s *stage) turn(now time.Time) (worked bool, err error) {
	worked = collect(s.inner.Task, s.stages)
	if at := now.UnixNano(); s.inner.Task.Wake() <= at {
		worked = true
		err = s.inner.Tick(at)
	} else {
		s.inner.Clock(at)
	}
	if err == nil && s.inner.Looping() {
		worked = true
		err = s.inner.Pump()
	}
	if err == nil && !s.inner.Blocked() && s.inner.Next() {
		return true, s.inner.Err()
	}
	if err != nil || !s.drain.Load() {
		return worked, err
	}
	blocked := s.inner.Blocked()
	if err = s.inner.Drain(); !blocked || s.inner.Blocked() { // the queue is empty, or what is kept back is fed back for ever
		s.drain.Store(false)
	}
	return true, err
}

// patience is how long there may be nothing to do.
func (s *stage) patience(now time.Time, dirty bool) time.Duration {
	wait, at := time.Minute, s.inner.Task.Wake()
	if dirty {
		wait = s.shared.flushBusy // the handover before is not taken yet
	} else {
		at = min(at, s.inner.Telling())
	}
	if at != engine.Never {
		wait = min(wait, time.Duration(at-now.UnixNano()))
	}
	return max(wait, 0)
}

// hand flushes the stage and hands over what it made, unless the last handover is still there. rests: there is nothing to do.
func (s *stage) hand(rests bool) (bool, error) {
	s.mu.Lock()
	taken := s.handed == nil
	s.mu.Unlock()
	if !taken {
		return false, nil
	}
	if s.used != nil {
		s.used.Release()
	}
	if err := s.inner.Flush(); err != nil {
		return false, err
	}
	ready := s.inner.Ready()
	h := &handover{changelog: slices.Clone(ready.Changelog), outputs: slices.Clone(ready.Outputs)}
	h.below, h.failures = s.inner.Finished()
	for _, behind := range s.stages {
		h.controls += behind.controls
		h.stored += behind.stored
	}
	h.controls += s.inner.Controls()
	h.stored += s.inner.Stored()
	h.drops, h.keeps = s.inner.Dropped(), rests && s.inner.Holding() && !busy(s.stages)
	s.used = s.inner.Arena()
	s.inner.Done()
	s.inner.Begin(s.pool.NewArena())
	s.mu.Lock()
	s.handed = h
	s.mu.Unlock()
	return true, nil
}

// collect takes what the stages behind a task handed over. It is called on the goroutine of the task.
func collect(t *engine.Task, stages []*stage) (some bool) {
	for _, s := range stages {
		s.mu.Lock()
		h := s.handed
		s.mu.Unlock()
		if h == nil {
			continue
		}
		t.Adopt(h.changelog, h.outputs)
		t.Dropped(h.drops)
		s.inner.Finish(h.below, h.failures)
		s.keeps, s.controls, s.stored = h.keeps, h.controls, h.stored
		s.mu.Lock()
		s.handed = nil
		s.mu.Unlock()
		s.wake()
		some = true
	}
	return some
}

// busy says that a stage has something to do, as far as it told.
func busy(stages []*stage) bool {
	return slices.ContainsFunc(stages, func(s *stage) bool { return !s.keeps && !idle([]*stage{s}) })
}

// idle says that nothing is left behind the task: all that the stages were given is done with and taken.
func idle(stages []*stage) bool {
	for _, s := range stages {
		s.mu.Lock()
		handed := s.handed != nil
		s.mu.Unlock()
		if handed || !s.inner.Empty() {
			return false
		}
	}
	return true
}

// wait returns when the goroutines of the stages are gone.
func wait(stages []*stage) {
	for _, s := range stages {
		<-s.ended
		wait(s.stages)
	}
}
