package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

// rebalance handles one change of what the worker owns.
func (w *worker) rebalance(ctx context.Context, e connector.Event) error {
	defer e.Done()
	w.log.Debug("rebalance", "event", e.Kind.String(), "partitions", len(e.Partitions))
	switch e.Kind {
	case connector.Assigned:
		w.assigned = true
		err := w.assign(ctx, e.Partitions)
		w.shared.report(w.index, w.ready())
		return err
	case connector.Revoked:
		if len(e.Partitions) == 0 {
			return nil
		}
		bounded, cancel := context.WithTimeout(w.closing, w.shared.rebalance*3/4) // a stop does not cut it short
		defer cancel()
		err := w.drain(bounded)
		if w.shared.atomic && err == nil && !w.whole() {
			err = errors.New("what was made of revoked partitions could not be committed before they were let go, and would be committed without their positions")
		}
		w.drop(e.Partitions)
		if w.shared.atomic && err != nil {
			return w.undone(err)
		}
		if err != nil && bounded.Err() == nil {
			return err
		}
		if err != nil {
			w.log.Warn("let partitions go before everything was acknowledged: their next owner repeats some records", "error", err)
		}
	case connector.Lost:
		changed := w.dirty || w.unsaved || w.committing || len(w.closed) > 0
		w.drop(e.Partitions)
		if w.shared.transactional && changed {
			return w.undone(errors.New("the group gave partitions away of which something is not committed"))
		}
	}
	return nil
}

// assign makes the tasks of newly assigned partitions. Partitions of one task come together.
func (w *worker) assign(ctx context.Context, assignments []connector.Assignment) error {
	byPart := map[connector.Partition]connector.Assignment{}
	for _, a := range assignments {
		if old := w.parts[a.Partition]; old != nil { // the client fetched the offsets of this assignment once more
			w.drop([]connector.Assignment{a})
		}
		byPart[a.Partition] = a
		w.gap(a.Partition, a.Gap)
	}
	for _, a := range assignments {
		if l := w.shared.layout.Partitions; a.Partition.Partition >= l[a.Topic] {
			return fmt.Errorf("topic %s has a partition %d and had %d partitions when this run began: start again", w.shared.plan.Topics[a.Topic].Name, a.Partition.Partition, l[a.Topic])
		}
	}
	w.shared.ending.assigned(w.index, assignments)
	for s, sub := range w.shared.plan.Subs {
		for number := range w.shared.layout.Tasks[s] {
			mine := false
			for _, topic := range sub.Sources {
				_, ok := byPart[connector.Partition{Topic: topic, Partition: number}]
				mine = mine || ok
			}
			if !mine {
				continue
			}
			if err := w.adopt(ctx, s, number, byPart); err != nil {
				return err
			}
		}
	}
	slices.SortStableFunc(w.tasks, func(a, b *task) int { return cmp.Compare(b.sub, a.sub) })
	return nil
}

// adopt makes one task and starts to restore its stores.
func (w *worker) adopt(ctx context.Context, sub int, number int32, assigned map[connector.Partition]connector.Assignment) error {
	l := w.shared.layout
	if w.shared.through.used && !w.shared.plan.emittedInto(sub) {
		ctx = w.closing // what was taken in is finished
	}
	inner, err := w.shared.plan.Build(TaskEnv{
		Context: w.shared.mark(ctx), Closing: w.shared.mark(w.closing), Sub: sub, Partition: number, Partitions: l.Partitions, Tasks: l.Tasks[sub], TasksOf: l.Tasks, Combine: w.shared.combine, Disk: w.shared.disk,
	})
	if err != nil {
		return err
	}
	t := &task{
		Task: inner, sub: sub, own: w.shared.plan.own(sub), chunk: 1, restoring: map[connector.Partition]engine.Store{}, durable: map[int32]durable{}, began: map[int32]time.Time{}, left: map[connector.Partition]int64{}, since: time.Now(),
	}
	for i, in := range inner.Inputs() {
		a, ok := assigned[connector.Partition{Topic: in.Topic, Partition: in.Partition}]
		if !ok {
			return fmt.Errorf("task %s was assigned without partition %d of topic %s: the group is balanced by another program; use another application name", t.ID, in.Partition, in.Name)
		}
		times, err := engine.DecodeTimes(a.Metadata)
		if err != nil {
			return fmt.Errorf("topic %s, partition %d, group %s: %w; another program commits under this name: stop that one, and begin anew under another application name", in.Name, in.Partition, w.shared.plan.App, err)
		}
		in.EndsFrom = w.shared.endsFrom(a)
		t.Seek(i, a.Offset, times)
		p := &partition{at: a.Partition, task: t, input: i, end: a.End, told: true, committed: a.Offset, flushed: a.Offset, active: time.Now()}
		t.inputs = append(t.inputs, p)
		w.parts[a.Partition] = p
		w.shared.owned.take(a.Partition, w.index)
	}
	w.shared.through.assigned(t)
	t.Begin(w.open.arena)
	w.tasks = append(w.tasks, t)
	w.pace()
	var changelogs []connector.Restoration
	inner.Stores(func(s engine.Store, topic int32) {
		at := connector.Partition{Topic: topic, Partition: number}
		t.changelogs = append(t.changelogs, topic)
		t.restoring[at] = s
		w.stores[at] = t
		of, failed := w.restoration(t, at, s)
		if failed != nil {
			err = failed
		}
		changelogs = append(changelogs, of)
	})
	if err != nil {
		return err
	}
	if len(changelogs) == 0 {
		w.launch(t)
		return nil
	}
	for _, p := range t.inputs {
		w.pause(p, PauseRestore)
	}
	w.shared.report(w.index, false)
	w.client.Restore(changelogs)
	w.shared.restoring(w.index, t, false)
	return nil
}

