package framework

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/framework/state"
)

// windowed adds the nodes of an aggregate over windows: where the key changed, records are folded before the repartition topic
// if the aggregate can merge partial results.
func windowed[K comparable, V, A any](w Windowed[K, V], kind, name string, a Aggregator[V, A]) WindowTable[K, A] {
	w.use.aggregated = true
	a = usable(w.n, kind, name, a)
	var values any
	if a.codec != nil {
		values = a.codec
	}
	add := a.adding()
	f := folding[V, A]{ordered: a.arrival, merge: a.merge, first: a.first, panes: paned(&w.spec, w.emit, a.merge != nil), add: func(acc A, present bool, m *Meta, v V) A {
		if !present {
			acc = a.first()
		}
		return add(acc, m, v)
	}}
	gate := w.gate()
	if gate.rekeyed && a.merge != nil && !w.emit.everyUpdate && (w.spec.kind == byAligned || w.spec.kind == byAssigned) {
		partials := folding[A, A]{ordered: a.arrival, merge: a.merge, first: a.first, panes: f.panes, whole: true, add: func(acc A, present bool, _ *Meta, partial A) A {
			if !present {
				return partial
			}
			return a.merge(acc, partial)
		}}
		in := combinedWindows(w, gate, name, values, a, f.panes)
		return windows(Windowed[K, A]{n: w.n, spec: w.spec, emit: w.emit, use: w.use}, in, kind, name, values, partials)
	}
	in := repartitioned(gate, name, func() *node {
		return repartition(Stream[K, V]{n: gate}, name).n
	})
	return windows(w, in, kind, name, values, f)
}

// windows adds the node that keeps a value for each key and window.
func windows[K comparable, V, A any](w Windowed[K, V], in *node, kind, name string, values any, f folding[V, A]) WindowTable[K, A] {
	spec := w.spec
	emit := w.emit
	out := apply(Stream[K, V]{n: in}, kind, name, func(op *Op, next Emit[K, A]) Emit[K, V] {
		keys, accs := op.o.codecs[K, A](op.n, in.keys, values)
		c := &windowCells[K, V, A]{keys: keys, values: flushing[A]{accs, op.o.task.Enter(), int32(op.n.id)}, f: f, next: next}
		take := opens(op, in, spec, emit, f.panes, f.whole, typesOf[K, A](), c)
		return c.taking(op, take)
	})
	checkEarly(out.n, &spec, emit)
	out.n.stateful, out.n.values = true, values
	final := w.emit.onClose && w.emit.early == 0
	out.n.delay, out.n.updates = spec.delay(final), !final
	out.n.ordered = f.ordered || spec.kind == byTumblingCount || spec.kind == bySlidingCount
	if spec.kind != byTumblingCount && spec.kind != bySlidingCount {
		out.n.needTime(out.n.String())
	}
	if f.merge == nil && (spec.kind == bySession || spec.kind == bySliding || spec.kind == bySlidingCount) {
		in.topology.fault(fmt.Errorf("%s: %s windows are made of others: give the aggregator a Merge", out.n, spec.title))
	}
	return WindowTable[K, A]{n: out.n}
}

// paned says that windows are made of panes: each record is folded once, however many windows it is in.
func paned(s *windowSpec, emit EmitPolicy, merges bool) bool {
	return s.kind == byAligned && s.size > s.advance && emit.onClose && emit.early == 0 && merges && s.size/s.pane() <= mostPanes
}

// mostPanes is how many panes a window may have: merging more costs more than folding a record into several windows.
const mostPanes = 1024

// pane is the length of the longest panes that all windows are whole numbers of.
func (s *windowSpec) pane() int64 {
	a, b := s.size, s.advance
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// opens opens the operator for a kind of windows.
func opens(op *Op, in *node, spec windowSpec, emit EmitPolicy, paned, whole bool, types string, c cells) taking {
	switch spec.kind {
	case byTumblingCount:
		return tumblingCounts(op, spec.count, emit, types, c)
	case bySlidingCount:
		return slidingCounts(op, spec.count, types, c)
	}
	r := newResults(op, spec, emit, paned, whole, types, c)
	if whole {
		op.o.counts[in.id] = &r.records
	}
	switch {
	case spec.kind == bySession:
		return sessions(r)
	case spec.kind == bySliding:
		return slidingTimes(r)
	case paned:
		return panes(r)
	}
	return plainWindows(r)
}

// checkEarly says what is wrong with the policy of early results.
func checkEarly(n *node, spec *windowSpec, emit EmitPolicy) {
	if !emit.wantsEarly {
		return
	}
	if _, err := millis("the time between early results", emit.early, time.Millisecond); err != nil {
		n.topology.fault(fmt.Errorf("%s: %w", n, err))
	}
	if spec.kind == byTumblingCount || spec.kind == bySlidingCount {
		n.topology.fault(fmt.Errorf("%s: a window of a count has no early results: use EveryUpdate or PerCommit", n))
	}
}

// openWindows opens the store of an operator. form says what its changelog is of.
func openWindows(op *Op, shape state.Shape, form, types string, c state.Cells) *state.Windows {
	op.stateful = true
	task := op.o.task
	s := state.NewWindows(op.n.name, shape, c, state.Rounds{
		Round: func() (now, released int64) { return task.Round(), task.Released() },
		Keep:  func(b []byte) []byte { return task.Arena().Copy(b) },
	})
	task.AddStore(op.o.mirror(s, form+", "+types), form, op.o.build.store(op.n, op.n.name, types))
	return s
}

func inMillis(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }
