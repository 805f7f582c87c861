package driver

import "time"

// settleAtomic commits when it is time to, where the connector makes what was written and the positions durable as one.
// Then nothing may be held back: stages are waited for while they work (the barrier: nothing is processed meanwhile), timers are
// not, since theirs may be hours; what they hold back is handed on by a tick, and the moment after it is good for a commit.
func (w *worker) settleAtomic(now time.Time) error {
	if err := w.answer(); err != nil || w.committing {
		return err
	}
	w.unsaved = w.unsaved || w.retrying // the connector still has what it could not commit
	if w.acknowledge(); len(w.closed) > 0 {
		return nil // the barrier stands until the round is written
	}
	w.barrier = false
	unflushed := w.unflushed(now)
	if !unflushed && !w.unsaved || now.Sub(w.committed) < w.commitAfterAtomic() && !w.full() {
		return nil
	}
	for _, t := range w.tasks {
		w.barrier = w.barrier || busy(t.stages)
	}
	if w.holding() && w.shared.transactional { // readers wait for the end of a transaction
		if err := w.handOn(); err != nil {
			return err
		}
		unflushed = true
	}
	if w.holding() {
		w.barrier = w.barrier || w.soonUnheld(now)
		return nil
	}
	if unflushed {
		if err := w.flush(); err != nil {
			return err
		}
		w.acknowledge()
	}
	if !w.whole() {
		w.barrier = len(w.closed) > 0
		return nil // the round is not written yet, or gave an operator something to hold back
	}
	w.commit(w.closing)
	w.barrier = w.committing
	return nil
}

// handOn lets operators hand on what they keep for later.
func (w *worker) handOn() error {
	for _, t := range w.tasks {
		if !t.runs() || !t.Holding() {
			continue
		}
		w.dirty = true
		collect(t.Task, t.stages)
		if err := t.Drain(); err != nil {
			t.failed = true
			return err
		}
		w.write(t)
	}
	return nil
}

// soonUnheld says that timers will hand on all that is held within the time between two commits: that is waited for. Else tasks
// that hold records in turn would hardly ever hold none all at once.
func (w *worker) soonUnheld(now time.Time) bool {
	for _, t := range w.tasks {
		if t.runs() && t.Holding() && t.Wake() > now.Add(w.shared.commitEvery).UnixNano() {
			return false
		}
	}
	return true
}

// commitAfterAtomic is how long after the last commit the next one is due.
func (w *worker) commitAfterAtomic() time.Duration {
	if w.retrying {
		return max(commitRetry, w.commitAfter())
	}
	return w.commitAfter()
}

// holding says that some operator holds records back. Windows that are closing do not: they are in a store until they are handed on.
func (w *worker) holding() bool {
	for _, t := range w.tasks {
		if t.runs() && (t.Holding() || t.Feeding()) {
			return true
		}
	}
	return false
}

// whole says that nothing failed, all is written, and no operator holds records back.
func (w *worker) whole() bool {
	for _, t := range w.tasks {
		if t.failed {
			return false
		}
	}
	return len(w.closed) == 0 && !w.holding()
}
