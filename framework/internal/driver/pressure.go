package driver

import (
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// press pauses and resumes partitions by the budget and by what is downstream.
func (w *worker) press() {
	tight, relaxed := w.shared.budget.tight(), w.shared.budget.relaxed()
	for _, p := range w.parts {
		switch {
		case relaxed || p.empty(): // B1: nobody waits for a partition that is paused for memory
			w.resume(p, PauseMemory)
		case tight: // all at once: each that is not would bring another fetch, so that more than one a partition came on top
			w.pause(p, PauseMemory)
		}
		if w.shared.behind(p.task.sub) {
			w.pause(p, PauseDownstream)
		} else {
			w.resume(p, PauseDownstream)
		}
	}
	w.align()
	w.tell()
}

func (w *worker) pause(p *partition, reason Pause) {
	if p.pauses&reason == 0 {
		if p.pauses |= reason; reason == PauseAlignment {
			p.waits = time.Now()
		}
		for i := range w.shared.counters.Pauses {
			if reason == 1<<i {
				w.shared.counters.Pauses[i].Add(1)
			}
		}
	}
}

// resume ends one reason for a pause. A partition that is read again has not been silent while it was not.
func (w *worker) resume(p *partition, reason Pause) {
	if p.pauses&reason == 0 {
		return
	}
	if p.pauses &^= reason; p.pauses == 0 {
		p.active = time.Now()
	}
}

// unfetched says that the client is not to fetch the partition. One that is ahead of others may go on soon.
func (p *partition) unfetched(now time.Time) bool {
	return p.pauses&^PauseAlignment != 0 || p.pauses != 0 && now.Sub(p.waits) >= alignFetch
}

// tell brings the client up to date with the sets of reasons.
func (w *worker) tell() {
	now := time.Now()
	var pause, resume []connector.Partition
	for at, p := range w.parts {
		switch paused := p.unfetched(now); {
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
