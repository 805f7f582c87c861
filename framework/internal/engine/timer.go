package engine

import "math"

// Never is the time of a timer that is not set, and of a task that waits for none.
const Never = math.MaxInt64

// Timer calls an operator at a time of the wall clock. Best effort: it fires at the first Tick at or after its time, and
// no result that is to be repeatable depends on it.
type Timer struct {
	Operator int32 // node
	at       int64 // ns since the epoch
	fire     func(at int64) error
	task     *Task
}

// NewTimer returns a timer that is not set. fire gets the time that it was set for.
func (t *Task) NewTimer(operator int32, fire func(at int64) error) *Timer {
	timer := &Timer{Operator: operator, at: Never, fire: fire, task: t}
	t.timers = append(t.timers, timer)
	return timer
}

// Set sets when the timer fires, once, in ns since the epoch. A timer that fires may set itself anew.
func (t *Timer) Set(at int64) { t.at = at }

// Stop unsets the timer.
func (t *Timer) Stop() { t.at = Never }

// At returns when the timer fires; Never: it is not set.
func (t *Timer) At() int64 { return t.at }

// Timers returns the timers of the task's operators, stages included.
func (t *Task) Timers() []*Timer {
	timers := t.timers
	for _, s := range t.stages {
		timers = append(timers[:len(timers):len(timers)], s.Timers()...)
	}
	return timers
}

// Clock tells the task the wall clock's time, in ns since the epoch; it never goes back.
func (t *Task) Clock(now int64) { t.now = max(t.now, now) }

// Now returns the time that Clock told last.
func (t *Task) Now() int64 { return t.now }

// Wake returns when the next timer is due; Never: none is set.
func (t *Task) Wake() int64 {
	next := int64(Never)
	for _, timer := range t.timers {
		next = min(next, timer.at)
	}
	return next
}

// Tick fires the timers that are due, the earliest first, of one time in the order in which their operators opened.
func (t *Task) Tick(now int64) error {
	t.Clock(now)
	for t.failed == nil {
		var due *Timer
		for _, timer := range t.timers {
			if timer.at <= t.now && (due == nil || timer.at < due.at) {
				due = timer
			}
		}
		if due == nil {
			break
		}
		at := due.at
		due.at = Never
		if err := t.guarded(func() error { return due.fire(at) }); err != nil {
			return err
		}
	}
	return t.failed
}
