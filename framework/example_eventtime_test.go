package framework_test

import (
	"context"
	"fmt"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

// Visits may come up to three minutes out of order: windows close that much later, and none of them is late.
func ExampleTopic_Disorder() {
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(visits.Disorder(3 * time.Minute)).Grouped().
			Tumbling(10 * time.Minute).
			Emit(framework.OnClose).
			Count("visits-per-page").
			Stream().ForEachRecord(printWindow)
	})
	visit(d, "1 ann", "12 bob", "9 cid", "13 dan")
	// Output: 12:00 to 12:10: home 2
}

// A measurement without a time of its own goes to another topic, with the bytes as they were and the reason.
func ExampleTopic_OnBadTime() {
	readings := frameworktest.Topic("readings", codec.None, codec.JSON[reading]()).
		EventTime(reading.when).
		OnBadTime(framework.DeadLetter("readings-dead"))
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(readings).ForEach(func(_ context.Context, r reading) error { fmt.Println(r.Sensor); return nil })
	})
	pipe(d, readings, reading{Sensor: "attic", At: noon(1)}, reading{Sensor: "cellar"})
	for _, letter := range d.ReadRaw("readings-dead") {
		fmt.Printf("dead: %s, offset %s: %s\n", letter.Value, headerOf(letter, "dlq.offset"), headerOf(letter, "dlq.reason"))
	}
	// Output:
	// attic
	// dead: {"sensor":"cellar","at":"0001-01-01T00:00:00Z"}, offset 1: missing_time
}

// A sensor whose clock is wrong does not bring event time on for all of them.
func ExampleTopic_NoFurtherAhead() {
	readings := frameworktest.Topic("readings", codec.None, codec.JSON[reading]()).
		EventTime(reading.when).
		NoFurtherAhead(time.Minute). // than the time at which it was sent
		OnBadTime(framework.Clamp)   // to that
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(readings).ForEachRecord(func(_ context.Context, r framework.Record[framework.None, reading]) error {
			fmt.Println(r.Value.Sensor, timeOfDay(r.Time))
			return nil
		})
	})
	d.Pipe(readings, framework.None{}, reading{"attic", noon(1)}, noon(5))
	d.Pipe(readings, framework.None{}, reading{"roof", noon(9000)}, noon(5))
	// Output:
	// attic 12:01
	// roof 12:06
}

// What App.Explain answers where a window does not close since one of two partitions is empty.
func ExampleExplanation_String() {
	e := framework.Explanation{
		Operator: "count visits-per-page", Of: 2,
		Path: []framework.Step{
			{Task: "1_0", Topic: "app-visits-per-page-repartition", Standing: framework.InputWaits, WaitsFor: "0_1"},
			{Task: "0_1", Topic: "visits", Partition: 1, Standing: framework.InputNeverSpoke},
		},
	}
	fmt.Print(e)
	// Output:
	// count visits-per-page waits: its watermark, which is not known yet, is held back by topic visits, partition 1, which has never had a record: IdleAfter(d) on the topic leaves it out
	//   task 1_0 reads topic app-visits-per-page-repartition, partition 0, and waits there for task 0_1
}
