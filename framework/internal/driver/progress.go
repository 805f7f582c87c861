package driver

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/framework/internal/engine"
)

// progressEvery is the least time between two looks at where a worker's tasks are.
const progressEvery = 100 * time.Millisecond

// Progress is how far the tasks of this process have come in event time, as their workers told last: while a worker runs, at least
// once a second, unless a function of the application holds it. Its methods may be called from any goroutine.
type Progress struct {
	mu     sync.Mutex // guards plan and layout; the workers do not take it
	plan   *Plan
	layout *Layout

	byWorker atomic.Pointer[[]atomic.Pointer[[]TaskProgress]]
}

// TaskProgress is how far a task was.
type TaskProgress struct {
	ID        string
	Sub       int
	Partition int32
	At        time.Time // when it was looked at
	Watermark int64     // ms; engine.NoTime: not known, engine.EndOfInput: all inputs have ended
	Due       int64     // the watermark at which an operator is due next; engine.Never: none is
	Closing   bool      // operators hand on what is due
	Restoring bool      // its stores are not complete yet
	Left      int64     // while it restores: offsets of its changelogs that are to be read yet; -1: not known
	Inputs    []InputProgress
	Controls  int64 // control records written by it
}

// InputProgress is how far an input of a task was.
type InputProgress struct {
	Topic     int32
	Partition int32
	Watermark int64 // ms, as a task's
	Time      int64 // highest event time of a source partition; engine.NoTime: none was read
	Disorder  int64 // ms
	Lag       int64 // records to be read; -1: not known
	Active    time.Time
	Idle      bool
	Ended     bool
	Keeping   bool  // an operator keeps records of it, for which the watermark waits
	Pauses    Pause // why it is not fetched
	// Slowest is, of a repartition topic, the upstream task that holds the watermark back, -1: none does; Told is its watermark
	// there, engine.NoTime: it has not spoken.
	Slowest int32
	Told    int64
}

func (p *Progress) begin(plan *Plan, layout *Layout) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan, p.layout = plan, layout
}

// Layout returns the plan of the run, and how many partitions and tasks there are; nil: it has not begun.
func (p *Progress) Layout() (*Plan, *Layout) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.plan, p.layout
}

// Tasks returns the tasks of this process, by sub-topology and partition.
func (p *Progress) Tasks() (tasks []TaskProgress) {
	byWorker := p.byWorker.Load()
	if byWorker == nil {
		return nil
	}
	for i := range *byWorker {
		if told := (*byWorker)[i].Load(); told != nil {
			tasks = append(tasks, *told...)
		}
	}
	slices.SortFunc(tasks, func(a, b TaskProgress) int {
		if a.Sub != b.Sub {
			return a.Sub - b.Sub
		}
		return int(a.Partition - b.Partition)
	})
	return tasks
}

// progress tells where the worker's tasks are.
func (w *worker) progress(now time.Time) {
	if now.Sub(w.told) < progressEvery {
		return
	}
	w.told = now
	tasks := make([]TaskProgress, len(w.tasks))
	for i, t := range w.tasks {
		tasks[i] = t.progress(now)
	}
	(*w.shared.progress.byWorker.Load())[w.index].Store(&tasks)
	stored := int64(0)
	for _, t := range w.tasks {
		stored += t.Stored()
		for _, s := range t.stages {
			stored += s.stored
		}
	}
	(*w.shared.counters.stored.Load())[w.index].Store(stored)
	w.shared.weigh()
}

func (t *task) progress(now time.Time) TaskProgress {
	told := TaskProgress{
		ID: t.ID, Sub: t.sub, Partition: t.Partition, At: now, Watermark: t.Watermark(), Due: t.Due(),
		Closing: t.Closing(), Restoring: len(t.restoring) > 0, Left: t.remaining(), Controls: t.controls(),
	}
	for i, p := range t.inputs {
		in := t.Inputs()[i]
		input := InputProgress{
			Topic: p.at.Topic, Partition: p.at.Partition, Watermark: in.Watermark(), Time: in.Time(), Disorder: in.Disorder,
			Lag: -1, Active: p.active, Idle: in.Idle(), Ended: in.Watermark() == engine.EndOfInput, Keeping: in.Keeping(), Pauses: p.pauses, Slowest: -1, Told: engine.NoTime,
		}
		if p.end >= 0 || p.ended {
			input.Lag = p.lag()
		}
		if u, at, ok := in.Slowest(); ok {
			input.Slowest, input.Told = int32(u), at
		}
		told.Inputs = append(told.Inputs, input)
	}
	return told
}

// controls counts the control records that the task and its stages wrote.
func (t *task) controls() int64 {
	n := t.Controls()
	for _, s := range t.stages {
		n += s.controls
	}
	return n
}
