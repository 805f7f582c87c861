package framework_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

// The examples of windows count the visits to pages: a record's key is the page, its value the visitor, and its event time a minute
// after noon.
var visits = frameworktest.Topic("visits", codec.String, codec.String)

// visit pipes visits to the home page, each written "minute visitor".
func visit(d *frameworktest.Driver, all ...string) {
	for _, one := range all {
		var minute int64
		var visitor string
		if _, err := fmt.Sscan(one, &minute, &visitor); err != nil {
			panic(err)
		}
		d.Pipe(visits, "home", visitor, noon(minute))
	}
}

// noon is the time so many minutes after noon.
func noon(minutes int64) time.Time { return at((12*60 + minutes) * 60_000) }

func timeOfDay(at time.Time) string { return at.Format("15:04") }

// printWindow is a sink that prints a window, its key and its value.
func printWindow[V any](_ context.Context, r framework.Record[string, V]) error {
	fmt.Println(timeOfDay(r.Window.Start()), "to", timeOfDay(r.Window.End())+":", r.Key, r.Value)
	return nil
}

func ExampleGrouped_Tumbling() {
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(visits).Grouped().
			Tumbling(10 * time.Minute).
			Emit(framework.OnClose). // each window once, when nothing more can come into it
			Count("visits-per-page").
			Stream().ForEachRecord(printWindow)
	})
	visit(d, "1 ann", "9 bob", "10 cid") // at 12:10 the first window ends
	fmt.Println("no more visits")
	d.End()
	// Output:
	// 12:00 to 12:10: home 2
	// no more visits
	// 12:10 to 12:20: home 1
}

// Windows that overlap: a visit at 12:07 is in that from 12:00 and in that from 12:05.
func ExampleGrouped_Hopping() {
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(visits).Grouped().
			Hopping(10*time.Minute, 5*time.Minute).
			Emit(framework.OnClose).
			Count("visits-per-page").
			Stream().ForEachRecord(printWindow)
	})
	visit(d, "1 ann", "7 bob")
	d.End()
	// Output:
	// 11:55 to 12:05: home 1
	// 12:00 to 12:10: home 2
	// 12:05 to 12:15: home 1
}

// A visit belongs to the session of the one before it if no more than the gap lies between them. A session ends with its last visit.
func ExampleGrouped_Session() {
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(visits).Grouped().
			Session(5 * time.Minute).
			Emit(framework.OnClose).
			Count("visits-per-session").
			Stream().ForEachRecord(printWindow)
	})
	visit(d, "1 ann", "4 ann", "9 ann", "15 ann")
	d.End()
	// Output:
	// 12:01 to 12:09: home 3
	// 12:15 to 12:15: home 1
}

// How many visits were there in any ten minutes? The windows are those whose content differs: before each visit, and right after it.
func ExampleGrouped_SlidingTime() {
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(visits).Grouped().
			SlidingTime(10 * time.Minute).
			Emit(framework.OnClose).
			Count("visits-per-page").
			Stream().ForEachRecord(printWindow)
	})
	visit(d, "10 ann", "15 bob", "22 cid")
	d.End()
	// Output:
	// 12:00 to 12:10: home 1
	// 12:05 to 12:15: home 2
	// 12:10 to 12:20: home 1
	// 12:12 to 12:22: home 2
	// 12:15 to 12:25: home 1
}

// Every second visit, whatever the time; the window is from the earliest to the latest of them.
func ExampleGrouped_TumblingCount() {
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(visits).Grouped().
			TumblingCount(2).
			Emit(framework.OnClose). // windows that are full
			Reduce("visitors", together).
			Stream().ForEachRecord(printWindow)
	})
	visit(d, "1 ann", "7 bob", "8 cid", "3 dan", "9 eve")
	// Output:
	// 12:01 to 12:07: home ann and bob
	// 12:03 to 12:08: home cid and dan
}

// The last two visits, with each one.
func ExampleGrouped_SlidingCount() {
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(visits).Grouped().
			SlidingCount(2).
			Reduce("visitors", together).
			Stream().ForEachRecord(printWindow)
	})
	visit(d, "1 ann", "7 bob", "8 cid")
	// Output:
	// 12:01 to 12:07: home ann and bob
	// 12:07 to 12:08: home bob and cid
}

func together(a, b string) string { return a + " and " + b }

