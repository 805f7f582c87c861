package framework

import (
	"time"

	"github.com/millrace/millrace/framework/internal/engine"
)

// Hold keeps the offset of a record from being committed, and whoever emitted it waiting, until Release: for operators that
// keep something that they made of it. After a crash the record is read again.
type Hold struct{ inner engine.Hold }

// Hold holds the record that m came with. Copy m if it is to be handed on later.
func (op *Op) Hold(m *Meta) Hold { return Hold{op.o.task.HoldOffset(m)} }

// Release ends the hold, once. err is what became of the record: nil, or why it is not done with, which is the emitter's receipt,
// and of a record from a topic stops the application.
func (h Hold) Release(err error) { h.inner.Release(err) }

// Now returns what time it is for the operator: the wall clock as of when its task looked at it last, a few milliseconds ago at most
// while it runs, and under a test driver the driver's clock.
func (op *Op) Now() time.Time { return time.Unix(0, op.o.task.Now()).UTC() }

// Every calls f when an interval of the wall clock ends, on the task's goroutine, with the time of its end; intervals begin at
// multiples of their length since 1970. Best effort: what a busy task is late by is made up for, but not a standstill of the
// process of more than a thousand intervals.
func (op *Op) Every(interval time.Duration, f func(end time.Time) error) {
	op.early("Every")
	if interval <= 0 {
		if op.o.build.scratch {
			op.o.build.fault("%s: an interval of %s: give it a length", op.n, interval)
		}
		return
	}
	if op.o.build.scratch {
		op.n.clocked = true
	}
	entered, id := op.enter()
	every := int64(interval)
	var timer *engine.Timer
	timer = op.o.task.NewTimer(id, func(at int64) error {
		now, next := op.o.task.Now(), at+every
		if at == 0 || now-at > standstill*every {
			next = (now/every + 1) * every
		}
		timer.Set(next)
		if at == 0 {
			return nil
		}
		*entered = id
		return f(time.Unix(0, at).UTC())
	})
	timer.Set(0) // the first tick says what time it is
}

// OnDrain registers what is to run before the task is let go, by a stop or a rebalance: hand on there what is kept for a later
// time. It runs upstream first.
func (op *Op) OnDrain(f func() error) {
	op.early("OnDrain")
	entered, id := op.enter()
	op.o.task.OnDrain(func() error {
		*entered = id
		return f()
	})
}

// standstill is the number of intervals after which those that passed without the process running are left out.
const standstill = 1000
