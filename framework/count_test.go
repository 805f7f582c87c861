package framework_test

import (
	"strings"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestCountCountsTheRecordsOfEachKey(t *testing.T) {
	checkStream(t, func(s framework.Stream[string, int]) { s.Grouped().Count("counts").To(counts) },
		check{"one result a round", "a=1@10 b=7@20 a=1@30", "a=1@10 b=1@20 a=2@30"},
		check{"with the highest time of what went in", "a=1@30 a=1@10 a=1@20", "a=1@30 a=2@30 a=3@30"},
		check{"the empty key is a key", "=1@10 =2@20", "=1@10 =2@20"},
	)
}

func TestCountHandsOnTheLastResultOfEachKeyOfARound(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).Grouped().Count("counts").To(counts) })
	d.Batch(func() { pipeText(d, "in", "b=1@10 a=1@20 b=1@5 a=1@30 b=1@40") })
	if got, want := readText(d, "out"), "b=3@40 a=2@30"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	d.Batch(func() { pipeText(d, "in", "c=1@50") })
	if got, want := readText(d, "out"), "c=1@50"; got != want {
		t.Errorf("what did not change comes again: got %s, want %s", got, want)
	}
}

func TestCountCombinesBeforeItsRepartition(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).GroupBy(parity).Count("counts") })
	d.Batch(func() { pipeText(d, "in", "a=1@10 a=3@40 a=5@20 a=2@30") })
	partials := d.ReadRaw("test-counts-repartition")
	if len(partials) != 2 {
		t.Fatalf("4 records of 2 groups are %d partial results, want 2", len(partials))
	}
	if got := partials[0]; string(got.Key) != "odd" || !got.Time.Equal(at(40)) {
		t.Errorf("the first is of key %s at %s, want odd at the highest time in it", got.Key, got.Time)
	}
	equalContent(t, d, "counts", map[string]int64{"odd": 3, "even": 1})
}

func TestCountSendsItsPartialResultsWhenTheirMemoryIsFull(t *testing.T) {
	d := frameworktest.Config{CombineBytes: 1}.New(t, func(t *framework.Topology) { t.From(numbers).GroupBy(parity).Count("counts") })
	d.Batch(func() { pipeText(d, "in", "a=1@10 a=3@40 a=5@20 a=2@30") })
	if got := len(d.ReadRaw("test-counts-repartition")); got != 4 {
		t.Errorf("%d partial results, want one a record", got)
	}
	equalContent(t, d, "counts", map[string]int64{"odd": 3, "even": 1})
}

func TestCountWritesItsStoreToTheChangelog(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).Grouped().Count("counts") })
	d.Batch(func() { pipeText(d, "in", "a=1@10 a=1@20 b=1@5") })
	changes := d.ReadRaw("test-counts-changelog")
	if len(changes) != 2 || string(changes[0].Key) != "a" || !changes[0].Time.Equal(at(20)) || string(changes[1].Key) != "b" {
		t.Errorf("the changelog holds %v, want a and b", changes)
	}
	d.Rebuild()
	equalContent(t, d, "counts", map[string]int64{"a": 2, "b": 1})
}

func ExampleGrouped_Count() {
	lines := frameworktest.Topic("lines", codec.None, codec.String)
	counts := frameworktest.Topic("word-counts", codec.String, codec.Int64)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(lines).
			FlatMap(strings.Fields).
			GroupBy(strings.ToLower).
			Count("counts").
			Stream().
			To(counts)
	})
	pipe(d, lines, "a b A", "b a")
	show(d.Read(counts))
	// Output:
	// a 2
	// b 1
	// b 2
	// a 3
}
