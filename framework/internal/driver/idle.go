package driver

import (
	"slices"
	"time"

	"github.com/millrace/millrace/framework/internal/engine"
)

// watch tells a task what its watermark depends on beside records: that a source partition has ended, or is idle.
func (w *worker) watch(t *task, now time.Time) {
	for i, p := range t.inputs {
		topic := &w.shared.plan.Topics[p.at.Topic]
		if topic.between() || p.ended {
			continue
		}
		if w.shared.ending.reached(p.at, p.position()) {
			w.end(p)
			t.SetEnd(i)
			w.dirty = true
			continue
		}
		if topic.Idle == 0 {
			continue
		}
		if !p.quiet() {
			p.active = now
		}
		if idle := now.Sub(p.active) >= topic.Idle; idle != t.Inputs()[i].Idle() {
			t.SetIdle(i, idle)
			w.dirty = true
		}
	}
}

// arrived says that a source partition has come to its end and its task was not told yet.
func (w *worker) arrived(t *task) bool {
	return slices.ContainsFunc(t.inputs, func(p *partition) bool {
		return !p.ended && !w.shared.plan.Topics[p.at.Topic].between() && w.shared.ending.reached(p.at, p.position())
	})
}

// quiet says that nothing is there to be read, and that nothing keeps it from being read.
func (p *partition) quiet() bool { return p.empty() && p.end >= 0 && p.lag() == 0 && p.pauses == 0 }

// end drops what came behind the end of a partition: another run reads it.
func (w *worker) end(p *partition) {
	p.ended = true
	for _, run := range p.queue {
		w.client.Recycle(run.Records)
	}
	w.shared.budget.fetched.Add(-p.bytes)
	w.queued -= p.bytes
	p.queue, p.bytes, p.next = nil, 0, 0
	w.pause(p, PauseEnded)
}

// idleAt returns when the next of a task's partitions is to be taken for idle, in ns; Never: there is none.
func (w *worker) idleAt(t *task) int64 {
	at := int64(engine.Never)
	for i, p := range t.inputs {
		if after := w.shared.plan.Topics[p.at.Topic].Idle; after > 0 && !p.ended && !t.Inputs()[i].Idle() && p.quiet() {
			at = min(at, p.active.Add(after).UnixNano())
		}
	}
	return at
}
