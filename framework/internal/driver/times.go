package driver

import (
	"time"

	"github.com/millrace/millrace/framework/internal/engine"
)

const (
	controlEvery = 100 * time.Millisecond // between two control records to a partition
	maxControls  = 1000                   // a second and worker
)

// pace sets how often the worker's tasks send control records. Stages read it when they flush.
func (w *worker) pace() {
	partitions := int64(0)
	for _, t := range w.tasks {
		partitions += t.Feeds()
	}
	every := int64(max(controlEvery, time.Duration(partitions)*time.Second/maxControls))
	w.controls.Store(every)
	for _, t := range w.tasks {
		t.ControlEvery = every
	}
}

// telling returns when the next watermark is to be sent that has risen, in ns; Never: there is none.
func (w *worker) telling() int64 {
	at := int64(engine.Never)
	for _, t := range w.tasks {
		if t.runs() {
			at = min(at, t.Telling())
		}
	}
	return at
}

// unflushed says that a round is worth to be ended: something was made, or a watermark is to be sent.
func (w *worker) unflushed(now time.Time) bool { return w.dirty || w.telling() <= now.UnixNano() }
