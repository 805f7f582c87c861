package framework

import "fmt"

// Aggregate folds the values of each key; the results are a table, kept in a store of that name.
func (g Grouped[K, V]) Aggregate[A any](name string, a Aggregator[V, A]) Table[K, A] {
	return aggregate(g, "aggregate", name, a)
}

// Count counts the records of each key; the counts are a table, kept in a store of that name.
func (g Grouped[K, V]) Count(name string) Table[K, int64] {
	one := func(n int64, _ V) int64 { return n + 1 }
	return aggregate(g, "count", name, Fold(0, one).Merge(Add[int64]))
}

// Reduce folds the values of each key by f, beginning with the first value; the results are a table, kept in a store of
// that name. f is called in the order of arrival: it need not commute, so that nothing is folded before a repartition.
func (g Grouped[K, V]) Reduce(name string, f func(V, V) V) Table[K, V] {
	in := repartitioned(g.n, name, func() *node {
		return repartition(Stream[K, V]{n: g.n}, name).n
	})
	return fold[K](in, "reduce", name, g.emit, g.n.values, func(acc V, present bool, _ *Meta, v V) V {
		if !present {
			return v
		}
		return f(acc, v)
	})
}

func aggregate[K comparable, V, A any](g Grouped[K, V], kind, name string, a Aggregator[V, A]) Table[K, A] {
	a = usable(g.n, kind, name, a)
	var codec any
	if a.codec != nil {
		codec = a.codec
	}
	if g.n.rekeyed && a.merge != nil {
		return fold[K](combined(g, name, codec, a), kind, name, g.emit, codec, func(acc A, present bool, _ *Meta, partial A) A {
			if !present {
				return partial
			}
			return a.merge(acc, partial)
		})
	}
	in := repartitioned(g.n, name, func() *node {
		return repartition(Stream[K, V]{n: g.n}, name).n
	})
	add := a.adding()
	return fold[K](in, kind, name, g.emit, codec, func(acc A, present bool, m *Meta, v V) A {
		if !present {
			acc = a.first()
		}
		return add(acc, m, v)
	})
}

// usable returns an aggregator that the build can go on with; what is wrong with it is a fault.
func usable[V, A any](n *node, kind, name string, a Aggregator[V, A]) Aggregator[V, A] {
	if a.first == nil {
		n.topology.fault(fmt.Errorf("%s %s: its aggregator is empty: make one with Fold, FoldNew, Sum or SumOf", kind, name))
		a = FoldNew(func() (none A) { return none }, func(acc A, _ V) A { return acc })
	}
	if a.shared != nil {
		n.topology.fault(fmt.Errorf("%s %s: %w", kind, name, a.shared))
	}
	return a.of(n.values)
}

// fold adds the node that keeps one accumulator a key: the operator behind Count, Reduce and Aggregate.
func fold[K comparable, V, A any](in *node, kind, name string, emit EmitPolicy, values any, step func(acc A, present bool, m *Meta, v V) A) Table[K, A] {
	out := apply(Stream[K, V]{n: in}, kind, name, func(op *Op, next Emit[K, A]) Emit[K, V] {
		store := op.Store(Store[K, A]{name: name, keys: in.keys, values: values})
		entered, id := op.enter()
		changed := emitChanges(op, store, emit, next)
		kept := keptKey[K](op)
		return func(m *Meta, k K, v V) error {
			if m.NoKey {
				op.drop(dropNullKey)
				return nil
			}
			if m.Deleted {
				op.drop(dropNullValue)
				return nil
			}
			*entered = id
			if kept != nil {
				if err := kept(k); err != nil {
					return op.fail(m, err)
				}
			}
			e := store.Entry(k)
			acc, present := e.Value()
			acc = step(acc, present, m, v)
			e.Set(acc, m.Time)
			return changed(m, e.Key(), acc, e.Time()) // its own key: k may be a part of the record
		}
	})
	if emit.onClose {
		in.topology.fault(fmt.Errorf("%s: OnClose and Early are for windows, and this aggregate never closes: use PerCommit or EveryUpdate", out.n))
	}
	out.n.stateful, out.n.values, out.n.updates = true, values, true
	return Table[K, A]{n: out.n}
}

// emitChanges returns what an operator calls after it changed a key of its store. By policy the change goes downstream
// at once, or the last one of each key does at the end of the round.
func emitChanges[K comparable, A any](op *Op, store *KV[K, A], emit EmitPolicy, next Emit[K, A]) func(m *Meta, k K, a A, time int64) error {
	var scratch Meta
	if emit.everyUpdate {
		return func(m *Meta, k K, a A, time int64) error {
			scratch = *m
			scratch.Time, scratch.Birth = time, time
			return next(&scratch, k, a)
		}
	}
	op.OnCommit(func() error {
		return store.Changed(func(k K, a A, time int64, present bool) error {
			scratch = Meta{Time: time, Birth: time, Deleted: !present}
			return next(&scratch, k, a)
		})
	})
	return func(*Meta, K, A, int64) error { return nil }
}
