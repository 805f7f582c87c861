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
	f := folding[V, A]{merge: a.merge, first: a.first, panes: paned(&w.spec, w.emit, a.merge != nil), add: func(acc A, present bool, m *Meta, v V) A {
		if !present {
			acc = a.first()
		}
		return add(acc, m, v)
	}}
	gate := w.gate()
	if gate.rekeyed && a.merge != nil && !w.emit.everyUpdate && (w.spec.kind == byAligned || w.spec.kind == byAssigned) {
		partials := folding[A, A]{merge: a.merge, first: a.first, panes: f.panes, whole: true, add: func(acc A, present bool, _ *Meta, partial A) A {
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
	out := apply(Stream[K, V]{n: in}, kind, name, func(op *Op, next Emit[K, A]) Emit[K, V] {
		switch {
		case spec.kind == byTumblingCount:
			return tumblingCounts(op, spec.count, in.keys, values, w.emit, f, next)
		case spec.kind == bySlidingCount:
			return slidingCounts(op, spec.count, in.keys, in.values, f, next)
		}
		r := newResults(op, spec, w.emit, in.keys, values, f.panes, next)
		if f.whole {
			op.o.counts[in.id] = &r.records
		}
		switch {
		case spec.kind == bySession:
			return sessions(r, f)
		case spec.kind == bySliding:
			return slidingTimes(r, f)
		case f.panes:
			return panes(r, f)
		}
		return plainWindows(r, f)
	})
	out.n.stateful, out.n.values = true, values
	out.n.delay = spec.delay(w.emit.onClose)
	if spec.kind != byTumblingCount && spec.kind != bySlidingCount {
		out.n.needTime(out.n.String())
	}
	if f.merge == nil && (spec.kind == bySession || spec.kind == bySliding) {
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

// openWindows opens the store of an operator.
func openWindows[K comparable, A any](op *Op, layout state.Layout, size int64, keys, values any) *state.Windows[K, A] {
	op.stateful = true
	k, v := op.o.codecs[K, A](op.n, keys, values)
	task := op.o.task
	s := state.NewWindows(op.n.name, layout, size, k, flushing[A]{v, task.Enter(), int32(op.n.id)}, func() (now, released int64) {
		return task.Round(), task.Released()
	})
	task.AddStore(s, op.o.build.store(op.n, op.n.name, typesOf[K, A]()))
	return s
}

func inMillis(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }
