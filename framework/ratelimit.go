package framework

import (
	"fmt"
	"time"
)

// RateLimit lets at most n records pass in each span of the wall clock, evenly: one each per/n, to the millisecond. A
// record that comes too early waits, with its offset held, and nothing more is read, so that the wait is the source's (or
// that of whoever emits); put a Buffer before it to read ahead. Each task has its own rate: with four partitions, four
// times n records pass.
//
// When a task is let go, by a stop or a rebalance, what waits passes at once, so that it need not be read again.
func (s Stream[K, V]) RateLimit(n int, per time.Duration) Stream[K, V] {
	if n < 1 || per < time.Duration(n) {
		s.n.topology.fault(fmt.Errorf("rate-limit (after [%s]): %d records in %s: at least one record, and at least a nanosecond for each", s.n, n, per))
		n, per = 1, time.Second
	}
	out := apply(s, "rate-limit", "", func(op *Op, next Emit[K, V]) Emit[K, V] {
		r := &rateLimit[K, V]{holder: newHolder(op.o, next), every: int64(per) / int64(n)}
		_, id := op.enter()
		timer := op.o.task.NewTimer(id, func(int64) error { return r.release() })
		r.set = timer.Set
		op.o.task.AddGate(func() bool { return len(r.waiting) > 0 })
		op.o.task.OnDrain(r.drain)
		return r.take
	})
	out.n.values = s.n.values
	return out
}

type rateLimit[K comparable, V any] struct {
	holder[K, V]
	every   int64 // ns
	due     int64 // when the next record may pass, ns since the epoch
	waiting []heldBack[K, V]
	set     func(at int64)
}

func (r *rateLimit[K, V]) take(m *Meta, k K, v V) error {
	if now := r.task.Now(); len(r.waiting) == 0 && r.due <= now {
		r.passed(now)
		return r.next(m, k, v)
	}
	r.waiting = append(r.waiting, r.delay(m, k, v))
	r.set(r.due)
	return nil
}

// passed notes that a record passes. With more than one a millisecond, what a timer was late by is made up for.
func (r *rateLimit[K, V]) passed(now int64) {
	late := max(0, int64(time.Millisecond)-r.every)
	r.due = max(r.due, now-late) + r.every
}

// release lets those pass whose time has come.
func (r *rateLimit[K, V]) release() error {
	for len(r.waiting) > 0 && r.due <= r.task.Now() {
		r.passed(r.task.Now())
		r.handFirst()
	}
	if len(r.waiting) > 0 {
		r.set(r.due)
	}
	return nil
}

func (r *rateLimit[K, V]) drain() error {
	for n := len(r.waiting); n > 0; n-- { // not what comes back through a loop
		r.passed(r.task.Now())
		r.handFirst()
	}
	return nil
}

func (r *rateLimit[K, V]) handFirst() {
	first := r.waiting[0]
	r.waiting = append(r.waiting[:0], r.waiting[1:]...) // few: those of one record
	r.hand(&first)
}
