package local

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/millrace/millrace/framework/connector"
)

// Broker is a connector whose topics are logs in memory. They end with it: nothing is durable, and nobody else sees
// them. Several applications can use one Broker, one reading what the other writes. A worker writes without waiting:
// what it writes is acknowledged before Write returns.
//
// All methods may be called from any goroutine. NewBroker makes one.
type Broker struct {
	kind string

	mu     sync.Mutex // guards what follows; not held over calls of logs and groups
	topics map[string][]*Log
	groups map[string]*Group
}

// NewBroker returns a connector without topics, for topics of a kind.
func NewBroker(kind string) *Broker {
	return &Broker{kind: kind, topics: map[string][]*Log{}, groups: map[string]*Group{}}
}

// Kind names the connector as topics name it.
func (b *Broker) Kind() string { return b.kind }

// Capabilities: none.
func (b *Broker) Capabilities() connector.Capabilities { return connector.Capabilities{} }

// Create creates a topic with spec.Partitions logs; one that exists is left as it is. A changelog is compacted.
func (b *Broker) Create(spec connector.TopicSpec) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.topics[spec.Name] != nil {
		return nil
	}
	if spec.Partitions < 1 {
		return fmt.Errorf("create topic %s: it cannot have %d partitions; give it at least 1", spec.Name, spec.Partitions)
	}
	logs := make([]*Log, spec.Partitions)
	for p := range logs {
		if logs[p] = NewLog(0); spec.Role&connector.RoleChangelog != 0 {
			logs[p] = NewCompactedLog(0)
		}
	}
	b.topics[spec.Name] = logs
	return nil
}

// Logs returns the partitions of a topic, nil where it does not exist. They are the topic's own: who appends to them
// writes to the topic.
func (b *Broker) Logs(topic string) []*Log {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.topics[topic]
}

var errNoPartition = errors.New("there is no such partition")

// Append writes copies of records to a partition, from outside of any application.
func (b *Broker) Append(topic string, partition int32, records ...connector.Record) error {
	logs := b.Logs(topic)
	if partition < 0 || int(partition) >= len(logs) {
		return fmt.Errorf("write to topic %s, partition %d: %w", topic, partition, errNoPartition)
	}
	logs[partition].Append(records...)
	return nil
}

// Group returns the workers and positions of an application.
func (b *Broker) Group(name string) *Group {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.groups[name]
	if g == nil {
		g = NewGroup()
		b.groups[name] = g
	}
	return g
}

// Expel makes a worker that Open returned lose what it owns; see Member.Expel. It is meant for tests.
func (b *Broker) Expel(w connector.Worker) { w.(*worker).member.Expel() }

// Admin opens the view of the topics.
func (b *Broker) Admin(context.Context) (connector.Admin, error) { return admin{b}, nil }

type admin struct{ *Broker }

func (a admin) Topics(_ context.Context, topics []connector.TopicSpec) ([]connector.TopicInfo, error) {
	infos := make([]connector.TopicInfo, len(topics))
	for i, t := range topics {
		infos[i] = connector.TopicInfo{Name: t.Name, Partitions: int32(len(a.Logs(t.Name)))}
	}
	return infos, nil
}

func (a admin) Create(_ context.Context, topics []connector.TopicSpec) error {
	var faults []error
	for _, t := range topics {
		faults = append(faults, a.Broker.Create(t))
	}
	return errors.Join(faults...)
}

func (a admin) Ends(_ context.Context, names []string) ([][]int64, error) {
	return eachLog(a.Broker, names, func(_ string, _ int32, l *Log) int64 { return l.Span().End })
}

func (a admin) Committed(_ context.Context, group string, names []string) ([][]connector.Position, error) {
	g := a.Group(group)
	return eachLog(a.Broker, names, func(topic string, p int32, _ *Log) connector.Position {
		at := g.Committed(topic, p)
		return connector.Position{Offset: at.Offset, Metadata: at.Metadata}
	})
}

func (a admin) Owners(_ context.Context, group string) (map[string]map[int32]string, error) {
	return a.Group(group).Owners(), nil
}

// eachLog returns what of says of each partition of the topics.
func eachLog[T any](b *Broker, names []string, of func(topic string, partition int32, l *Log) T) ([][]T, error) {
	all := make([][]T, len(names))
	for i, name := range names {
		logs := b.Logs(name)
		if logs == nil {
			return nil, fmt.Errorf("topic %s does not exist", name)
		}
		for p, l := range logs {
			all[i] = append(all[i], of(name, int32(p), l))
		}
	}
	return all, nil
}

func (a admin) Close() error { return nil }
