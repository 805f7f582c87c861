package framework

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/framework/internal/engine"
)

// TimedWindow collects what comes in each interval of the wall clock and hands f's result for it on when the interval ends;
// intervals begin at multiples of their length since 1970. The slice is f's to keep. Without key there is a result for each
// interval, also for one in which nothing came (an empty slice); with keys, one for each key that something came of.
//
// An emitter does not wait for the interval's end: with an in-memory Input an error behind it stops the application.
// Offsets are held until their interval ends, so that nothing is lost by a crash; when a task is let go, by a stop or a
// rebalance, the interval that runs ends early. What comes in which interval is the clock's luck: for results that do not
// depend on it use windows of event time.
func (s Stream[K, V]) TimedWindow[R any](every time.Duration, f func([]V) R) Stream[K, R] {
	if every <= 0 {
		s.n.topology.fault(fmt.Errorf("timed-window (after [%s]): an interval of %s: give it a length", s.n, every))
		every = time.Second
	}
	return apply(s, "timed-window", "", func(op *Op, next Emit[K, R]) Emit[K, V] {
		w := &timedWindow[K, V, R]{op: op, f: f, next: next, index: map[K]int{}, unkeyed: isNone[K]()}
		w.entered, w.id = op.enter()
		op.Every(every, w.end)
		op.OnDrain(w.drain)
		return w.take
	})
}

type timedWindow[K comparable, V, R any] struct {
	op      *Op
	f       func([]V) R
	next    Emit[K, R]
	unkeyed bool
	entered *int32
	id      int32

	index map[K]int // of keys in open
	open  []interval[K, V]
	holds []engine.Hold
	first []engine.Origin // the partitions whose first record of the interval is held
}

type interval[K comparable, V any] struct {
	k      K
	values []V
	m      Meta // of the last record; its time is the highest
}

func (w *timedWindow[K, V, R]) take(m *Meta, k K, v V) error {
	if m.Deleted {
		w.op.drop(dropNullValue)
		return nil
	}
	if m.NoKey && !w.unkeyed {
		w.op.drop(dropNullKey)
		return nil
	}
	at, ok := w.index[k]
	if !ok {
		at = len(w.open)
		w.index[k] = at
		w.open = append(w.open, interval[K, V]{k: k, m: Meta{Time: m.Time}})
	}
	i := &w.open[at]
	highest := max(i.m.Time, m.Time)
	i.m = *m
	i.m.Headers, i.m.Time = nil, highest
	i.values = append(i.values, v)
	w.hold(m)
	return nil
}

// hold holds the record. Of a partition whose offsets are committed, the interval's first one is enough.
func (w *timedWindow[K, V, R]) hold(m *Meta) {
	if m.Receipt() {
		return // the emitter does not wait for the interval's end
	}
	if m.Fetched() && !w.op.o.task.Flushing() {
		for _, at := range w.first {
			if at.Topic == m.Topic && at.Partition == m.Partition {
				return
			}
		}
		w.first = append(w.first, engine.Origin{Topic: m.Topic, Partition: m.Partition})
	}
	w.holds = append(w.holds, w.op.o.task.Hold(m))
}

// end hands on what came in the interval that ends.
func (w *timedWindow[K, V, R]) end(at time.Time) error {
	if len(w.open) == 0 && w.unkeyed {
		var none K
		return w.next(&Meta{Time: at.UnixMilli(), NoKey: true}, none, w.f([]V{}))
	}
	return w.drain()
}

// drain hands on what came so far.
func (w *timedWindow[K, V, R]) drain() error {
	if len(w.open) == 0 {
		return nil
	}
	open, hold := w.open, w.op.o.task.Join(w.holds)
	w.open, w.holds, w.first = nil, nil, w.first[:0]
	clear(w.index)
	var failed error
	for i := range open {
		hold.On(&open[i].m)
		*w.entered = w.id
		if err := w.next(&open[i].m, open[i].k, w.f(open[i].values)); err != nil {
			failed = engine.JoinErrors(failed, err)
		}
	}
	hold.Release(failed)
	return nil
}
