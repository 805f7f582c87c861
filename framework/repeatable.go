package framework

import (
	"fmt"
	"slices"
)

// Class says what the results of a node depend on beside the records that were put in.
type Class int8

const (
	// Repeatable results are the same in every run on the same input.
	Repeatable Class = iota
	// Arrival results depend on the order in which records of several source partitions come together.
	Arrival
	// Clock results depend on the wall clock.
	Clock
)

// String returns "repeatable", "arrival" or "clock".
func (c Class) String() string { return [...]string{"repeatable", "arrival", "clock"}[c] }

// MarshalText returns what String does.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// RequireRepeatable makes Build refuse a graph with a node whose results may differ between two runs on the same input. Build names
// each such node and the reason. A number of partitions that a topic is given (as by kafka.Partitions) counts for it: what is
// read from one partition has one order.
func (t *Topology) RequireRepeatable() { t.repeatable = true }

// ordered are the kinds of nodes that keep state by the order of arrival.
var ordered = []string{"scan", "sliding", "combine-latest", "with-latest", "combine-latest-on", "reduce", "loop"}

// clocked are the kinds of nodes whose results depend on the wall clock.
var clocked = []string{"timed-window", "rate-limit", "batch"}

// folds are the kinds of nodes that make something of each update that comes: how many these are is luck.
var folds = []string{"scan", "sliding", "count", "reduce", "aggregate"}

// classes finds the class of each node, and why it is no better. Nodes come after their inputs.
func (b *build) classes() {
	nodes := b.topology.nodes
	b.class, b.why = make([]Class, len(nodes)), make([]string, len(nodes))
	updates := make([]bool, len(nodes)) // that come from a table, in whatever number
	for _, n := range nodes {
		worse := func(c Class, why string) {
			if c > b.class[n.id] {
				b.class[n.id], b.why[n.id] = c, why
			}
		}
		before := n.in
		if n.reads != nil {
			before = b.writers(n)
		}
		for _, up := range before {
			worse(b.class[up.id], b.why[up.id])
			updates[n.id] = updates[n.id] || updates[up.id]
		}
		one := b.oneOrder(n)
		switch {
		case n.clocked || slices.Contains(clocked, n.kind):
			worse(Clock, fmt.Sprintf("%s goes by the wall clock", n))
		case n.reads != nil && n.reads.source.idle > 0:
			worse(Clock, fmt.Sprintf("%s leaves out partitions that are idle", n))
		case n.reads != nil && !n.reads.internal && len(before) > 0 && !one:
			worse(Arrival, fmt.Sprintf("%s reads what several tasks write", n))
		case !one && (n.ordered || slices.Contains(ordered, n.kind) || n.kind == "table" && len(n.in) > 0 && n.in[0].kind != "table-source" || ownState(n)):
			worse(Arrival, fmt.Sprintf("%s keeps state by the order in which records of several partitions come", n))
		case updates[n.id] && slices.Contains(folds, n.kind):
			worse(Arrival, fmt.Sprintf("%s folds the updates of a table, whose number is luck: use windows that emit OnClose", n))
		}
		if n.updates {
			updates[n.id] = true
		}
	}
	if !b.topology.repeatable {
		return
	}
	for _, n := range nodes {
		if b.class[n.id] != Repeatable && b.why[n.id] != "" && b.origin(n) {
			b.fault("RequireRepeatable: the results of %s depend on %s: %s", n, map[Class]string{Arrival: "the order of arrival", Clock: "the wall clock"}[b.class[n.id]], b.why[n.id])
		}
	}
}

// origin says that the node is where its class comes from.
func (b *build) origin(n *node) bool {
	before := n.in
	if n.reads != nil {
		before = b.writers(n)
	}
	return !slices.ContainsFunc(before, func(up *node) bool { return b.why[up.id] == b.why[n.id] })
}

// ownState says that the node is an operator of the user's that keeps state.
func ownState(n *node) bool {
	return (n.kind == "process" || n.kind == "process2") && len(n.stores) > 0
}

// writers returns the nodes that write what a source reads.
func (b *build) writers(source *node) (writers []*node) {
	for _, n := range b.topology.nodes {
		if n.writes != nil && n.id < source.id && (n.writes == source.reads || !n.writes.internal && !source.reads.internal && n.writes.name == source.reads.name) {
			writers = append(writers, n)
		}
	}
	return writers
}

// oneOrder says that all that a task of the node is given comes from one partition, whose order is always the same.
func (b *build) oneOrder(n *node) bool {
	sources := n.sources()
	if len(sources) != 1 {
		return false
	}
	source := sources[0]
	writers := b.writers(source)
	if len(writers) == 0 {
		return true
	}
	return len(writers) == 1 && b.oneTask(writers[0])
}

// oneTask says that the node is in one task, and is given records in one order.
func (b *build) oneTask(n *node) bool {
	sources := n.sources()
	if len(sources) != 1 {
		return false
	}
	use := sources[0].reads
	if writers := b.writers(sources[0]); len(writers) > 0 {
		return use.partitions == 1 && len(writers) == 1 && b.oneTask(writers[0])
	}
	return use.spec.Partitions == 1 || use.input != nil
}
