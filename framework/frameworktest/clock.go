package frameworktest

import (
	"slices"
	"time"

	"github.com/millrace/millrace/framework/internal/engine"
)

// Now returns the virtual wall clock. It begins at 1970-01-01 and moves by AdvanceClock only, and while Emit waits.
func (d *Driver) Now() time.Time { return time.Unix(0, d.now).UTC() }

// AdvanceClock moves the virtual wall clock and fires the timers on the way, each at its own time and in order: those of
// RateLimit and TimedWindow. When it returns the topology is at rest.
func (d *Driver) AdvanceClock(by time.Duration) {
	d.helper()
	if err := d.TryAdvanceClock(by); err != nil {
		d.fatal(err)
	}
}

// TryAdvanceClock is AdvanceClock that returns the error with which the application stops.
func (d *Driver) TryAdvanceClock(by time.Duration) error {
	d.helper()
	target := d.now + int64(by)
	for d.err == nil {
		if err := d.settle(); err != nil {
			return err
		}
		next := d.nextTimer()
		if next > target {
			break
		}
		d.now = max(d.now, next)
	}
	d.now = target
	return d.settle()
}

// Sleep moves the virtual wall clock at once, as if the process had not run meanwhile: timers fire late.
func (d *Driver) Sleep(by time.Duration) {
	d.helper()
	d.now += int64(by)
	if err := d.TryAdvanceClock(0); err != nil {
		d.fatal(err)
	}
}

// Timer is a timer of an operator that waits for its time.
type Timer struct {
	Operator string
	Task     string
	At       time.Time // of the virtual wall clock
}

// Timers returns the timers of the wall clock that are set, the earliest first. Those of event time are not among them: bring the
// watermark to their times by AdvanceWatermark.
func (d *Driver) Timers() []Timer {
	var timers []Timer
	for _, t := range d.tasks {
		for _, timer := range t.Timers() {
			if at := timer.At(); at != engine.Never {
				timers = append(timers, Timer{t.OperatorName(timer.Operator), t.ID, time.Unix(0, at).UTC()})
			}
		}
	}
	slices.SortStableFunc(timers, func(a, b Timer) int { return a.At.Compare(b.At) })
	return timers
}

func (d *Driver) nextTimer() int64 {
	next := int64(engine.Never)
	for _, t := range d.tasks {
		for _, timer := range t.Timers() {
			next = min(next, timer.At())
		}
	}
	return next
}

// begin makes stages ready.
func (d *Driver) begin(stages []*engine.Stage) {
	for _, s := range stages {
		s.Begin(new(engine.Pool).NewArena())
		d.begin(s.Stages())
	}
}

// turn fires the timers of a task that are due and lets the stages behind it finish what they can. It returns how much
// that was.
func (d *Driver) turn(t *engine.Task) (n int, err error) {
	t.Clock(d.now)
	if t.Wake() <= d.now {
		n++
		if err := t.Tick(d.now); err != nil {
			return n, err
		}
	}
	if t.Looping() {
		n++
		if err := t.Pump(); err != nil {
			return n, err
		}
	}
	for _, s := range t.Stages() {
		more, err := d.finish(t, s)
		if n += more; err != nil {
			return n, err
		}
	}
	return n, t.Err()
}

// finish lets a stage process its queue, as far as its operators take records, and takes what it made.
func (d *Driver) finish(t *engine.Task, s *engine.Stage) (n int, err error) {
	for {
		more, err := d.turn(s.Task)
		if n += more; err != nil {
			return n, err
		}
		if s.Blocked() || !s.Next() {
			break
		}
		n++
		if s.Err() != nil {
			return n, s.Err()
		}
	}
	if n == 0 {
		return 0, nil
	}
	if err := s.Flush(); err != nil {
		return n, err
	}
	ready := s.Ready()
	t.Adopt(ready.Changelog, ready.Outputs)
	s.Done()
	s.Arena().Release()
	s.Begin(new(engine.Pool).NewArena())
	t.Dropped(s.Dropped())
	below, failures := s.Finished()
	s.Finish(below, failures)
	return n, t.Err()
}
