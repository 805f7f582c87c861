package framework_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

var counts = frameworktest.Topic("out", codec.String, codec.New("decimal",
	func(dst []byte, n int64) ([]byte, error) { return strconv.AppendInt(dst, n, 10), nil },
	func(b []byte) (int64, error) { return strconv.ParseInt(string(b), 10, 64) }))

func parity(n int) string {
	if even(n) {
		return "even"
	}
	return "odd"
}

func TestGroupByGroupsValuesByAKeyMadeOfThem(t *testing.T) {
	checkStream(t, func(s framework.Stream[string, int]) { s.GroupBy(parity).Count("counts").To(counts) },
		check{"whatever keys they had", "a=1@10 b=2@20 c=3@30", "odd=1@10 even=1@20 odd=2@30"},
		check{"records without key as well", "-=1@10 -=3@20", "odd=1@10 odd=2@20"},
		check{"a tombstone has no value to make a key of", "a=1@10 a=-@20", "odd=1@10"},
	)
}

func TestGroupedGroupsRecordsByTheKeyThatTheyHave(t *testing.T) {
	checkStream(t, func(s framework.Stream[string, int]) { s.Grouped().Count("counts").To(counts) },
		check{"without a repartition topic", "a=1@10 b=2@20 a=3@30", "a=1@10 b=1@20 a=2@30"},
		check{"a record without key is left out", "-=1@10 a=3@20", "a=1@20"},
		check{"a tombstone is left out", "a=1@10 a=-@20", "a=1@10"},
	)
}

func TestGroupedCountsWhatItLeavesOut(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).Grouped().Count("counts")
		t.Table("table", more).Stream().Grouped().Count("changes")
	})
	pipeText(d, "in", "-=1@0 -=2@0 a=-@0 a=1@0") // no key, no key, a null value at a source
	equalDropped(t, d, map[string]int64{"null_key": 2, "null_value": 1})
	pipeText(d, "more", "b=1@0 b=-@0") // a tombstone before an aggregate
	equalDropped(t, d, map[string]int64{"null_key": 2, "null_value": 2})
}

func TestGroupByBringsTheRecordsOfOneGroupTogether(t *testing.T) {
	d := frameworktest.Config{Partitions: 3}.New(t, func(t *framework.Topology) {
		t.From(numbers).GroupBy(parity).Count("counts").To(counts)
	})
	pipeText(d, "in", "a=1@0 b=2@0 c=3@0 d=4@0 e=5@0")
	equalContent(t, d, "counts", map[string]int64{"odd": 3, "even": 2})
	if got := len(d.Partitions("test-counts-repartition")); got != 3 {
		t.Errorf("the repartition topic has %d partitions, want those of the source, 3", got)
	}
}

func TestACombinedAggregateLeavesOutWhatHasNoKeyOrNoValue(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).KeyBy(parity).Merge(t.Table("table", more).Stream(), t.From(middle)).Grouped().Count("counts")
	})
	pipeText(d, "in", "a=1@0 -=2@0")
	pipeText(d, "middle", "-=1@0 b=1@0") // no key
	pipeText(d, "more", "c=1@0 c=-@0")   // a tombstone
	equalContent(t, d, "counts", map[string]int64{"odd": 1, "even": 1, "b": 1, "c": 1})
	equalDropped(t, d, map[string]int64{"null_key": 1, "null_value": 1})
}

func ExampleStream_GroupBy() {
	words := frameworktest.Topic("words", codec.None, codec.String)
	counts := frameworktest.Topic("counts", codec.String, codec.Int64)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(words).GroupBy(strings.ToLower).Count("words").To(counts)
	})
	pipe(d, words, "Be", "not", "be")
	show(d.Read(counts))
	// Output:
	// be 1
	// not 1
	// be 2
}

func ExampleStream_Grouped() {
	orders := frameworktest.Topic("orders", codec.String, codec.Int)
	perCustomer := frameworktest.Topic("orders-per-customer", codec.String, codec.Int64)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(orders).Grouped().Count("orders").To(perCustomer)
	})
	d.Pipe(orders, "ann", 30, at(0))
	d.Pipe(orders, "bob", 10, at(1))
	d.Pipe(orders, "ann", 20, at(2))
	show(d.Read(perCustomer))
	// Output:
	// ann 1
	// bob 1
	// ann 2
}
