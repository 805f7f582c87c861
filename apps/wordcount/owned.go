package main

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
)

// partitioned is an application that knows its partitions.
type partitioned interface {
	Partitions(topic string) (owned []int32, of int)
}

// owned returns which words this process had at its end: those that Kafka's default partitioner puts into its partitions
// of the repartition topic of the counts. A bounded run has all of them.
func (p *program) owned(app any) func(word []byte) bool {
	a, ok := app.(partitioned)
	if !ok || !p.serve {
		return func([]byte) bool { return true }
	}
	owned, of := a.Partitions(p.name + "-" + countsStore + "-repartition")
	partitioner := kgo.StickyKeyPartitioner(nil).ForTopic("")
	return func(word []byte) bool {
		return slices.Contains(owned, int32(partitioner.Partition(&kgo.Record{Key: word}, of)))
	}
}