// Who came in each ten minutes, in the order of arrival.
func ExampleWindowed_Reduce() {
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(visits).Grouped().
			Tumbling(10*time.Minute).
			Emit(framework.OnClose).
			Reduce("visitors", together).
			Stream().ForEachRecord(printWindow)
	})
	visit(d, "1 ann", "9 bob", "12 cid")
	d.End()
	// Output:
	// 12:00 to 12:10: home ann and bob
	// 12:10 to 12:20: home cid
}

func ExampleWindowed_Count() {
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(visits).
			GroupBy(strings.ToUpper). // another key: by visitor
			Tumbling(10 * time.Minute).
			Emit(framework.OnClose).
			Count("visits-per-visitor").
			Stream().ForEachRecord(printWindow)
	})
	visit(d, "1 ann", "2 bob", "9 Ann")
	d.End()
	// Output:
	// 12:00 to 12:10: ANN 2
	// 12:00 to 12:10: BOB 1
}

// Ready aggregates are for windows, too: here the mean, which is exact whatever the order of what is added up.
func ExampleWindowed_Aggregate() {
	trips := frameworktest.Topic("trips", codec.String, codec.Float64) // of a driver, in minutes
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(trips).Grouped().
			Tumbling(time.Hour).
			Emit(framework.OnClose).
			Aggregate("mean-trip", framework.Mean[float64]()).
			Map(framework.Average.Value).
			Stream().ForEachRecord(printWindow)
	})
	d.Pipe(trips, "ann", 30, noon(10))
	d.Pipe(trips, "ann", 45, noon(59))
	d.Pipe(trips, "ann", 20, noon(60))
	d.End()
	// Output:
	// 12:00 to 13:00: ann 37.5
	// 13:00 to 14:00: ann 20
}

// Different visitors, and the first one, from one and the same windows.
func ExampleGrouped_Tumbling_several() {
	d := frameworktest.New(nil, func(t *framework.Topology) {
		perHour := t.From(visits).Grouped().Tumbling(time.Hour).Emit(framework.OnClose)
		perHour.Aggregate("visitors", framework.DistinctOf(strings.ToLower)).
			Map(framework.Set[string].Len).Stream().ForEachRecord(printWindow)
		perHour.Aggregate("first", framework.First[string]()).
			Map(framework.Picked[string].Value).Stream().ForEachRecord(printWindow)
	})
	visit(d, "5 ann", "7 bob", "9 ann")
	d.End()
	// Unordered output:
	// 12:00 to 13:00: home 2
	// 12:00 to 13:00: home ann
}

func ExampleWindowTable_Filter() {
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(visits).Grouped().
			Tumbling(10 * time.Minute).
			Emit(framework.OnClose).
			Count("visits-per-page").
			Filter(func(visits int64) bool { return visits > 1 }).
			Map(func(visits int64) string { return fmt.Sprint(visits, " visits") }).
			Stream().ForEachRecord(printWindow)
	})
	visit(d, "1 ann", "9 bob", "12 cid")
	d.End()
	// Output: 12:00 to 12:10: home 2 visits
}

// In a topic the window is a part of the key.
func ExampleWindowKeys() {
	perPage := frameworktest.Topic("visits-per-page", framework.WindowedKeys(codec.String, 10*time.Minute), codec.Int64)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(visits).Grouped().
			Tumbling(10 * time.Minute).
			Emit(framework.OnClose).
			Count("visits").
			Stream().Then(framework.WindowKeys).To(perPage)
	})
	visit(d, "1 ann", "9 bob", "12 cid")
	for _, r := range d.Read(perPage) {
		fmt.Println(r.Key.Key, timeOfDay(r.Key.Window.Start()), r.Value)
	}
	// Output: home 12:00 2
}

// Sessions have no fixed length: their keys in a topic have the end, too.
func ExampleSessionKeys() {
	sessions := frameworktest.Topic("sessions", framework.SessionKeys(codec.String), codec.Int64)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(visits).Grouped().
			Session(5 * time.Minute).
			Emit(framework.OnClose).
			Count("visits").
			Stream().Then(framework.WindowKeys).To(sessions)
	})
	visit(d, "1 ann", "4 ann")
	d.End()
	for _, r := range d.Read(sessions) {
		fmt.Println(r.Key.Key, "for", r.Key.Window.End().Sub(r.Key.Window.Start()), r.Value)
	}
	// Output: home for 3m0s 2
}
