package framework_test

import (
	"context"
	"fmt"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/frameworktest"
)

// perMinutes counts visits in windows of ten minutes.
func perMinutes(t *framework.Topology, p framework.EmitPolicy) {
	t.From(visits).Grouped().Tumbling(10 * time.Minute).Emit(p).Count("visits-per-page").Stream().ForEachRecord(printWindow)
}

// Final results: one for each window, when it closes.
func ExampleWindowed_Emit() {
	d := frameworktest.New(nil, func(t *framework.Topology) { perMinutes(t, framework.OnClose) })
	visit(d, "1 ann", "2 bob", "10 cid")
	// Output: 12:00 to 12:10: home 2
}

// Each update of a window.
func ExampleWindowed_Emit_everyUpdate() {
	d := frameworktest.New(nil, func(t *framework.Topology) { perMinutes(t, framework.EveryUpdate) })
	visit(d, "1 ann", "2 bob", "10 cid")
	// Output:
	// 12:00 to 12:10: home 1
	// 12:00 to 12:10: home 2
	// 12:10 to 12:20: home 1
}

// The last update of each window in a round, which is a tenth of a second at most.
func ExampleWindowed_Emit_perCommit() {
	d := frameworktest.New(nil, func(t *framework.Topology) { perMinutes(t, framework.PerCommit) })
	d.Batch(func() { visit(d, "1 ann", "2 bob") }) // one round
	d.Batch(func() { visit(d, "3 cid", "4 dan") })
	// Output:
	// 12:00 to 12:10: home 2
	// 12:00 to 12:10: home 4
}

// What changed every three minutes (here at 12:06, with the visit that brings event time there, and at 12:09), and the final result.
func ExampleEarly() {
	d := frameworktest.New(nil, func(t *framework.Topology) { perMinutes(t, framework.Early(3*time.Minute)) })
	visit(d, "1 ann", "2 bob", "7 cid", "8 dan")
	d.AdvanceWatermark(noon(10))
	// Output:
	// 12:00 to 12:10: home 3
	// 12:00 to 12:10: home 4
	// 12:00 to 12:10: home 4
}

// A window waits for visits that come late: by the time at which they are read nothing may have come that is more than two
// minutes after the window's end.
func ExampleWindowed_Grace() {
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(visits).Grouped().
			Tumbling(10 * time.Minute).
			Grace(2 * time.Minute).
			Emit(framework.OnClose).
			Count("visits-per-page").
			Stream().ForEachRecord(printWindow)
	})
	visit(d, "1 ann", "11 bob", "9 cid", "12 dan") // cid is late, and in time
	// Output: 12:00 to 12:10: home 2
}

// What is too late for its window changes nothing, and goes to a stream of its own.
func ExampleWindowed_Late() {
	d := frameworktest.New(nil, func(t *framework.Topology) {
		perPage := t.From(visits).Grouped().Tumbling(10 * time.Minute).Emit(framework.OnClose)
		perPage.Count("visits-per-page").Stream().ForEachRecord(printWindow)
		perPage.Late().ForEachRecord(func(_ context.Context, r framework.Record[string, string]) error {
			fmt.Println("too late for", timeOfDay(r.Window.Start())+":", r.Value, "at", timeOfDay(r.Time))
			return nil
		})
	})
	visit(d, "1 ann", "11 bob", "9 cid")
	fmt.Println(d.Dropped())
	// Output:
	// 12:00 to 12:10: home 1
	// too late for 12:00: cid at 12:09
	// map[late:1]
}

// Days that begin at six in the morning, UTC.
func ExampleWindowed_Offset() {
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(visits).Grouped().
			Tumbling(24 * time.Hour).
			Offset(6 * time.Hour).
			Emit(framework.OnClose).
			Count("visits-per-page").
			Stream().ForEachRecord(printWindow)
	})
	visit(d, "0 ann", "1079 bob", "1080 cid") // 5:59 and 6:00 of the day after
	d.End()
	// Output:
	// 06:00 to 06:00: home 2
	// 06:00 to 06:00: home 1
}

// A graph whose results depend on more than its input is refused, with the reason.
func ExampleTopology_RequireRepeatable() {
	t := framework.New()
	t.RequireRepeatable()
	t.From(visits).TimedWindow(time.Minute, func(visitors []string) int { return len(visitors) }).
		ForEach(func(context.Context, int) error { return nil })
	_, err := t.Plan("app")
	fmt.Println(err)
	// Output: RequireRepeatable: the results of timed-window 1 depend on the wall clock: timed-window 1 goes by the wall clock
}
