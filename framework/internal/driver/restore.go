package driver

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

// restoreTold is how often it is told how far the restoration of a task is.
const restoreTold = time.Second

// restore applies a run of a changelog.
func (w *worker) restore(run connector.Run) error {
	defer w.client.Recycle(run.Records)
	t := w.stores[run.Partition]
	if t == nil {
		return nil // its task is gone
	}
	if run.Err != nil {
		return w.shared.readError(run)
	}
	n, err := w.restoreRun(t, t.restoring[run.Partition], run)
	if err != nil {
		return err
	}
	w.shared.counters.Restored.Add(n)
	t.restored += n
	if last := len(run.Records) - 1; last >= 0 && run.End >= 0 {
		t.left[run.Partition] = max(0, run.End-run.Records[last].Offset-1)
	}
	switch d := t.durable[run.Topic]; {
	case !run.Restored:
		w.tellRestoring(t)
	case d != nil:
		w.loads = append(w.loads, &load{at: run.Partition, task: t, store: d})
	default:
		w.restored(t, run.Partition)
	}
	return nil
}

// restoreRun applies the records of a run, and returns how many there were.
func (w *worker) restoreRun(t *task, store engine.Store, run connector.Run) (n int64, err error) {
	if d := t.durable[run.Topic]; d != nil {
		return w.restoreDisk(t, d, run)
	}
	for i := range run.Records {
		r := &run.Records[i]
		if r.Control || r.Key == nil {
			continue
		}
		if err := t.Restore(run.Topic, r.Key, r.Value, r.Time); err != nil {
			return n, w.unrestored(store, run, r.Offset, err)
		}
		n++
	}
	return n, nil
}

// restored notes that a store is complete. A task that has all its stores runs.
func (w *worker) restored(t *task, at connector.Partition) {
	delete(t.restoring, at)
	delete(t.left, at)
	delete(w.stores, at)
	if len(t.restoring) > 0 {
		return
	}
	w.launch(t)
	for _, p := range t.inputs {
		w.resume(p, PauseRestore)
	}
	w.shared.restoring(w.index, t, true)
	w.shared.report(w.index, w.ready())
}

// load is a store whose folder is complete, and whose entries are brought from there into memory.
type load struct {
	at    connector.Partition
	task  *task
	store durable
	from  []byte // the key of the next entry
}

// loaded is how many entries are loaded at a time, which takes about a millisecond.
const loaded = 1024

// load loads some entries: tasks that have their stores go on in between, and stores take turns.
func (w *worker) load() error {
	if len(w.loads) == 0 {
		return nil
	}
	l := w.loads[0]
	w.loads = w.loads[1:]
	if w.stores[l.at] != l.task { // it is gone
		return nil
	}
	restore := func(key, value []byte, at int64) error {
		l.task.restored++
		return l.task.Restore(l.at.Topic, key, value, at)
	}
	var err error
	if l.from, err = l.store.Load(l.from, loaded, restore); err != nil {
		return fmt.Errorf("load store %s of task %s: %w; the types or codecs of the store changed: use another store name, or the former ones", l.store.Name(), l.task.ID, err)
	}
	if l.from == nil {
		w.restored(l.task, l.at)
		return nil
	}
	w.loads = append(w.loads, l)
	w.tellRestoring(l.task)
	return nil
}

// tellRestoring tells now and then how far a task is that has not all its stores.
func (w *worker) tellRestoring(t *task) {
	now := time.Now()
	if t.runs() || now.Sub(t.since) < restoreTold {
		return
	}
	t.since = now
	w.shared.restoring(w.index, t, false)
}

// remaining returns how many offsets of changelogs are to be read yet; -1: that is not known.
func (t *task) remaining() (n int64) {
	if len(t.left) == 0 && len(t.restoring) > 0 {
		return -1
	}
	for _, left := range t.left {
		n += left
	}
	return n
}
