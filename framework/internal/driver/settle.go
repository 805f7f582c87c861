package driver

import (
	"slices"
	"time"

	"github.com/millrace/millrace/framework/internal/engine"
)

// begin opens a round.
func (w *worker) begin() {
	w.open = &round{arena: w.pool.NewArena(), budget: w.shared.budget, faults: &w.faults, wake: w.wake}
	w.open.ack = w.open.acked
	w.open.pending.Store(1)
	for _, t := range w.tasks {
		t.Begin(w.open.arena)
	}
}

// flush ends the running round.
func (w *worker) flush() error {
	now := time.Now()
	for _, t := range w.tasks {
		if !t.runs() {
			continue
		}
		collect(t.Task, t.stages)
		t.Clock(now.UnixNano()) // which says what watermarks are to be sent
		if err := t.Flush(); err != nil {
			t.failed = true
			return err
		}
		w.write(t)
	}
	r := w.open
	for _, t := range w.tasks {
		if !t.runs() {
			continue
		}
		for i, p := range t.inputs {
			if offset, moment := t.Committable(i); offset != p.flushed && w.shared.plan.Topics[p.at.Topic].Port == nil {
				r.positions = append(r.positions, partitionPosition{p, offset, moment})
				p.flushed = offset
			}
		}
		if t.Ended() && !t.Holding() && idle(t.stages) {
			r.ended = append(r.ended, t)
		}
	}
	w.closed = append(w.closed, r)
	w.unsaved = w.shared.atomic
	w.begin()
	r.release()
	w.busyFor = w.shared.busyFor(w.processed, now.Sub(w.flushed), w.lag())
	w.dirty, w.flushed, w.processed = false, now, 0
	if !w.shared.atomic {
		w.written = 0
	}
	return nil
}

// lag returns the records that are still to be read of the worker's partitions.
func (w *worker) lag() (lag int64) {
	for _, p := range w.parts {
		lag += p.lag()
	}
	return lag
}

// busyFor returns how old the next round gets while there is lag, from what the last one did. With more than two seconds of
// lag results are late whatever a round does, and longer rounds catch up faster: they fold more records before the
// repartition and log each key less often.
func (s *shared) busyFor(processed int64, took time.Duration, lag int64) time.Duration {
	if processed == 0 || took <= 0 {
		return s.flushBusy
	}
	if behind := float64(lag) / float64(processed) * took.Seconds(); behind > 2 {
		return s.flushBehind
	}
	return s.flushBusy
}

// settle flushes and commits when it is time to.
func (w *worker) settle() error {
	now := time.Now()
	w.acknowledge()
	if w.shared.atomic {
		err := w.settleAtomic(now)
		w.purgeDue(now)
		return err
	}
	if w.flushDue(now) {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.acknowledge()
	if err := w.answer(); err != nil {
		return err
	}
	if w.commitDue(now) {
		w.commit(w.closing) // a stop lets it end
	}
	w.purgeDue(now)
	return nil
}

func (w *worker) flushDue(now time.Time) bool {
	return w.dirty && (now.Sub(w.flushed) >= w.flushAfter() || w.full()) || w.telling() <= now.UnixNano()
}

// full says that windows are closing, and that the running round, or what an atomic connector has got since the last commit, has taken its part of the memory: for each result that was handed
// on the end of the round writes a tombstone, which is counted only then.
func (w *worker) full() bool {
	return w.written > w.shared.budget.unacked/2/int64(len(w.shared.workers)) && slices.ContainsFunc(w.tasks, func(t *task) bool { return t.Closing() })
}

// flushAfter is how old a round gets. While there is lag more is to come, even if the queues are empty now.
// While an earlier round is not acknowledged the brokers are what everything waits for: this one goes on folding.
func (w *worker) flushAfter() time.Duration {
	if w.shared.through.waiting() {
		return 0
	}
	if len(w.closed) > 0 {
		return w.shared.flushSlow
	}
	for _, p := range w.parts {
		if !p.empty() || p.lag() > 0 && p.pauses&^PauseMemory == 0 {
			return w.busyFor
		}
	}
	return w.shared.flushIdle
}

// acknowledge takes the rounds that are acknowledged, oldest first.
func (w *worker) acknowledge() {
	for len(w.closed) > 0 && w.closed[0].pending.Load() == 0 && !w.closed[0].failed.Load() {
		if w.logNext(w.closed[0]) {
			continue
		}
		w.settled = append(w.settled, w.closed[0].positions...)
		w.shared.through.settled(w.closed[0].positions)
		if w.shared.atomic {
			w.ended = append(w.ended, w.closed[0].ended...)
		} else {
			w.shared.ending.ended(w.closed[0].ended, w.index)
		}
		w.finished(w.closed[0])
		w.closed = slices.Delete(w.closed, 0, 1)
	}
}

// patience returns how long a poll may wait: until the next thing to do by time, not at all if there are records to process.
func (w *worker) patience() time.Duration {
	now := time.Now()
	wait := time.Second
	if len(w.loads) > 0 {
		return 0
	}
	if w.sealed() {
		return wait // the acknowledgement or the answer wakes it
	}
	for _, t := range w.tasks {
		if !t.runs() {
			continue
		}
		if w.arrived(t) {
			return 0
		}
		if p, _ := t.choose(); (p != nil && !w.barrier || t.Looping()) && !w.shared.budget.blocked() {
			return 0
		}
		at := min(t.Wake(), w.idleAt(t))
		if telling := t.Telling(); !w.shared.atomic || telling > now.UnixNano() { // else it waits for the next commit
			at = min(at, telling)
		}
		if at != engine.Never {
			wait = min(wait, time.Duration(at-now.UnixNano()))
		}
	}
	if w.barrier {
		return max(0, wait)
	}
	switch {
	case w.shared.atomic && (w.unflushed(now) || w.unsaved || w.retrying) && (w.shared.transactional || !w.holding()):
		wait = min(wait, w.commitAfterAtomic()-now.Sub(w.committed))
	case w.dirty && !w.shared.atomic:
		wait = min(wait, w.flushAfter()-now.Sub(w.flushed))
	}
	if len(w.settled) > 0 && !w.committing {
		wait = min(wait, w.commitAfter()-now.Sub(w.committed))
	}
	return max(0, wait)
}
