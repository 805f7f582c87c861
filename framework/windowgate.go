package framework

import (
	"fmt"

	"github.com/millrace/millrace/framework/internal/engine"
)

// gate returns the node that refuses what is late, where the birth watermark of a record is known: before a repartition and
// before anything is folded.
func (w Windowed[K, V]) gate() *node {
	if w.use.gate != nil {
		return w.use.gate
	}
	s := Stream[K, V]{n: w.n}
	out := apply(s, w.spec.title, "", func(*Op, Emit[K, V]) Emit[K, V] { return nil })
	n := out.n
	n.values = w.n.values
	spec := w.spec
	n.open = func(o *opening) any {
		through, late := downstreams[K, V](o, n.out)
		return judging(&Op{o: o, n: n}, &gate{spec: spec}, through, late)
	}
	w.use.gate = n
	return n
}

// downstreams returns the Emit that takes what was let through, and the one that takes what was refused.
func downstreams[K comparable, V any](o *opening, out []edge) (through, late Emit[K, V]) {
	var ways, refused []edge
	for _, e := range out {
		if e.to.kind == "late" {
			refused = append(refused, e)
		} else {
			ways = append(ways, e)
		}
	}
	return fan[K, V](o, ways), fan[K, V](o, refused)
}

func judging[K comparable, V any](op *Op, g *gate, through, late Emit[K, V]) Emit[K, V] {
	entered, id := op.enter()
	var scratch Meta
	refuse := func(m *Meta, k K, v V) error {
		for _, win := range g.refused {
			op.drop(engine.DropLate)
			scratch = *m
			scratch.Win = win
			if err := late(&scratch, k, v); err != nil {
				return err
			}
		}
		return nil
	}
	return func(m *Meta, k K, v V) error {
		if m.NoKey {
			op.drop(dropNullKey)
			return nil
		}
		if m.Deleted {
			op.drop(dropNullValue)
			return nil
		}
		if m.Time >= m.Birth { // on time for every window that it is in
			return through(m, k, v)
		}
		*entered = id
		some, err := g.judge(m)
		if err != nil {
			return op.fail(m, err)
		}
		if err := refuse(m, k, v); err != nil || !some {
			return err
		}
		return through(m, k, v)
	}
}

// gate decides which windows refuse a record.
type gate struct {
	spec    windowSpec
	refused []Window
}

// judge says whether some window takes a record, and notes in refused which do not.
func (g *gate) judge(m *Meta) (some bool, err error) {
	g.refused = g.refused[:0]
	switch g.spec.kind {
	case byTumblingCount, bySlidingCount:
		return true, nil
	case bySession, bySliding:
		if !g.spec.takesRecord(m.Time, m.Birth) {
			g.refused = append(g.refused, Window{})
			return false, nil
		}
		return true, nil
	}
	n, err := g.spec.each(m.Time, func(start, end int64) error {
		if g.spec.takes(end, m.Birth) {
			some = true
		} else {
			g.refused = append(g.refused, engine.NewWindow(start, end))
		}
		return nil
	})
	return some || n == 0, err // what is in no window is counted where windows are made
}

// checkWindows: late records are read from the very Windowed that is aggregated, and windows are not behind a loop, whose records
// come again when the watermark has passed them.
func (b *build) checkWindows() {
	for _, use := range b.topology.windows {
		if use.gate == nil {
			continue
		}
		if head := b.loopBefore(use.gate); head != nil {
			b.fault("%s%s: windows behind the loop %s: what is fed back comes again when the watermark has passed it; put the windows before the loop", use.gate, b.after(use.gate), head.name)
		}
		if use.late != nil && !use.aggregated {
			b.faults = append(b.faults, fmt.Errorf("%s%s: its Late is read, and nothing aggregates it: call Late and the aggregate on one and the same Windowed, after its options", use.gate, b.after(use.gate)))
		}
	}
}

// loopBefore returns the head of a loop that a node is behind, through repartition topics too; nil: there is none.
func (b *build) loopBefore(n *node) (head *node) {
	seen := map[*node]bool{}
	var visit func(n *node)
	visit = func(n *node) {
		if seen[n] || head != nil {
			return
		}
		seen[n] = true
		if n.loop != nil {
			head = n.loop.head
		}
		before := n.in
		if n.reads != nil && n.reads.internal {
			before = b.writers(n)
		}
		for _, up := range before {
			visit(up)
		}
	}
	visit(n)
	return head
}
