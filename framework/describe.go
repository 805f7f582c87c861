package framework

import (
	"fmt"
	"strings"
)

// Description is a topology described: the same node names stand in logs, metrics and errors.
type Description struct{ t *Topology }

// Describe describes the topology as it is declared so far.
func (t *Topology) Describe() Description { return Description{t} }

// String returns one line a node, by sub-topology: its name, the types that it hands on, whether its results are repeatable and, where
// they are, how far they are behind the watermark, what comes behind it.
func (d Description) String() string {
	b := d.divided()
	var s strings.Builder
	for sub := range b.plan.Subs {
		fmt.Fprintf(&s, "sub-topology %d\n", sub)
		for _, n := range d.t.nodes {
			if b.sub[n.id] != sub {
				continue
			}
			fmt.Fprintf(&s, "  %s", n)
			if !n.sink {
				fmt.Fprintf(&s, " [%s, %s]", n.keyType, n.valueType)
			}
			fmt.Fprintf(&s, " %s", b.class[n.id])
			if held := b.behind(n); held > 0 && !n.sink {
				fmt.Fprintf(&s, ", %s behind", inMillis(held))
			}
			var to []string
			for _, out := range n.out {
				to = append(to, out.to.String())
			}
			if n.writes != nil {
				to = append(to, "topic "+n.writes.title())
			}
			if n.reads != nil {
				fmt.Fprintf(&s, " <- topic %s", n.reads.title())
			}
			if len(to) > 0 {
				fmt.Fprintf(&s, " -> %s", strings.Join(to, ", "))
			}
			for _, store := range n.stores {
				fmt.Fprintf(&s, " (store %s)", store.name)
			}
			s.WriteByte('\n')
		}
	}
	return s.String()
}

// Mermaid returns the graph as a Mermaid flowchart.
func (d Description) Mermaid() string {
	b := d.divided()
	var s strings.Builder
	s.WriteString("flowchart TD\n")
	topics := map[string]string{}
	topic := func(u *topicUse) string {
		id, ok := topics[u.title()]
		if !ok {
			id = fmt.Sprintf("t%d", len(topics))
			topics[u.title()] = id
			fmt.Fprintf(&s, "  %s[(%s)]\n", id, mermaidText(u.title()))
		}
		return id
	}
	for sub := range b.plan.Subs {
		fmt.Fprintf(&s, "  subgraph s%d [\"sub-topology %d\"]\n", sub, sub)
		for _, n := range d.t.nodes {
			if b.sub[n.id] == sub {
				fmt.Fprintf(&s, "    n%d[%s]\n", n.id, mermaidText(n.String()))
			}
		}
		s.WriteString("  end\n")
	}
	for _, n := range d.t.nodes {
		if n.reads != nil {
			fmt.Fprintf(&s, "  %s --> n%d\n", topic(n.reads), n.id)
		}
		for _, out := range n.out {
			fmt.Fprintf(&s, "  n%d --> n%d\n", n.id, out.to.id)
		}
		if n.writes != nil {
			fmt.Fprintf(&s, "  n%d --> %s\n", n.id, topic(n.writes))
		}
	}
	return s.String()
}

// mermaidText quotes a text. What Mermaid would take for a tag or for its own quote is written as its number.
func mermaidText(s string) string {
	return `"` + strings.NewReplacer("#", "#35;", `"`, "#34;", "<", "#60;", ">", "#62;").Replace(s) + `"`
}

// divided returns the topology cut into sub-topologies, whatever else is wrong with it.
func (d Description) divided() *build {
	b := newBuild(d.t, "app")
	b.divide()
	b.holdBacks()
	b.classes()
	return b
}

// title names a topic before the application has its name.
func (u *topicUse) title() string {
	if u.internal {
		return "<application>-" + u.name + "-repartition"
	}
	return u.name
}
