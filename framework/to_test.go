package framework_test

import (
	"fmt"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestToWritesKeyValueTimeAndHeaders(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.Table("in", numbers).Stream().To(results) })
	pipeText(d, "in", "a=1@10 =2@20 a=-@30")
	if got, want := readText(d, "out"), "a=1@10 =2@20 a=-@30"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	d = frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).To(results) })
	r := rawOf("a=1@10")
	r.Headers = []framework.Header{{Key: "h", Value: []byte("v")}, {Key: "h", Value: []byte{}}}
	d.PipeRaw("in", r)
	if got, want := fmt.Sprintf("%q", d.ReadRaw("out")[0].Headers), `[{"h" "v"} {"h" ""}]`; got != want {
		t.Errorf("headers %s, want %s", got, want)
	}
}

func TestToTellsAnEmptyValueFromNone(t *testing.T) {
	texts := frameworktest.Topic("texts", codec.String, codec.String)
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(texts).To(frameworktest.Topic("out", codec.String, codec.String)) })
	d.Pipe(texts, "", "", at(0))
	if r := d.ReadRaw("out")[0]; r.Key == nil || r.Value == nil {
		t.Errorf("an empty key or value was written as null: %v", r)
	}
}

func TestToPutsARecordWhereKafkasPartitionerPutsItsKey(t *testing.T) {
	d := frameworktest.Config{PartitionsOf: map[string]int{"in": 1, "out": 7}}.New(t, func(t *framework.Topology) {
		t.From(numbers).To(results)
	})
	pipeText(d, "in", "21=1@0 foobar=1@0 a-little-bit-long-string=1@0 abc=1@0 21=2@0")
	// of the hashes in Kafka's own UtilsTest: (hash & 0x7fffffff) % 7
	want := map[string]int32{"21": 3, "foobar": 0, "a-little-bit-long-string": 1, "abc": 4}
	for _, r := range d.ReadRaw("out") {
		if r.Partition != want[string(r.Key)] {
			t.Errorf("key %s is in partition %d, want %d", r.Key, r.Partition, want[string(r.Key)])
		}
	}
}

func TestToSpreadsRecordsWithoutKeyRoundByRound(t *testing.T) {
	d := frameworktest.Config{PartitionsOf: map[string]int{"in": 2, "out": 6}}.New(t, func(t *framework.Topology) {
		t.From(unkeyed).To(unkeyedOut)
	})
	for range 5 {
		pipe(d, unkeyed, 1, 2, 3, 4, 5, 6) // one after the other to the partitions of the source
	}
	if got, want := d.Partitions("out"), []int{5, 5, 5, 5, 5, 5}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("records in the partitions: %v, want %v", got, want)
	}
	of := map[int32]int{}
	for _, r := range d.ReadRaw("out") {
		of[r.Partition%2] += int(r.Value[0]-'0') % 2 // odd values are in partition 0 of the source
	}
	if of[0] != 15 || of[1] != 0 {
		t.Errorf("tasks share partitions: %v", of)
	}
}

func TestSeveralStreamsMayWriteToOneTopic(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).To(results)
		t.From(more).To(results)
	})
	pipeText(d, "in", "a=1@0")
	pipeText(d, "more", "b=2@0")
	if got, want := readText(d, "out"), "a=1@0 b=2@0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func ExampleStream_To() {
	texts := frameworktest.Topic("texts", codec.String, codec.String)
	copies := frameworktest.Topic("copies", codec.String, codec.String)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(texts).To(copies)
	})
	d.Pipe(texts, "a", "first", at(0))
	show(d.Read(copies))
	// Output: a first
}

func ExampleTable_To() {
	orders := frameworktest.Topic("orders", codec.String, codec.Int)
	counts := frameworktest.Topic("counts", codec.String, codec.Int64)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(orders).Grouped().Count("orders").To(counts)
	})
	d.Pipe(orders, "ann", 100, at(0))
	d.Pipe(orders, "ann", 250, at(0))
	show(d.Read(counts))
	// Output:
	// ann 1
	// ann 2
}

func ExampleTable_Stream() {
	prices := frameworktest.Topic("prices", codec.String, codec.Int)
	changes := frameworktest.Topic("changes", codec.String, codec.String)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.Table("prices", prices).Stream().
			Map(func(cents int) string { return fmt.Sprintf("%d cents", cents) }).
			To(changes)
	})
	d.Pipe(prices, "apple", 30, at(0))
	d.PipeNull(prices, "apple", at(0))
	for _, r := range d.ReadMaybe(changes) {
		fmt.Printf("%s %q there: %t\n", r.Key, r.Value.Value, r.Value.OK)
	}
	// Output:
	// apple "30 cents" there: true
	// apple "" there: false
}
