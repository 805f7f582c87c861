package main

import (
	"slices"

	"github.com/millrace/millrace/framework"
	"github.com/twmb/franz-go/pkg/kgo"
)

// owned returns which words this process had at its end: those that Kafka's default partitioner puts into its partitions
// of the repartition topic of the counts. A bounded run has all of them. nil: it had none.
func (p *program) owned(app *framework.App) func(word []byte) bool {
	if !p.Serve {
		return func([]byte) bool { return true }
	}
	owned, of := app.Partitions(p.Name + "-" + countsStore + "-repartition")
	if len(owned) == 0 {
		return nil
	}
	partitioner := kgo.StickyKeyPartitioner(nil).ForTopic("")
	return func(word []byte) bool {
		return slices.Contains(owned, int32(partitioner.Partition(&kgo.Record{Key: word}, of)))
	}
}
