package frameworktest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/framework/internal/driver"
	"github.com/millrace/millrace/framework/internal/engine"
)

// host processes what is emitted into an in-memory input. Where Emit would wait for the wall clock, the virtual clock moves.
type host struct {
	driver *Driver
	task   *task
	input  int
}

var errStuck = errors.New("emit would wait for ever: operators hold the source back, and no timer is set")

func (h *host) Enter(context.Context) error {
	d := h.driver
	if d.inside {
		return driver.ErrInside
	}
	if err := d.settle(); err != nil {
		return err
	}
	return h.wait(func() bool { return !h.task.Blocked() })
}

// wait moves the clock from timer to timer until ready says so.
func (h *host) wait(ready func() bool) error {
	d := h.driver
	for !ready() {
		next := d.nextTimer()
		if next == engine.Never {
			return errStuck
		}
		if err := d.TryAdvanceClock(time.Duration(max(0, next-d.now))); err != nil {
			return err
		}
	}
	return nil
}

func (h *host) Leave() {}

func (h *host) Emit(_ context.Context, now bool, at int64) error {
	d, t := h.driver, h.task
	if now {
		at = d.Now().UnixMilli()
	}
	in := t.Inputs()[h.input]
	m := engine.Meta{Time: at, Birth: in.Birth(), NoKey: true, Topic: in.Name, Partition: in.Partition, Offset: in.Position()}
	t.Clock(d.now)
	d.inside = true
	err := t.Take(h.input, &m, in.Entry)
	d.inside = false
	pending := 0
	waiting := true
	if t.Holding() {
		pending = t.Await(h.input, func(e error) {
			if pending--; waiting {
				err = engine.JoinErrors(err, e)
			} else {
				d.late = engine.JoinErrors(d.late, e)
			}
		})
	}
	defer func() { waiting = false }()
	if flush := d.flush(t); flush != nil {
		err = engine.JoinErrors(err, flush)
		d.take(t)
	}
	if settled := d.settle(); settled != nil {
		return engine.JoinErrors(err, settled)
	}
	if stuck := h.wait(func() bool { return pending == 0 }); stuck != nil {
		return engine.JoinErrors(err, fmt.Errorf("emit into %s: %w", in.Name, stuck))
	}
	return err
}