// drop lets go of the tasks of partitions, with all that they hold.
func (w *worker) drop(partitions []connector.Assignment) {
	var stop []connector.Partition
	for _, a := range partitions {
		p := w.parts[a.Partition]
		if p == nil {
			continue
		}
		for _, p := range p.task.inputs {
			w.shared.budget.fetched.Add(-p.bytes)
			w.queued -= p.bytes
			for _, run := range p.queue {
				w.client.Recycle(run.Records)
			}
			delete(w.parts, p.at)
			w.shared.owned.leave(p.at, w.index)
			w.shared.ending.left(p.at, w.index)
		}
		for at := range p.task.restoring {
			delete(w.stores, at)
			stop = append(stop, at)
		}
		w.retire(p.task)
		w.forget(p.task)
		w.tasks = slices.DeleteFunc(w.tasks, func(t *task) bool { return t == p.task })
	}
	w.pace()
	if len(stop) > 0 {
		w.client.RestoreStop(stop)
	}
	w.settled = slices.DeleteFunc(w.settled, func(p partitionPosition) bool { return w.parts[p.of.at] != p.of })
}

// launch lets a task run that has all its stores: its stages, and whoever emits into it.
func (w *worker) launch(t *task) {
	w.dirty = true // the first flush tells those downstream its watermark
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.closing))
	t.unstage = cancel
	t.stages = w.shared.launch(ctx, t.Task, w.wake, w.faults.set, &w.controls)
	for i, p := range t.inputs {
		if port := w.shared.plan.Topics[p.at.Topic].Port; port != nil {
			host := newPortHost(w, t, i, port)
			t.ports = append(t.ports, host)
			port.Attach(host)
		}
	}
}

// retire ends what launch began. Records in the stages are given up: their offsets are not committed.
func (w *worker) retire(t *task) {
	if t.unstage == nil {
		return
	}
	t.unstage()
	w.retired = append(w.retired, t.stages)
	t.stages, t.unstage = nil, nil
	for _, host := range t.ports {
		host.detach()
	}
}

// ready says that the worker has its partitions and all its stores.
func (w *worker) ready() bool { return w.assigned && len(w.stores) == 0 }

// drain brings everything processed to its end: flushed, acknowledged, committed. It waits as long as ctx.
func (w *worker) drain(ctx context.Context) error {
	if err := w.answered(ctx); err != nil {
		return err
	}
	err := w.unload(ctx)
	if flush := w.flush(); err == nil {
		err = flush
	}
	for {
		w.acknowledge()
		if len(w.closed) == 0 || ctx.Err() != nil {
			break
		}
		if fault := w.faults.get(); fault != nil {
			if err == nil || errors.Is(err, fault) {
				return fault
			}
			return errors.Join(err, fault)
		}
		select {
		case <-w.wakeup:
		case <-ctx.Done():
		}
	}
	if len(w.closed) > 0 {
		n := int64(0)
		for _, r := range w.closed {
			n += r.pending.Load() + r.unwritten()
		}
		err = errors.Join(err, fmt.Errorf("%d records were not acknowledged in time: what they were made of is read again at the next start: %w", n, ctx.Err()))
	}
	if w.shared.atomic && !w.whole() {
		return err // what was written since the last commit is undone with its positions
	}
	err = errors.Join(err, w.commitAll(ctx))
	w.committed = time.Now()
	return err
}

// answered waits for the commit in flight where nothing may be written before its answer.
func (w *worker) answered(ctx context.Context) error {
	if !w.shared.atomic || !w.committing {
		return nil
	}
	select {
	case r := <-w.commits:
		w.commits <- r
		return w.answer()
	case <-ctx.Done():
		return fmt.Errorf("a commit was not answered in time: what was processed since the last one is read again: %w", ctx.Err())
	}
}

// unload lets operators hand on what they keep back, and waits for the stages, as long as ctx.
func (w *worker) unload(ctx context.Context) error {
	for _, t := range w.tasks {
		if !t.runs() {
			continue
		}
		if err := t.Drain(); err != nil {
			t.failed = true
			return err
		}
		w.write(t)
	}
	for {
		left := false
		for _, t := range w.tasks {
			if t.runs() {
				collect(t.Task, t.stages)
				left = left || !idle(t.stages)
				w.write(t)
			}
		}
		if fault := w.faults.get(); !left || fault != nil {
			return fault
		}
		if ctx.Err() != nil {
			return fmt.Errorf("what is in buffers was not done with in time: %s: %w", w.shared.fate(), ctx.Err())
		}
		select {
		case <-w.wakeup:
		case <-ctx.Done():
		}
	}
}

// commitAll commits what is settled, trying again while the brokers do not answer, as long as ctx.
func (w *worker) commitAll(ctx context.Context) error {
	late := func() error {
		return fmt.Errorf("offsets were not committed in time: what was processed since the last commit is read again: %w", ctx.Err())
	}
	refusals := 0
	for {
		if w.commit(ctx); !w.committing {
			return nil // nothing is left
		}
		select {
		case r := <-w.commits:
			w.commits <- r
			if err := w.answer(); err != nil {
				return err
			}
		case <-ctx.Done():
			return late()
		}
		if w.refused {
			if refusals++; refusals == commitRefusals {
				return nil // the partitions are another's
			}
		}
		if !w.retrying {
			continue
		}
		select {
		case <-time.After(commitRetry):
		case <-ctx.Done():
			return late()
		}
	}
}
