package frameworktest

import (
	"context"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/driver"
	"github.com/millrace/millrace/framework/internal/engine"
	"github.com/millrace/millrace/framework/state/disk"
)

// Task is one task of a topology, driven by hand, without topics: for benchmarks of what a task does with fetched records. It is
// used by one goroutine.
type Task struct {
	tb    testing.TB
	inner *engine.Task
	pool  engine.Pool
	names []string
}

// NewTask makes the task of partition 0 of a sub-topology, whose topics have one partition each. tb may be nil: what would fail
// the test panics then.
func NewTask(tb testing.TB, build func(*framework.Topology), sub int) *Task {
	return NewTaskIn(nil, tb, build, sub)
}

// NewTaskIn is NewTask with a folder that windows are put aside in which there is no memory for. Nothing is ever committed to it; the folder
// of another task must be another one.
func NewTaskIn(folder *disk.DB, tb testing.TB, build func(*framework.Topology), sub int) *Task {
	d := &Driver{tb: tb}
	t := framework.New()
	build(t)
	plan, err := t.Plan("bench")
	if err != nil {
		d.fatal(err)
	}
	partitions := make([]int32, len(plan.Topics))
	task := &Task{tb: tb}
	for i, topic := range plan.Topics {
		partitions[i] = 1
		task.names = append(task.names, topic.Name)
	}
	task.inner, err = plan.Build(driver.TaskEnv{
		Context: context.Background(), Closing: context.Background(), Sub: sub, Partitions: partitions, Tasks: 1, Combine: defaultCombineBytes, Disk: folder,
	})
	if err != nil {
		d.fatal(err)
	}
	task.inner.Begin(task.pool.NewArena())
	for input := range task.inner.Inputs() {
		task.inner.Seek(input, 0, engine.Times{})
	}
	return task
}

// Step gives fetched records of the task's first input to it, in order, and hands on all that is due by them.
func (t *Task) Step(records []connector.Record) {
	for len(records) > 0 {
		n, err := t.inner.Step(0, records)
		for err == nil && t.inner.Looping() {
			err = t.inner.Pump()
		}
		if err != nil {
			(&Driver{tb: t.tb}).fatal(err)
		}
		records = records[n:]
	}
}

// Flush ends a round and calls f for each record that is to be written, with the name of its topic: changelogs first. What f is
// given is valid during the call.
func (t *Task) Flush(f func(topic string, o *connector.Out)) {
	if err := t.inner.Flush(); err != nil {
		(&Driver{tb: t.tb}).fatal(err)
	}
	ready := t.inner.Ready()
	for _, outs := range [][]connector.Out{ready.Changelog, ready.Outputs} {
		for i := range outs {
			f(t.names[outs[i].Topic], &outs[i])
		}
	}
	t.inner.Done()
	t.inner.Arena().Release()
	t.inner.Begin(t.pool.NewArena())
}

// End says that nothing more comes, and hands on some of what is due by it; more: there is more to be handed on, by another call.
func (t *Task) End() (more bool) {
	for input := range t.inner.Inputs() {
		t.inner.SetEnd(input)
	}
	if err := t.inner.Pump(); err != nil {
		(&Driver{tb: t.tb}).fatal(err)
	}
	return t.inner.Looping()
}
