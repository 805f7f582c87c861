package framework_test

import (
	"fmt"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestATableKeepsTheLastValueOfEachKey(t *testing.T) {
	for _, c := range []struct {
		name, in, out string
		content       map[string]int
	}{
		{"of each key", "a=1@10 b=2@20 a=3@30", "a=1@10 b=2@20 a=3@30", map[string]int{"a": 3, "b": 2}},
		{"a null value deletes", "a=1@10 b=2@20 a=-@30", "a=1@10 b=2@20 a=-@30", map[string]int{"b": 2}},
		{"a tombstone goes on only where a result may exist", "a=-@10 b=2@20 b=-@30 b=-@40", "b=2@20 b=-@30", map[string]int{}},
		{"a key may come back", "a=1@10 a=-@20 a=3@30", "a=1@10 a=-@20 a=3@30", map[string]int{"a": 3}},
		{"the last that came, whatever its time", "a=1@30 a=2@10", "a=1@30 a=2@30", map[string]int{"a": 2}},
		{"a record without key is left out", "-=1@10 -=-@20", "", map[string]int{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := frameworktest.New(t, func(t *framework.Topology) { t.Table("table", numbers).To(results) })
			pipeText(d, "in", c.in)
			if got := readText(d, "out"); got != c.out {
				t.Errorf("%s\n gives %s\n want  %s", c.in, got, c.out)
			}
			equalContent(t, d, "table", c.content)
			d.Rebuild()
			equalContent(t, d, "table", c.content)
		})
	}
}

func TestATableCountsRecordsWithoutKeyAsDropped(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.Table("table", numbers).To(results) })
	pipeText(d, "in", "-=1@0 -=-@0 a=-@0")
	equalDropped(t, d, map[string]int64{"null_key": 2})
}

func TestATableSaysNothingOfWhatCameAndWentInOneRound(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.Table("table", numbers).To(results) })
	d.Batch(func() { pipeText(d, "in", "a=1@10 a=-@20 b=1@10 b=-@20 b=2@30") })
	if got, want := readText(d, "out"), "b=2@30"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := len(d.ReadRaw("test-table-changelog")), 1; got != want {
		t.Errorf("%d changelog records, want %d", got, want)
	}
	d.Batch(func() { pipeText(d, "in", "b=3@40 b=-@50") })
	if got, want := readText(d, "out"), "b=-@50"; got != want {
		t.Errorf("of a key that was there before: got %s, want %s", got, want)
	}
}

func TestATombstoneIsForwardedAfterARebuildAsBefore(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.Table("table", numbers).To(results) })
	pipeText(d, "in", "a=1@10")
	d.Rebuild()
	pipeText(d, "in", "a=-@20 a=-@30 b=-@40")
	if got, want := readText(d, "out"), "a=1@10 a=-@20"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAStreamBecomesATable(t *testing.T) {
	d := frameworktest.Config{Partitions: 3}.New(t, func(t *framework.Topology) {
		t.From(numbers).Map(double).Table("same-key").To(results)
		t.From(numbers).KeyBy(parity).Table("last-by-parity")
	})
	pipeText(d, "in", "a=1@0 b=2@0 c=3@0 a=4@0")
	equalContent(t, d, "same-key", map[string]int{"a": 8, "b": 4, "c": 6})
	equalContent(t, d, "last-by-parity", map[string]int{"odd": 3, "even": 4})
}

func TestANullValueIsATombstoneForATableAndNothingForAStream(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).Table("of-a-stream")
		t.Table("of-a-topic", more)
	})
	pipeText(d, "in", "a=1@0 a=-@0")
	pipeText(d, "more", "a=1@0 a=-@0")
	equalContent(t, d, "of-a-stream", map[string]int{"a": 1})
	equalContent(t, d, "of-a-topic", map[string]int{})
	equalDropped(t, d, map[string]int64{"null_value": 1})
}

func ExampleTopology_Table() {
	prices := frameworktest.Topic("prices", codec.String, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.Table("prices", prices)
	})
	d.Pipe(prices, "apple", 30, at(0))
	d.Pipe(prices, "bean", 5, at(0))
	d.Pipe(prices, "apple", 35, at(0))
	d.PipeNull(prices, "bean", at(0))
	fmt.Println(d.Content(framework.StoreOf[string, int]("prices")))
	// Output: map[apple:35]
}

func ExampleStream_Table() {
	orders := frameworktest.Topic("orders", codec.String, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(orders).
			Filter(func(cents int) bool { return cents > 0 }).
			Table("last-orders")
	})
	d.Pipe(orders, "ann", 250, at(0))
	d.Pipe(orders, "ann", 0, at(0))
	fmt.Println(d.Get(framework.StoreOf[string, int]("last-orders"), "ann"))
	// Output: 250 true
}
