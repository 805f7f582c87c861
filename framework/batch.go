package framework

import (
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/framework/internal/engine"
)

// BatchLimit says when a Batch is handed on: when the first of its limits is reached. 0 is no limit; at least one is set.
type BatchLimit struct {
	// Count is how many values are in a batch at most.
	Count int
	// Bytes is how many bytes the values of a batch take at most, as the codec of the stream's values encodes them (see
	// Stream.Codecs): each is encoded to be measured. A value that would be too much begins the next batch; one that is too
	// large by itself is a batch of its own.
	Bytes int
	// Time is how long a batch waits for more, on the wall clock, from its first value on.
	Time time.Duration
}

// Batch collects values and hands on what f makes of them, for sinks and calls that take many at a time. The slice is f's to
// keep. A batch holds the values of a task whatever their keys, so that it has no key; its time is the highest of its records'.
// Tombstones are counted as dropped. Windows belong before a batch: event time goes on while it waits, and behind it results may be
// late.
//
// Offsets are held until a batch is done with, so that nothing is lost by a crash. When a task is let go, by a stop or a rebalance,
// and at the end of a bounded run, a batch is handed on before its limit. What comes in which batch is luck: the clock's, and that
// of stops and interleaving.
//
// An emitter does not wait for a batch to be full: with an in-memory Input Emit returns when the value is in the batch. The value
// that fills it is emitted when the batch is handed on, and where what is behind is full (Buffer, RateLimit) the next one waits. An
// error of a batch stops the application, and is what Emit of the value that filled it returns: the others were taken already. Behind
// a topic that the graph writes and reads Emit does wait, as for all that is held there: set Time.
//
// What is in batches is beside Config.BudgetBytes: where values are large, limit their bytes.
func (s Stream[K, V]) Batch[R any](limit BatchLimit, f func([]V) R) Stream[None, R] {
	if err := limit.check(); err != nil {
		s.n.topology.fault(fmt.Errorf("batch (after [%s]): %w", s.n, err))
		limit = BatchLimit{Count: 1}
	}
	out := apply(s, "batch", "", func(op *Op, next Emit[None, R]) Emit[K, V] {
		b := newBatch(op, limit)
		entered, id := op.enter()
		var values []V
		b.hand = func(m *Meta) error {
			full := values
			values = nil
			return next(m, None{}, f(full))
		}
		size := sizing[V](op, limit)
		return func(m *Meta, _ K, v V) error {
			if m.Deleted {
				op.drop(dropNullValue)
				return nil
			}
			*entered = id
			bytes, err := size(v)
			if err != nil {
				return op.fail(m, err)
			}
			if err := b.makeRoom(m, bytes); err != nil {
				return err
			}
			if values == nil {
				values = make([]V, 0, b.last)
			}
			values = append(values, v)
			return b.added(m, bytes)
		}
	})
	rekeyIfTyped[K, None](s.n, out.n)
	return out
}

func (l BatchLimit) check() error {
	switch {
	case l.Count < 0 || l.Bytes < 0 || l.Time < 0:
		return errors.New("a limit of it is negative")
	case l == BatchLimit{}:
		return errors.New("it has no limit: set Count, Bytes or Time")
	}
	return nil
}

// sizing returns what measures a value, where bytes are limited.
func sizing[V any](op *Op, limit BatchLimit) func(v V) (int, error) {
	if limit.Bytes == 0 {
		return func(V) (int, error) { return 0, nil }
	}
	values := itemCodec[V](op, op.n.in[0].values)
	var scratch []byte
	return func(v V) (int, error) {
		b, err := values.Append(scratch[:0], v)
		if err != nil {
			return 0, encodeError("value", values.Name(), err)
		}
		scratch = b
		return len(b), nil
	}
}

// batch is what is known of the values that wait, without their type.
type batch struct {
	op    *Op
	limit BatchLimit
	hand  func(m *Meta) error // hands on what f makes of the values, and forgets them
	timer *engine.Timer
	end   *engine.Watcher

	m     Meta // of the last record, with the time of the highest
	count int
	bytes int
	last  int // how many were in the last batch
	holds []engine.Hold
	first []engine.Origin // the partitions whose first record of the batch is held
}

func newBatch(op *Op, limit BatchLimit) *batch {
	b := &batch{op: op, limit: limit}
	_, id := op.enter()
	task := op.o.task
	b.timer = task.NewTimer(id, func(int64) error { b.handOn(); return nil })
	op.OnDrain(func() error { b.handOn(); return nil })
	b.end = task.Watch(op.heldBack(), b.ending, func(int64, int) (int, error) { b.handOn(); return 1, nil })
	return b
}

// ending returns the watermark at which a batch is handed on that nothing will fill: the last one before there is no more.
func (b *batch) ending() int64 {
	if b.count == 0 {
		return engine.Never
	}
	return engine.EndOfInput - 1 - b.op.heldBack()
}

// makeRoom hands the batch on if bytes more would be too much for it.
func (b *batch) makeRoom(m *Meta, bytes int) error {
	if b.count == 0 || b.bytes+bytes <= b.limit.Bytes || b.limit.Bytes == 0 {
		return nil
	}
	b.handOn()
	return b.stopped(m)
}

// added notes that a value was added, and hands the batch on if it is full.
func (b *batch) added(m *Meta, bytes int) error {
	time, birth := m.Time, m.Birth
	if b.count > 0 && b.m.Time > time {
		time, birth = b.m.Time, b.m.Birth
	}
	b.m = *m
	b.m.Time, b.m.Birth, b.m.Win, b.m.Headers, b.m.NoKey = time, birth, Window{}, nil, true
	b.hold(m)
	b.count++
	b.bytes += bytes
	if b.count == b.limit.Count || b.bytes >= b.limit.Bytes && b.limit.Bytes > 0 {
		b.handOn()
		return b.stopped(m)
	}
	if b.count == 1 {
		b.end.Scheduled(b.ending())
		if b.limit.Time > 0 {
			b.timer.Set(b.op.o.task.Now() + int64(b.limit.Time))
		}
	}
	return nil
}

// hold holds the record. Of a partition whose offsets are committed, the batch's first one is enough.
func (b *batch) hold(m *Meta) {
	if m.Receipt() {
		return // the emitter does not wait
	}
	if m.Fetched() && !b.op.o.task.Flushing() {
		for _, at := range b.first {
			if at.Topic == m.Topic && at.Partition == m.Partition {
				return
			}
		}
		b.first = append(b.first, engine.Origin{Topic: m.Topic, Partition: m.Partition})
	}
	b.holds = append(b.holds, b.op.o.task.HoldOffset(m))
}

// handOn hands the batch on, if there is one. What goes wrong is the task's error.
func (b *batch) handOn() {
	if b.count == 0 {
		return
	}
	m, hold := b.m, b.op.o.task.Join(b.holds)
	m.Birth = max(m.Birth, b.end.Watermark()) // it went on: what is late by that is known to be
	b.last, b.count, b.bytes, b.holds, b.first = b.count, 0, 0, nil, b.first[:0]
	b.timer.Stop()
	entered, id := b.op.enter()
	*entered = id
	hold.On(&m)
	hold.Hand(&m, b.hand)
}

// stopped returns the error of a batch that was handed on to whoever waits for nothing else of the record: an emitter is told that of the
// task.
func (b *batch) stopped(m *Meta) error {
	if m.Receipt() {
		return nil
	}
	return b.op.o.task.Err()
}
