package framework_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

// equalPartitions fails the test if the records of a topic, in order, are not in those partitions.
func equalPartitions(t *testing.T, d *frameworktest.Driver, topic string, want ...int32) {
	t.Helper()
	var got []int32
	for _, r := range d.ReadRaw(topic) {
		got = append(got, r.Partition)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the records of %s are in partitions %v, want %v", topic, got, want)
	}
}

func TestPartitionBySaysWhereARecordGoes(t *testing.T) {
	byValue := results.PartitionBy(func(k string, n, partitions int) int { return (n + len(k)) % partitions })
	d := frameworktest.Config{PartitionsOf: map[string]int{"out": 4}}.New(t, func(t *framework.Topology) {
		t.Table("in", numbers).Stream().To(byValue)
	})
	pipeText(d, "in", "a=1@10 b=2@20 c=3@30 a=-@40")
	equalPartitions(t, d, "out", 2, 3, 0, 1)
}

func TestPartitionByIsForSinksAndLeavesTheTopicAsItIs(t *testing.T) {
	numbers.PartitionBy(func(string, int, int) int { return -1 })
	d := frameworktest.Config{Partitions: 3}.New(t, func(t *framework.Topology) {
		t.From(numbers.PartitionBy(func(string, int, int) int { panic("a source has no partitioner") })).To(results)
	})
	pipeText(d, "in", "a=1@10")
	if got, want := readText(d, "out"), "a=1@10"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPartitionByThatChoosesAPartitionThatIsNotThereStopsTheTask(t *testing.T) {
	for name, c := range map[string]struct {
		partition int
		want      string
	}{
		"too high": {3, "operator sink out, topic in, partition 0, offset 0: partition 3 of topic out was chosen by PartitionBy, which has partitions 0 to 2"},
		"negative": {-1, "operator sink out, topic in, partition 0, offset 0: partition -1 of topic out was chosen by PartitionBy, which has partitions 0 to 2"},
	} {
		t.Run(name, func(t *testing.T) {
			d := frameworktest.Config{PartitionsOf: map[string]int{"out": 3}}.New(t, func(t *framework.Topology) {
				t.From(numbers).To(results.PartitionBy(func(string, int, int) int { return c.partition }))
			})
			if err := d.TryPipeRaw("in", rawOf("a=1@10")); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func ExampleTopic_PartitionBy() {
	orders := frameworktest.Topic("orders", codec.String, codec.Int)
	urgent := frameworktest.Topic("by-urgency", codec.String, codec.Int).PartitionBy(func(_ string, cents, partitions int) int {
		if cents > 100 {
			return 0
		}
		return partitions - 1
	})
	d := frameworktest.Config{Partitions: 4}.New(nil, func(t *framework.Topology) { t.From(orders).To(urgent) })
	d.Pipe(orders, "ann", 100, at(0))
	d.Pipe(orders, "bob", 250, at(1))
	for _, r := range d.ReadRaw("by-urgency") {
		fmt.Println(string(r.Key), r.Partition)
	}
	// Output:
	// ann 3
	// bob 0
}
