package bench

import (
	"github.com/millrace/millrace/connectors/memory"
	"github.com/millrace/millrace/framework/connector"
)

// newMemory returns a connector with one topic that holds the records, and empty ones with as many partitions.
func newMemory(topic string, partitions [][]connector.Record, others ...string) *memory.Connector {
	c := memory.New()
	for _, name := range append(others, topic) {
		if err := c.CreateTopic(name, len(partitions)); err != nil {
			panic(err)
		}
	}
	for i, log := range c.Logs(topic) {
		log.Append(partitions[i]...)
	}
	return c
}
