package driver

import (
	"context"
	"slices"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// hungry says whether to take more records. Those in the queues last for a while, and more would only fill memory; but
// an input that a task waits for must come, and no partition waits long for another's backlog.
func (w *worker) hungry() bool {
	now := time.Now()
	patience := 100 * time.Millisecond
	if w.queued > 4*w.shared.appetite {
		patience = time.Second
	}
	hungry := w.queued < w.shared.appetite || now.Sub(w.fed) > patience
	for _, p := range w.parts {
		hungry = hungry || p.awaited()
	}
	if hungry {
		w.fed = now
	}
	return hungry
}

// work does what there is to do without a poll: what stages made, timers, loops, then records.
func (w *worker) work(ctx context.Context) error {
	now := time.Now()
	for _, t := range w.tasks {
		if !t.runs() || w.sealed() {
			continue
		}
		t.ring()
		if collect(t.Task, t.stages) {
			w.made(t)
		}
		t.Clock(now.UnixNano())
		w.watch(t, now)
		var err error
		switch {
		case t.Wake() <= t.Now():
			err = t.Tick(t.Now())
		case t.Looping() && !w.shared.budget.blocked():
			err = t.Pump()
		default:
			continue
		}
		if err != nil {
			t.failed = true
			return err
		}
		w.made(t)
	}
	if w.shared.atomic {
		if err := w.settleAtomic(now); err != nil {
			return err
		}
	}
	return w.step(ctx, now)
}

// sealed says that nothing at all may be made: what is written is about to be committed as one, or is being.
func (w *worker) sealed() bool { return w.shared.atomic && (w.committing || len(w.closed) > 0) }

// made writes what came of something else than a fetched record.
func (w *worker) made(t *task) {
	w.dirty = true
	w.write(t)
	t.ring()
}

// step processes queued records for at most a slice.
func (w *worker) step(ctx context.Context, began time.Time) error {
	for now := began; ; {
		progress := false
		for _, t := range w.tasks {
			if !t.runs() || w.barrier || w.shared.budget.blocked() {
				continue
			}
			p, n := t.choose()
			if p == nil {
				continue
			}
			t.Clock(now.UnixNano())
			if err := w.process(p, n); err != nil {
				return err
			}
			progress = true
			after := time.Now()
			t.pace(n, after.Sub(now))
			w.shared.slow(t, n, after.Sub(now))
			if now = after; now.Sub(began) > sliceTime || ctx.Err() != nil {
				return nil
			}
		}
		if !progress {
			return nil
		}
	}
}

// process gives n records of a partition to its task and writes what comes of them.
func (w *worker) process(p *partition, n int) error {
	run := &p.queue[0]
	done, err := p.task.Step(p.input, run.Records[p.next:p.next+n])
	w.dirty = true
	w.processed += int64(done)
	if p.next += done; p.next == len(run.Records) {
		w.client.Recycle(run.Records)
		p.bytes -= run.Bytes
		w.queued -= run.Bytes
		w.shared.budget.fetched.Add(-run.Bytes)
		p.queue = slices.Delete(p.queue, 0, 1)
		p.next = 0
	}
	if err != nil {
		p.task.failed = true
		return err
	}
	w.overtook(p)
	w.write(p.task)
	return nil
}

// write hands over what a task has ready.
func (w *worker) write(t *task) {
	ready := t.Ready()
	w.weigh(ready.Outputs)
	w.hand(w.open, ready.Outputs)
	w.note(t, ready.Changelog)
	if w.weigh(ready.Changelog); w.shared.atomic {
		w.hand(w.open, ready.Changelog)
	} else {
		w.keep(t, ready.Changelog)
	}
	t.Done()
}

// hand gives outs to the client, which are weighed already.
func (w *worker) hand(r *round, outs []connector.Out) {
	if len(outs) > 0 {
		r.pending.Add(int64(len(outs)))
		w.client.Write(outs, r.ack)
	}
}

// weigh counts outs: as memory until they are acknowledged, and by topic.
func (w *worker) weigh(outs []connector.Out) {
	flow := w.shared.flow
	for i := 0; i < len(outs); {
		from, topic := i, outs[i].Topic
		for i < len(outs) && outs[i].Topic == topic {
			i++
		}
		bytes := bytesOf(outs[from:i])
		flow.bytes[topic].Add(bytes - recordBytes*int64(i-from))
		flow.records[topic].Add(int64(i - from))
		w.shared.budget.produced.Add(bytes)
		w.written += bytes
	}
	w.shared.counters.Out.Add(int64(len(outs)))
}

// bytesOf returns the memory of outs that are not acknowledged.
func bytesOf(outs []connector.Out) (bytes int64) {
	for i := range outs {
		bytes += int64(len(outs[i].Key)+len(outs[i].Value)) + recordBytes
	}
	return bytes
}
