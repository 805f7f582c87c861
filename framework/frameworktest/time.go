package frameworktest

import (
	"time"

	"github.com/millrace/millrace/framework/internal/engine"
)

// AdvanceWatermark brings the watermark of each source partition to a time, as a record would that is later by the allowed
// disorder, and none comes: windows that end by then close, timers that are due fire. A watermark never falls: one that is
// further on stays. When it returns the topology is at rest.
func (d *Driver) AdvanceWatermark(to time.Time) {
	d.helper()
	if err := d.TryAdvanceWatermark(to); err != nil {
		d.fatal(err)
	}
}

// TryAdvanceWatermark is AdvanceWatermark that returns the error with which the application stops.
func (d *Driver) TryAdvanceWatermark(to time.Time) error {
	return d.turnTime(func(t *engine.Task, input int) { t.Reach(input, to.UnixMilli()) })
}

// End says that nothing more comes, as a bounded run does at the end of its sources: all windows close. When it returns the
// topology is at rest; what is piped in afterwards fails the test.
func (d *Driver) End() {
	d.helper()
	if err := d.TryEnd(); err != nil {
		d.fatal(err)
	}
}

// TryEnd is End that returns the error with which the application stops.
func (d *Driver) TryEnd() error {
	return d.turnTime((*engine.Task).SetEnd)
}

// turnTime changes the event time of all source partitions.
func (d *Driver) turnTime(change func(t *engine.Task, input int)) error {
	for _, t := range d.tasks {
		for i, in := range t.Inputs() {
			if in.Upstream == 0 && d.err == nil {
				change(t.Task, i)
			}
		}
		if err := d.round(t); err != nil {
			return err
		}
	}
	return d.settle()
}

// round lets a task do what is due, and flushes it.
func (d *Driver) round(t *task) error {
	if d.err != nil {
		return d.err
	}
	if d.err = t.Err(); d.err == nil {
		_, d.err = d.process(t)
	}
	if d.err == nil {
		d.err = d.flush(t)
	}
	return d.err
}
