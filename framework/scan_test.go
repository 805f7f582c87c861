package framework_test

import (
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestScanHandsOnEveryAccumulator(t *testing.T) {
	checkStream(t, func(s framework.Stream[string, int]) { s.Scan("totals", 0, add).To(results) },
		check{"of each key", "a=1@10 b=5@20 a=2@30", "a=1@10 b=5@20 a=3@30"},
		check{"at the highest time of what went in", "a=1@30 a=2@10 b=1@20 a=3@40", "a=1@30 a=3@30 b=1@20 a=6@40"},
		check{"but of records without key", "a=1@10 -=2@20 a=3@30", "a=1@10 a=4@30"},
		check{"but of tombstones", "a=1@10 a=-@20 a=2@30", "a=1@10 a=3@30"},
	)
	checkStream(t, func(s framework.Stream[string, int]) { s.Scan("totals", 100, add).To(results) },
		check{"beginning with the first one", "a=1@10 b=5@20", "a=101@10 b=105@20"})
	checkStream(t, func(s framework.Stream[string, int]) { s.KeyBy(parity).Scan("totals", 0, add).To(results) },
		check{"of another key, through a repartition topic", "a=1@10 b=2@20 c=3@30", "odd=1@10 even=2@20 odd=4@30"})
}

func TestScanCountsWhatItCannotTake(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.Table("in", numbers).Stream().Scan("totals", 0, add).To(results) })
	pipeText(d, "in", "a=1@10 a=-@20")
	equalDropped(t, d, map[string]int64{"null_value": 1})
	d = frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).Scan("totals", 0, add).To(results) })
	pipeText(d, "in", "-=1@10 a=1@20")
	equalDropped(t, d, map[string]int64{"null_key": 1})
}

func TestScanOfAStreamWithoutKeyHasOneAccumulatorThatSurvivesARestart(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(unkeyed).Scan("total", 0, add).To(unkeyedOut) })
	d.Batch(func() { pipeText(d, "in", "-=1@10 x=2@20") }) // a key that nobody reads
	pipeText(d, "in", "-=3@15")
	d.Rebuild()
	pipeText(d, "in", "-=4@30")
	if got, want := readText(d, "out"), "-=1@10 -=3@20 -=6@20 -=10@30"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	equalContent(t, d, "total", map[framework.None]int{{}: 10})
	changes := d.ReadRaw("test-total-changelog")
	if len(changes) != 3 {
		t.Fatalf("%d changes of the store, want one a round", len(changes))
	}
	for _, r := range changes {
		if r.Key == nil || len(r.Key) > 0 {
			t.Errorf("the key of a change is %v: want an empty one, which is not none", r.Key)
		}
	}
}

func TestScanOfAStreamWithoutKeyIsRefusedOnSeveralPartitions(t *testing.T) {
	startFails(t, map[string]int{"in": 2}, func(t *framework.Topology) { t.From(unkeyed).Scan("total", 0, add).To(unkeyedOut) },
		"scan total: it keeps state on a stream without key that is read from 2 partitions, so that its results would depend on their number: key the stream, or read a topic of one partition")
}

func TestScanEncodesItsAccumulatorsAsCodecsSays(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).Scan("totals", 0, add).Codecs(codec.String, decimal).To(results)
	})
	pipeText(d, "in", "a=1@10")
	if got, want := readText(d, "test-totals-changelog"), "a=1@10"; got != want {
		t.Errorf("the changelog holds %s, want %s", got, want)
	}
}

// A running total of each customer.
func ExampleStream_Scan() {
	orders := frameworktest.Topic("orders", codec.String, codec.Int)
	totals := frameworktest.Topic("totals", codec.String, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(orders).Scan("totals", 0, framework.Add).To(totals)
	})
	d.Pipe(orders, "ann", 100, at(0))
	d.Pipe(orders, "bob", 250, at(1))
	d.Pipe(orders, "ann", 50, at(2))
	show(d.Read(totals))
	// Output:
	// ann 100
	// bob 250
	// ann 150
}
