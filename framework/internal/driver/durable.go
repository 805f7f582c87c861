package driver

import (
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
	"github.com/millrace/millrace/framework/state/disk"
)

// durable is a store that keeps its content in a folder, where Disk is not nil. The folder gets what changed when the changelog has it,
// with a transactional connector when the transaction has ended: it is never ahead of what is committed, so that neither a crash nor
// an abort costs more than the rest of the changelog.
type durable interface {
	engine.Store
	Disk() *disk.Store
	Readable(key, value []byte) error
	Flushed() uint32
	Applied(flush uint32)
	// Load is called when the folder is complete, again and again, with what brings entries into memory: n of them, from the key from
	// on. It returns the key to go on from; nil: that was all.
	Load(from []byte, n int, restore func(key, value []byte, time int64) error) (next []byte, err error)
}

// onDisk returns the store as one in a folder, nil if it is in memory.
func onDisk(s engine.Store) durable {
	if d, ok := s.(durable); ok && d.Disk() != nil {
		return d
	}
	return nil
}

// trusted is how old a folder may be that is brought up to date: brokers keep a tombstone for delete.retention.ms, a day by default. A key
// that was deleted would come back if the folder had not seen its tombstone and the changelog did not have it any more.
const trusted = 23 * time.Hour

// applying is what a round changed in a store, until the folder gets it.
type applying struct {
	task   *task
	store  durable
	outs   []connector.Out
	offset *int64 // of the last of them in the changelog, once it is acknowledged; -1: not known
	flush  uint32
}

// note keeps what is on its way to changelogs for the folders of the task's stores.
func (w *worker) note(t *task, changelog []connector.Out) {
	for len(changelog) > 0 && len(t.durable) > 0 {
		topic := changelog[0].Topic
		n := slices.IndexFunc(changelog, func(o connector.Out) bool { return o.Topic != topic })
		if n < 0 {
			n = len(changelog)
		}
		if d := t.durable[topic]; d != nil {
			offset := int64(-1)
			changelog[n-1].Offset = &offset
			w.open.applying = append(w.open.applying, applying{t, d, append(w.spareOuts(), changelog[:n]...), &offset, d.Flushed()})
		}
		changelog = changelog[n:]
	}
}

// finished takes the oldest round, which is acknowledged: its changes go to folders, with a transactional connector after its commit.
func (w *worker) finished(r *round) {
	if w.shared.atomic && len(r.applying) > 0 {
		w.uncommitted = append(w.uncommitted, r)
		return
	}
	w.apply(r)
}

// apply gives folders what a round changed.
func (w *worker) apply(r *round) {
	now := time.Now()
	for _, a := range r.applying {
		if err := a.write(now); err != nil {
			w.faults.set(fmt.Errorf("store %s of task %s: %w; its changelog has it", a.store.Name(), a.task.ID, err))
		}
		a.store.Applied(a.flush)
		w.spare(a.outs)
	}
	r.applying = nil
	r.arena.Release()
}

func (a *applying) write(now time.Time) error {
	b := a.store.Disk().Batch()
	for i := range a.outs {
		if o := &a.outs[i]; !engine.IsForm(o.Key) {
			if err := b.Set(o.Key, o.Value, o.Time); err != nil {
				return err
			}
		}
	}
	return b.Commit(*a.offset+1, "", now)
}

// applyCommitted gives folders what is committed.
func (w *worker) applyCommitted() {
	for _, r := range w.uncommitted {
		w.apply(r)
	}
	w.uncommitted = nil
}

// restoration says from where on a changelog is to be read for a store.
func (w *worker) restoration(t *task, at connector.Partition, s engine.Store) (connector.Restoration, error) {
	d := onDisk(s)
	if d == nil {
		return connector.Restoration{Partition: at}, nil
	}
	t.durable[at.Topic] = d
	c := d.Disk().Checkpoint()
	if age := time.Since(c.Seen); c.Offset > 0 && age > trusted {
		w.log.Info("a store is made anew from its changelog: what is on disk is too old", "store", s.Name(), "task", t.ID, "age", age.Round(time.Second))
		if err := d.Disk().Clear(); err != nil {
			return connector.Restoration{}, err
		}
		c = d.Disk().Checkpoint()
	}
	if c.Offset == 0 {
		t.began[at.Topic] = time.Now() // all is read: what it lacks of now is not older
	}
	return connector.Restoration{Partition: at, From: c.Offset, Log: c.Log}, nil
}

// restoreDisk gives a folder a run of its changelog. It returns how many records there were.
func (w *worker) restoreDisk(t *task, d durable, run connector.Run) (n int64, err error) {
	folder := d.Disk()
	if run.Anew {
		w.log.Warn("a store is made anew from its changelog: the log on the broker is another one, or begins later", "store", d.Name(), "task", t.ID)
		t.began[run.Topic] = time.Now()
		if err := folder.Clear(); err != nil {
			return 0, err
		}
	}
	b := folder.Batch()
	next := int64(0)
	for i := range run.Records {
		r := &run.Records[i]
		if next = r.Offset + 1; r.Control || r.Key == nil {
			continue
		}
		switch {
		case engine.IsForm(r.Key):
			err = t.Restore(run.Topic, r.Key, r.Value, r.Time)
		case n == 0: // as a sample
			if err = d.Readable(r.Key, r.Value); err == nil {
				err = b.Set(r.Key, r.Value, r.Time)
			}
		default:
			err = b.Set(r.Key, r.Value, r.Time)
		}
		if err != nil {
			return n, w.unrestored(d, run, r.Offset, err)
		}
		n++
	}
	seen := t.began[run.Topic]
	if seen.IsZero() {
		seen = folder.Checkpoint().Seen
	}
	if run.Restored {
		seen = time.Now()
	}
	return n, b.Commit(next, run.Log, seen)
}

// unrestored says that a record of a changelog is no good for its store.
func (w *worker) unrestored(s engine.Store, run connector.Run, offset int64, err error) error {
	return fmt.Errorf("restore store %s: topic %s, partition %d, offset %d: %w; the topic is the application's own: if types or codecs of the store changed, take the former ones back, or use another store name, which begins empty; if another program wrote it, keep that one from writing there, and begin anew under another application name",
		s.Name(), w.shared.plan.Topics[run.Topic].Name, run.Partition.Partition, offset, err)
}
