package driver

import "github.com/millrace/millrace/framework/connector"

// press pauses and resumes partitions by the budget and by what is downstream.
func (w *worker) press() {
	tight, relaxed := w.shared.budget.tight(), w.shared.budget.relaxed()
	if tight {
		if p := w.largest(); p != nil {
			w.pause(p, PauseMemory)
		}
	}
	for _, p := range w.parts {
		if p.pauses&PauseMemory != 0 && (relaxed || p.empty()) { // B1: nobody waits for a partition that is paused for memory
			w.resume(p, PauseMemory)
		}
		if w.shared.behind(p.task.sub) {
			w.pause(p, PauseDownstream)
		} else {
			w.resume(p, PauseDownstream)
		}
	}
	w.tell()
}

// largest returns the partition with the largest queue that is not paused for memory. One with an empty queue never is
// (ENGINE B1). Sources come before repartition topics, whose work makes room.
func (w *worker) largest() (best *partition) {
	for _, p := range w.parts {
		if p.empty() || p.pauses&PauseMemory != 0 {
			continue
		}
		if best == nil || p.bytes > best.bytes {
			best = p
		}
	}
	return best
}

func (w *worker) pause(p *partition, reason Pause) {
	if p.pauses&reason == 0 {
		p.pauses |= reason
		for i := range w.shared.counters.Pauses {
			if reason == 1<<i {
				w.shared.counters.Pauses[i].Add(1)
			}
		}
	}
}

func (w *worker) resume(p *partition, reason Pause) { p.pauses &^= reason }

// tell brings the client up to date with the sets of reasons.
func (w *worker) tell() {
	var pause, resume []connector.Partition
	for at, p := range w.parts {
		switch paused := p.pauses != 0; {
		case paused && !p.told:
			pause = append(pause, at)
			p.told = true
		case !paused && p.told:
			resume = append(resume, at)
			p.told = false
		}
	}
	if len(pause) > 0 {
		w.client.Pause(pause)
	}
	if len(resume) > 0 {
		w.client.Resume(resume)
	}
}
