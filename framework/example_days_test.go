package framework_test

import (
	"context"
	"fmt"
	"time"
	_ "time/tzdata" // time zones, also where the machine has none

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

// calendarDays is an Assigner: it puts each time into its calendar day in a zone, which has 23 or 25 hours where clocks change.
type calendarDays struct{ zone *time.Location }

func (c calendarDays) Assign(at time.Time) []framework.Window {
	year, month, day := at.In(c.zone).Date()
	begins, ends := time.Date(year, month, day, 0, 0, 0, 0, c.zone), time.Date(year, month, day+1, 0, 0, 0, 0, c.zone)
	return []framework.Window{framework.NewWindow(begins, ends)}
}

func (calendarDays) Longest() time.Duration { return 25 * time.Hour }

func printDay(zone *time.Location) func(context.Context, framework.Record[string, int64]) error {
	return func(_ context.Context, r framework.Record[string, int64]) error {
		fmt.Println(r.Window.Start().In(zone).Format(time.DateOnly), r.Value)
		return nil
	}
}

// A sensor measures every hour: how many times a day?
func ExampleGrouped_Windows() {
	berlin := zone("Europe/Berlin")
	readings := frameworktest.Topic("readings", codec.String, codec.Float64)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(readings).Grouped().
			Windows(calendarDays{berlin}).
			Emit(framework.OnClose).
			Count("readings-per-day").
			Stream().ForEachRecord(printDay(berlin))
	})
	for _, clocksChange := range []time.Time{time.Date(2025, 3, 30, 0, 0, 0, 0, berlin), time.Date(2025, 10, 26, 0, 0, 0, 0, berlin)} {
		for hour := range 48 * time.Hour / time.Hour {
			d.Pipe(readings, "roof", 20.5, clocksChange.Add(hour*time.Hour))
		}
	}
	d.AdvanceWatermark(time.Date(2025, 10, 28, 0, 0, 0, 0, berlin))
	// Output:
	// 2025-03-30 23
	// 2025-03-31 24
	// 2025-04-01 1
	// 2025-10-26 25
	// 2025-10-27 23
}
