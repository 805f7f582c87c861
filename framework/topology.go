// Package framework declares stream applications: a typed graph of operators between topics, and its run.
//
// A [Topology] is filled by a function of the user's, frozen by Build and run by [App.Run]. Handles ([Stream],
// [Grouped], [Table]) are small values that stand for a node of the graph; using one twice branches.
package framework

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/millrace/millrace/framework/connector"
)

// Topology is the graph of an application while it is being declared. It is used by one goroutine.
type Topology struct {
	nodes  []*node
	faults []error // found while declaring; Build reports them with its own

	windows    []*windowUse
	repeatable bool // anything else is a fault
}

// New returns an empty topology.
func New() *Topology { return &Topology{} }

// node is a node of the graph: an operator, a source or a sink.
type node struct {
	topology *Topology
	id       int
	kind     string  // "map"
	name     string  // given by the user, of what stores and topics are called after; "" where none is asked for
	label    string  // given by Named; "": the name
	in       []*node // by port; a node may be there twice
	out      []edge

	// open builds the operator for a task and returns the Emit that takes its input, of whatever port; or ports, with an
	// Emit for each.
	open func(o *opening) any
	// source connects a source node: it returns what takes fetched records.
	source func(o *opening) handler

	keys, values  any    // codec.Codec of the output; nil: inferred from the type when needed
	keyType       string // of the output, for descriptions and messages
	valueType     string
	rekeyed       bool  // the key changed since the last repartition: records of one key may be in several partitions
	unkeyed       bool  // the output has no key
	unchecked     bool  // a user's operator may have changed the key since it was read
	sink          bool  // nothing is behind it, and that is meant
	dead          bool  // a sink that takes the dead letters of the node before it, and not its output
	stateful      bool  // keeps a store
	ordered       bool  // its results depend on the order of what comes
	clocked       bool  // and on the wall clock
	updates       bool  // it hands on updates of a table: in whatever number
	delay         int64 // ms by which its results may be behind the watermark
	automatic     bool  // an operator added it for itself; it has that one's name
	reads, writes *topicUse
	stores        []*storeUse
	loop          *loopUse // it is an end of a loop, or its head
}

// edge leads from a node to an input of another one.
type edge struct {
	to   *node
	port int // index into to.in
}

// topicUse is a topic that the graph reads or writes.
type topicUse struct {
	name       string // full name, or, for an internal one, the name given by the user
	internal   bool   // a repartition topic
	partitions int32  // of an internal topic; 0: as Config says
	spec       connector.TopicSpec
	source     sourceOptions
	factory    connector.Factory
	types      string // of key and value
	uncoded    bool   // a codec is missing
	input      *inputUse
}

// storeUse is a store that a node keeps.
type storeUse struct {
	name  string
	types string
}

func (t *Topology) add(kind, name string, in ...*node) *node {
	n := &node{topology: t, id: len(t.nodes), kind: kind, name: name, in: in}
	t.nodes = append(t.nodes, n)
	for port, up := range in {
		if up.topology != t {
			t.fault(fmt.Errorf("%s: its input %s belongs to another topology", n, up))
		}
		up.out = append(up.out, edge{n, port})
	}
	return n
}

func (t *Topology) fault(err error) { t.faults = append(t.faults, err) }

// String returns the node's name in descriptions, logs, metrics and errors.
func (n *node) String() string {
	if name := cmp.Or(n.label, n.name); name != "" {
		return n.kind + " " + name
	}
	return fmt.Sprintf("%s %d", n.kind, n.id)
}

// From reads a topic. Reading one topic twice gives one stream, used twice.
func (t *Topology) From[K comparable, V any](from Source[K, V]) Stream[K, V] {
	return Stream[K, V]{n: source(t, from.topic(), false)}
}

// Table reads a topic as a table: the last value of each key, a null value deleting it. The content is kept in a store
// of that name.
func (t *Topology) Table[K comparable, V any](name string, from Topic[K, V]) Table[K, V] {
	return table(Stream[K, V]{n: source(t, from, true)}, name)
}

func source[K comparable, V any](t *Topology, from Topic[K, V], nulls bool) *node {
	if from.loop != nil {
		t.fault(fmt.Errorf("%s is read: %w", from.loop.head, errLoopRead))
		return from.loop.head
	}
	types := typesOf[K, V]()
	at := slices.IndexFunc(t.nodes, func(n *node) bool {
		return n.reads != nil && !n.reads.internal && n.reads.name == from.name
	})
	if at >= 0 {
		switch n := t.nodes[at]; {
		case from.input != nil && (n.reads.input == nil || n.reads.input.port != from.input.port):
			t.fault(fmt.Errorf("two inputs are called %s: give each a name of its own", from.name))
		case n.reads.types != types:
			t.fault(fmt.Errorf("topic %s is read as %s and as %s: read it once, with one pair of types", from.name, n.reads.types, types))
		case (n.kind == "table-source") != nulls:
			t.fault(fmt.Errorf("topic %s is read as a stream and as a table: read it once, and make a table of the stream by Table(name)", from.name))
		case n.reads.source != from.source:
			t.fault(fmt.Errorf("topic %s is read twice with other options: set them once, and use that topic or its stream twice", from.name))
		default:
			return n
		}
	}
	kind := "source"
	if nulls {
		kind = "table-source"
	}
	n := t.add(kind, from.name)
	describe[K, V](n)
	n.keys, n.values = from.keys, from.values
	n.unkeyed = isNone[K]()
	n.reads = &topicUse{name: from.name, spec: from.spec, source: from.source, factory: from.factory, types: types, uncoded: from.input == nil && (from.keys == nil || from.values == nil), input: from.input}
	n.source = func(o *opening) handler {
		return decoding(o, n, from.keys, from.values, from.at, nulls, downstream[K, V](o, n))
	}
	if from.source.extracts && from.at == nil {
		t.fault(fmt.Errorf("%s: EventTime(nil): give it the function that finds the event time in a value", n))
	}
	addDeadLetters(n)
	return n
}
