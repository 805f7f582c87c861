package driver

import "time"

// settleAtomic commits when it is time to, where the connector makes what was written and the positions durable as one.
// Then nothing may be held back: stages are waited for (the barrier: nothing is processed meanwhile), timers are not, since
// theirs may be hours; what they hold back is handed on by a tick, and the moment after it is good for a commit.
func (w *worker) settleAtomic(now time.Time) error {
	if err := w.answer(); err != nil || w.committing {
		return err
	}
	w.barrier = false
	if !w.dirty && !w.unsaved || now.Sub(w.committed) < w.commitAfter() {
		return nil
	}
	for _, t := range w.tasks {
		w.barrier = w.barrier || !idle(t.stages)
	}
	if w.holding() {
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	if w.acknowledge(); !w.whole() {
		return nil // the flush gave an operator something to hold back, or is not written yet
	}
	w.commit(w.closing)
	w.barrier = w.committing
	return nil
}

// holding says that some operator holds records back.
func (w *worker) holding() bool {
	for _, t := range w.tasks {
		if t.runs() && (t.Holding() || t.Looping()) {
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
