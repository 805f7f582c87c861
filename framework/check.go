package framework

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/millrace/millrace/framework/internal/driver"
)

// check finds what is wrong with the graph itself.
func (b *build) check() {
	t := b.topology
	if b.app == "" {
		b.fault("the application has no name: set Config.Name")
	} else if err := driver.CheckName(b.app); err != nil {
		b.fault("application name %q: %w", b.app, err)
	}
	if !slices.ContainsFunc(t.nodes, func(n *node) bool { return n.reads != nil }) {
		b.fault("the topology reads nothing: begin with From(topic)")
	}
	sinks := map[string]*node{}
	repartitions := map[string]*node{}
	for _, n := range t.nodes {
		if n.stateful || n.writes != nil && n.writes.internal && !n.automatic {
			switch {
			case n.name == "" && n.stateful:
				b.fault("%s%s: it keeps state and needs a name: its store and topics are called after it", n, b.after(n))
			case n.name == "":
				b.fault("%s%s: it needs a name: its topic is called after it", n, b.after(n))
			default:
				if err := driver.CheckName(n.name); err != nil {
					b.fault("%s: its name: %w", n, err)
				}
			}
		}
		if n.writes != nil && n.writes.internal {
			if other := repartitions[n.name]; other != nil && n.name != "" && !(n.automatic && other.automatic) { // two stores of one name else
				b.fault("%s and %s have the same name: their repartition topic would be one", other, n)
			}
			repartitions[n.name] = n
		}
		if !n.handsOn() && !n.sink && !n.stateful {
			b.fault("%s%s: nothing takes its output: end the stream with To, ForEach, Collect, Print or an aggregate", n, b.after(n))
		}
		if n.writes != nil && !n.writes.internal {
			if other := sinks[n.writes.name]; other != nil && other.writes.types != n.writes.types {
				b.fault("topic %s is written as %s and as %s", n.writes.name, other.writes.types, n.writes.types)
			}
			sinks[n.writes.name] = n
		}
	}
	b.checkTopics()
	b.checkSources()
	b.checkDeadLetters()
	b.checkLoops()
	b.checkWindows()
	b.checkConnector()
}

// checkTopics: each topic of the user's has a name, codecs and a sensible number of partitions.
func (b *build) checkTopics() {
	for _, n := range b.topology.nodes {
		for _, u := range []*topicUse{n.reads, n.writes} {
			switch {
			case u == nil || u.internal:
			case u.factory.Kind == "":
				b.fault("%s: its topic is empty: make topics with a connector's package, for example kafka.Topic", n)
			case u.checkName() != nil:
				b.fault("%s: topic name %q: %w", n, u.name, u.checkName())
			case u.uncoded:
				b.fault("%s: topic %s has no codec: name one for keys and one for values", n, u.name)
			case u.spec.Partitions < 0:
				b.fault("%s: topic %s is to have %d partitions: at least 1, or none where it exists", n, u.name, u.spec.Partitions)
			}
		}
	}
}

// checkName says what is wrong with the topic's name.
func (u *topicUse) checkName() error {
	if u.name == "" {
		return errors.New("it is empty")
	}
	if u.factory.Check == nil {
		return nil
	}
	return u.factory.Check(u.name)
}

// checkConnector: all topics of a graph are of one connector.
func (b *build) checkConnector() {
	kinds := map[string][]string{}
	for _, n := range b.topology.nodes {
		for _, u := range []*topicUse{n.reads, n.writes} {
			if u != nil && !u.internal && u.factory.Kind != "" {
				kinds[u.factory.Kind] = append(kinds[u.factory.Kind], u.name)
			}
		}
	}
	if len(kinds) < 2 {
		return
	}
	var has []string
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		has = append(has, fmt.Sprintf("%s has %s", kind, strings.Join(kinds[kind], ", ")))
	}
	b.fault("topics of several connectors in one graph: %s; all topics of a graph are of one connector", strings.Join(has, "; "))
}

// after says where in the graph a node is that may have no name. What operators added for themselves is left out.
func (b *build) after(n *node) string {
	if len(n.in) == 0 {
		return ""
	}
	before := n.in[0]
	if before.automatic && before.reads != nil {
		at := slices.IndexFunc(b.topology.nodes, func(w *node) bool { return w.writes == before.reads })
		before = b.topology.nodes[at].in[0]
	}
	return fmt.Sprintf(" (after [%s])", before)
}

// faultOnce reports what is wrong with a codec once for an operator and what it added for itself.
func (b *build) faultOnce(n *node, what string, err error) {
	fault := fmt.Errorf("%s: its %s: %w", n, what, err)
	if n.name != "" {
		id := n.name + what + err.Error()
		if b.said[id] {
			return
		}
		b.said[id] = true
	}
	b.faults = append(b.faults, fault)
}
