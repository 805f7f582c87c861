package memory_test

import (
	"testing"

	"github.com/millrace/millrace/connectors/memory"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestTheConnectorConforms(t *testing.T) {
	frameworktest.Conformance(t, frameworktest.Connector{
		Without: map[frameworktest.Feature]string{frameworktest.Reopening: "what is in memory ends with its connector"},
		Open: func(testing.TB) frameworktest.Place {
			c := memory.New()
			return frameworktest.Place{
				Connector: c, Put: c.Append,
				Expel:  func(w connector.Worker) error { c.Expel(w); return nil },
				Source: func(name string, partitions int32) (string, error) { return name, c.CreateTopic(name, int(partitions)) },
				Take: func(topic string) (all [][]connector.Record, err error) {
					for _, l := range c.Logs(topic) {
						records, _ := l.Snapshot().Read(make([]connector.Record, 0, 10_000), 0, 1<<30)
						all = append(all, records)
					}
					return all, nil
				},
			}
		},
	})
}
