package framework_test

import (
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

var bySize = func(r record) framework.Topic[string, int] {
	if present(r.Value) > 9 {
		return more
	}
	return results
}

func TestToOneOfWritesEachRecordToTheTopicThatWasChosen(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.Table("in", numbers).Stream().ToOneOf(bySize, results, more) })
	pipeText(d, "in", "a=1@10 b=10@20 a=2@30 c=-@40 a=-@50")
	if got, want := readText(d, "out"), "a=1@10 a=2@30 a=-@50"; got != want {
		t.Errorf("small ones are %s, want %s", got, want)
	}
	if got, want := readText(d, "more"), "b=10@20 a=-@50"; got != want {
		t.Errorf("large ones are %s, want %s", got, want)
	}
}

func TestToOneOfRefusesATopicThatWasNotGiven(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).ToOneOf(bySize, results, third) })
	pipeText(d, "in", "a=1@10")
	const want = `operator to-one-of 1, topic in, partition 0, offset 1: topic "more" was chosen, which is none of those given to ToOneOf: out, third`
	if err := d.TryPipeRaw("in", rawOf("a=10@10")); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestToOneOfUsesThePartitionersOfItsTopics(t *testing.T) {
	last := results.PartitionBy(func(_ string, _, partitions int) int { return partitions - 1 })
	d := frameworktest.Config{Partitions: 3}.New(t, func(t *framework.Topology) {
		t.From(numbers).ToOneOf(func(record) framework.Topic[string, int] { return results }, last)
	})
	pipeText(d, "in", "a=1@10 b=2@20 c=3@30")
	equalPartitions(t, d, "out", 2, 2, 2)
}

func TestChoosingTopicOrPartitionAllocatesNothing(t *testing.T) {
	first := frameworktest.Topic("first", codec.None, codec.Int).PartitionBy(func(_ framework.None, n, partitions int) int { return n % partitions })
	second := frameworktest.Topic("second", codec.None, codec.Int)
	step := hotPath(t, func(t *framework.Topology) {
		t.From(hot).ToOneOf(func(r framework.Record[framework.None, int]) framework.Topic[framework.None, int] {
			if even(r.Value) {
				return first
			}
			return second
		}, first, second)
	})
	if allocs := testing.AllocsPerRun(20, step); allocs > 0 {
		t.Errorf("%.0f allocations for %d records", allocs, hotRecords)
	}
}

func ExampleStream_ToOneOf() {
	orders := frameworktest.Topic("orders", codec.String, codec.Int)
	small := frameworktest.Topic("small", codec.String, codec.Int)
	large := frameworktest.Topic("large", codec.String, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(orders).ToOneOf(func(r framework.Record[string, int]) framework.Topic[string, int] {
			if r.Value > 100 {
				return large
			}
			return small
		}, small, large)
	})
	d.Pipe(orders, "ann", 100, at(0))
	d.Pipe(orders, "bob", 250, at(1))
	show(d.Read(large))
	// Output: bob 250
}
