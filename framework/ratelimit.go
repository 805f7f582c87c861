package framework

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/framework/internal/engine"
)

// RateLimit lets at most n records pass in each span of the wall clock, evenly: one each per/n, to the millisecond. A
// record that comes too early waits, with its offset held, and nothing more is read, so that the wait is the source's (or
// that of whoever emits); put a Buffer before it to read ahead. Each task has its own rate: with four partitions, four
// times n records pass.
//
// When a task is let go, by a stop or a rebalance, what waits passes at once, so that it need not be read again. After a crash
// it is read again, and operators with state before the RateLimit fold it once more.
func (s Stream[K, V]) RateLimit(n int, per time.Duration) Stream[K, V] {
	if n < 1 || per < time.Duration(n) {
		s.n.topology.fault(fmt.Errorf("rate-limit (after [%s]): %d records in %s: at least one record, and at least a nanosecond for each", s.n, n, per))
		n, per = 1, time.Second
	}
	out := apply(s, "rate-limit", "", func(op *Op, next Emit[K, V]) Emit[K, V] {
		r, pass := newRateLimit(op, n, per), passing(op.o, next)
		return func(m *Meta, k K, v V) error {
			if r.passes() {
				return next(m, k, v)
			}
			r.wait(m, pass(k, v))
			return nil
		}
	})
	out.n.values = s.n.values
	return out
}

type rateLimit struct {
	task    *engine.Task
	timer   *engine.Timer
	every   int64 // ns
	due     int64 // when the next record may pass, ns since the epoch
	waiting []heldBack
}

func newRateLimit(op *Op, n int, per time.Duration) *rateLimit {
	r := &rateLimit{task: op.o.task, every: int64(per) / int64(n)}
	_, id := op.enter()
	r.timer = r.task.NewTimer(id, r.release)
	r.task.AddGate(func() bool { return len(r.waiting) > 0 })
	r.task.OnDrain(r.drain)
	return r
}

// passes says whether a record may pass now, and notes that it does.
func (r *rateLimit) passes() bool {
	now := r.task.Now()
	if len(r.waiting) > 0 || r.due > now {
		return false
	}
	r.passed(now)
	return true
}

// passed notes that a record passes. With more than one a millisecond, what a timer was late by is made up for.
func (r *rateLimit) passed(now int64) {
	late := max(0, int64(time.Millisecond)-r.every)
	r.due = max(r.due, now-late) + r.every
}

func (r *rateLimit) wait(m *Meta, pass func(m *Meta) error) {
	r.waiting = append(r.waiting, delay(r.task, m, pass))
	r.timer.Set(r.due)
}

// release lets those pass whose time has come.
func (r *rateLimit) release(int64) error {
	for len(r.waiting) > 0 && r.due <= r.task.Now() {
		r.handFirst()
	}
	if len(r.waiting) > 0 {
		r.timer.Set(r.due)
	}
	return nil
}

func (r *rateLimit) drain() error {
	for n := len(r.waiting); n > 0; n-- { // not what comes back through a loop
		r.handFirst()
	}
	return nil
}

func (r *rateLimit) handFirst() {
	r.passed(r.task.Now())
	first := r.waiting[0]
	r.waiting = append(r.waiting[:0], r.waiting[1:]...) // few: those of one record
	first.hand()
}
