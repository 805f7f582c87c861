package driver

import (
	"context"
	"slices"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
	"github.com/millrace/millrace/framework/state/disk"
)

// Plan is a topology made ready to run: sub-topologies, the topics between them, and how a task is built.
// It is immutable, and the same for each worker.
type Plan struct {
	App    string // name of the application
	Topics []Topic
	Subs   []Sub // in topological order where there is one
	// Repartitions is how many partitions a repartition topic has that sets no number of its own; 0: as many as the
	// sub-topology that writes it has tasks.
	Repartitions int32
	Hash         uint64
	// Operators are the graph's nodes, for explanations.
	Operators []Operator

	// Build makes the task of a sub-topology. It may be called from several goroutines.
	Build func(env TaskEnv) (*engine.Task, error)
}

// Operator is a node of the graph.
type Operator struct {
	Title    string // what descriptions and errors call it
	Name     string // that it was given; "" if none was
	Sub      int
	HoldBack int64 // ms by which what it is given is behind the watermark of its task
}

// TaskEnv is what a task needs to know of where it runs.
type TaskEnv struct {
	Context    context.Context // of the run: ends when the application is to stop
	Closing    context.Context // ends when a stop has taken too long; for what finishes records that were taken already
	Sub        int
	Partition  int32
	Partitions []int32  // of each topic, by index
	Tasks      int32    // of this sub-topology
	TasksOf    []int32  // of each sub-topology; nil: as many as this one has
	Combine    int64    // bytes that each combiner may hold
	Disk       *disk.DB // where stores keep their content; nil: in memory
}

// Topic is a topic of the plan; its index names it everywhere else.
type Topic struct {
	Name  string
	Spec  connector.TopicSpec // Partitions > 0, or internal: it may be created
	Start connector.Start
	Port  *Port // of an input that is emitted into; nil: the connector brings the records
	// Idle is after how long without records an empty source partition is left out of the watermark; 0: never.
	Idle time.Duration
	// Disorder is the allowed disorder of a source's event times, ms.
	Disorder int64
	// SkipGap: reading goes on where the log begins when the committed offset is gone.
	SkipGap bool
	// Like is, for a repartition topic and for one of dead letters, the sub-topology that writes it, and for a changelog the
	// one that it belongs to: its number of tasks is that of the topic's partitions, where nothing else sets that. -1 of
	// other topics.
	Like int
	// Partitions is how many partitions a repartition topic has; 0: as Plan.Repartitions says.
	Partitions int32
}

// between says that the topic leads from one task to another.
func (t *Topic) between() bool { return t.Spec.Role&connector.RoleRepartition != 0 }

// emittedInto says that the sub-topology reads an input.
func (p *Plan) emittedInto(sub int) bool {
	return slices.ContainsFunc(p.Subs[sub].Sources, func(topic int32) bool { return p.Topics[topic].Port != nil })
}

// Sub is a sub-topology.
type Sub struct {
	Sources []int32 // topics read
	Feeds   []int32 // topics written that another sub-topology reads
	Stores  []int32 // changelog topics
	Loops   bool    // records are fed back in it, maybe for ever: it does not come to an end by itself
	// Together lists sets of source topics that must have equal partition counts, with the operator that says so.
	Together []Together
	// Unkeyed names an operator that keeps state on a stream without key; "" if there is none.
	Unkeyed string
}

// Together is a set of topics that an operator needs to be partitioned alike.
type Together struct {
	Operator string
	Topics   []int32
}

// internal returns the repartition topics that a sub-topology writes.
func (p *Plan) internal(sub int) (topics []int32) {
	for _, topic := range p.Subs[sub].Feeds {
		if p.Topics[topic].Spec.Role.Internal() {
			topics = append(topics, topic)
		}
	}
	return topics
}

// own returns the changelogs and repartition topics that a sub-topology writes, as they stand beside committed offsets.
func (p *Plan) own(sub int) []uint32 {
	hashes := []uint32{}
	for _, topic := range append(p.internal(sub), p.Subs[sub].Stores...) {
		hashes = append(hashes, engine.TopicHash(p.Topics[topic].Name))
	}
	return hashes
}

// upstream returns the sub-topologies that write what sub reads.
func (p *Plan) upstream(sub int) (subs []int) {
	for u, s := range p.Subs {
		for _, feed := range s.Feeds {
			for _, source := range p.Subs[sub].Sources {
				if feed == source {
					subs = append(subs, u)
				}
			}
		}
	}
	return subs
}
