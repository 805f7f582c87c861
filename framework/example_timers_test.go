package framework_test

import (
	"context"
	"fmt"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

// Say of each page that nobody came for five minutes, by event time: the same in every run.
func ExampleOp_EventTimers() {
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(visits).Process("silence", func(op *framework.Op, next framework.Emit[string, string]) framework.Emit[string, string] {
			quiet := op.EventTimers(func(m *framework.Meta, page string) error { return next(m, page, "is quiet") })
			return func(m *framework.Meta, page, visitor string) error {
				quiet.Set(page, time.UnixMilli(m.Time).Add(5*time.Minute)) // in the place of the one that it had
				return next(m, page, visitor)
			}
		}).ForEachRecord(func(_ context.Context, r framework.Record[string, string]) error {
			fmt.Println(timeOfDay(r.Time), r.Key, r.Value)
			return nil
		})
	})
	visit(d, "1 ann", "4 bob")
	d.AdvanceWatermark(noon(30)) // event time goes on
	// Output:
	// 12:01 home ann
	// 12:04 home bob
	// 12:09 home is quiet
}

// Look at a page again a minute after a visit, by the clock on the wall: what nothing should depend on.
func ExampleOp_WallTimers() {
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(visits).Process("look-again", func(op *framework.Op, next framework.Emit[string, string]) framework.Emit[string, string] {
			again := op.WallTimers(func(m *framework.Meta, page string) error { return next(m, page, "is looked at") })
			now := time.Unix(0, 0) // time.Now(), but for a test, whose clock begins in 1970
			return func(_ *framework.Meta, page, _ string) error {
				again.Set(page, now.Add(time.Minute))
				return nil
			}
		}).ForEachRecord(func(_ context.Context, r framework.Record[string, string]) error {
			fmt.Println(r.Key, r.Value)
			return nil
		})
	})
	visit(d, "1 ann")
	d.AdvanceClock(59 * time.Second)
	fmt.Println("a second later:")
	d.AdvanceClock(time.Second)
	// Output:
	// a second later:
	// home is looked at
}

// A task that is done has no reminder any more.
func ExampleTimers_Clear() {
	tasks := frameworktest.Topic("tasks", codec.String, codec.String)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(tasks).Process("reminders", func(op *framework.Op, next framework.Emit[string, string]) framework.Emit[string, string] {
			reminders := op.EventTimers(func(m *framework.Meta, task string) error { return next(m, task, "is overdue") })
			return func(m *framework.Meta, task, news string) error {
				if news == "done" {
					reminders.Clear(task)
				} else if _, set := reminders.At(task); !set {
					reminders.Set(task, time.UnixMilli(m.Time).Add(time.Hour))
				}
				return nil
			}
		}).ForEachRecord(func(_ context.Context, r framework.Record[string, string]) error {
			fmt.Println(timeOfDay(r.Time), r.Key, r.Value)
			return nil
		})
	})
	d.Pipe(tasks, "dishes", "begun", noon(0))
	d.Pipe(tasks, "laundry", "begun", noon(5))
	d.Pipe(tasks, "dishes", "done", noon(30))
	d.AdvanceWatermark(noon(120))
	// Output: 13:05 laundry is overdue
}
