// Package memory keeps topics in the memory of the process: for applications that need no infrastructure, for examples
// and for tests. What is in the topics, and what was committed, ends with the connector.
package memory

import (
	"errors"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/connector/local"
)

const kind = "memory"

// Connector holds topics and the positions of those who read them. Applications that are given the same Connector see
// the same topics. Its methods may be called from any goroutine.
//
// A topic keeps all its records; changelogs are compacted, and consumed records of repartition topics are deleted.
type Connector struct{ *local.Broker }

// New returns a connector without topics, for framework.Config.Connectors.
func New() *Connector { return &Connector{local.NewBroker(kind)} }

// Topic returns a topic in memory with the codecs of its keys and values. The application creates it, with one partition
// unless the options say otherwise; so does the first Write.
func Topic[K comparable, V any](name string, keys codec.Codec[K], values codec.Codec[V], options ...Option) framework.Topic[K, V] {
	spec := connector.TopicSpec{Name: name, Partitions: 1}
	for _, o := range options {
		o(&spec)
	}
	return framework.NewTopic(connector.Factory{Kind: kind, Check: checkName, New: fresh, Own: true}, spec, keys, values)
}

// Option is an option of a topic.
type Option func(*connector.TopicSpec)

// Partitions sets the number of partitions of a topic; at least 1.
func Partitions(n int) Option { return func(s *connector.TopicSpec) { s.Partitions = int32(n) } }

func checkName(name string) error {
	if name == "" {
		return errors.New("any name but the empty one")
	}
	return nil
}

// fresh makes the connector where the configuration names none.
func fresh(func(string) string) (connector.Connector, error) { return New(), nil }
