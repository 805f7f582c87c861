package main

import (
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/frameworktest"
	"github.com/millrace/millrace/framework/state/disk"
)

// task is the framework's side: a task from Step to what it wants written.
type task struct {
	*frameworktest.Task
	windows, total, bytes int64
}

// newTask makes one. folder: windows are put aside in it; nil: they are in memory.
func newTask(folder *disk.DB, disorder time.Duration, cut func(framework.Grouped[string, []byte]) framework.Windowed[string, []byte]) *task {
	in := frameworktest.Topic("in", codec.String, codec.Bytes).Disorder(disorder)
	out := frameworktest.Topic("out", codec.String, codec.Int64)
	return &task{Task: frameworktest.NewTaskIn(folder, nil, func(t *framework.Topology) {
		cut(t.From(in).Grouped()).Emit(framework.OnClose).Count("counts").Stream().To(out)
	}, 0)}
}

func (t *task) take(records []connector.Record) { t.Step(records) }

func (t *task) flush() {
	t.Flush(func(topic string, o *connector.Out) {
		if t.bytes += int64(len(o.Key) + len(o.Value)); topic == "out" {
			n, _ := codec.Int64.Decode(o.Value)
			t.windows++
			t.total += n
		}
	})
}

func (t *task) end() {
	for n := 1; t.End(); n++ {
		if n%50 == 0 {
			t.flush()
		}
	}
}

func (t *task) results() (windows, total int64) { return t.windows, t.total }
