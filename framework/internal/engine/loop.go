package engine

import (
	"fmt"
	"runtime/debug"
)

// Loop is a queue of records that are fed back to where they came from. The task empties it before it takes a record from
// outside: no call of an operator leads into itself.
type Loop interface {
	Len() int
	// Next hands the oldest record on.
	Next() error
	// Discard empties the queue; err is what became of the records.
	Discard(err error)
	// Name is the operator's.
	Name() string
}

// maxPasses is how many records loops may hand on for one record from outside, one timer or one flush, before the task
// is taken for one that never comes to rest.
const maxPasses = 1 << 20

// AddLoop gives the task a loop.
func (t *Task) AddLoop(l Loop) { t.loops = append(t.loops, l) }

// AddGate gives the task a reason to take no records: while shut returns true.
func (t *Task) AddGate(shut func() bool) { t.gates = append(t.gates, shut) }

// OnDrain registers what is to run before the task is let go: hand on what is kept back for later. It runs upstream first.
func (t *Task) OnDrain(f func() error) { t.drains = append(t.drains, f) }

// Drain lets operators hand on what they keep back for the end of a round or a later time of the wall clock. The stages
// behind are told to do so with all that is in their queues.
func (t *Task) Drain() error {
	for range len(t.drains) + 1 { // what one hands on another keeps back for the end of the round, and gives to the next
		if err := t.Flush(); err != nil {
			return err
		}
		for i := len(t.drains) - 1; i >= 0 && t.failed == nil; i-- {
			t.guarded(t.drains[i])
		}
	}
	for _, s := range t.stages {
		if s.Draining != nil {
			s.Draining()
		}
	}
	return t.failed
}

// Looping says that a loop is not empty and can be, or that an operator is due: Pump has something to do.
func (t *Task) Looping() bool {
	return (t.loops != nil && t.filled() != nil || t.Closing()) && !t.shut()
}

// Blocked says that the task takes no records for now: an operator waits, or is due, or a loop is not empty.
func (t *Task) Blocked() bool {
	if t.Closing() {
		return true
	}
	for _, l := range t.loops {
		if l.Len() > 0 {
			return true
		}
	}
	return t.shut()
}

func (t *Task) shut() bool {
	for _, shut := range t.gates {
		if shut() {
			return true
		}
	}
	return false
}

// Pump empties the loops as far as operators take records, and lets those hand on that are due. What a flush feeds back is
// handed on after it.
func (t *Task) Pump() error {
	t.pump()
	t.advance()
	return t.failed
}

func (t *Task) pump() {
	for passes := 0; t.failed == nil && !t.shut(); passes++ {
		l := t.filled()
		if l == nil {
			return
		}
		if passes == maxPasses {
			l.Discard(&OperatorError{Operator: l.Name(), Err: fmt.Errorf("the loop does not converge: %d records were fed back for one that came in; let fewer records through to its end, or put a RateLimit into it", maxPasses)})
			return
		}
		if err := t.next(l); err != nil {
			t.fail(err)
		}
	}
}

func (t *Task) next(l Loop) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &OperatorError{Err: panicError(p), Stack: string(debug.Stack())}
		}
	}()
	return l.Next()
}

// filled returns a loop with something in its queue.
func (t *Task) filled() Loop {
	for _, l := range t.loops {
		if l.Len() > 0 {
			return l
		}
	}
	return nil
}
