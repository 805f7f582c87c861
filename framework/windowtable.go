package framework

// WindowTable is a value for each key and window, kept in a store until the window closes: a handle on a node of the graph.
type WindowTable[K comparable, V any] struct {
	_ [0]func(K, V)
	n *node
}

// Stream returns the results, with their window in Record.Window and Meta.Win; when they come is the EmitPolicy's. A session that
// another one took in is a tombstone. Where the window is to be a part of the key, as in a topic, see WindowKeys.
func (t WindowTable[K, V]) Stream() Stream[K, V] { return Stream[K, V]{n: t.n} }

// Count counts the records of each key and window, in a store of that name.
func (w Windowed[K, V]) Count(name string) WindowTable[K, int64] {
	one := func(n int64, _ V) int64 { return n + 1 }
	return windowed(w, "count", name, Fold(0, one).Merge(Add[int64]))
}

// Aggregate folds the values of each key and window, in a store of that name. Session and SlidingTime need an aggregator that
// can Merge.
func (w Windowed[K, V]) Aggregate[A any](name string, a Aggregator[V, A]) WindowTable[K, A] {
	return windowed(w, "aggregate", name, a)
}

// Reduce folds the values of each key and window by f, beginning with the first value, in a store of that name. f is called in
// the order of arrival, which depends on how inputs interleave; for sessions and sliding windows it also makes one of two
// results.
func (w Windowed[K, V]) Reduce(name string, f func(V, V) V) WindowTable[K, V] {
	w.use.aggregated = true
	in := repartitioned(w.gate(), name, func() *node {
		return repartition(Stream[K, V]{n: w.gate()}, name).n
	})
	return windows(w, in, "reduce", name, w.n.values, folding[V, V]{merge: f, add: func(acc V, present bool, _ *Meta, v V) V {
		if !present {
			return v
		}
		return f(acc, v)
	}})
}

// folding is how an aggregate's values come together.
type folding[V, A any] struct {
	add     func(acc A, present bool, m *Meta, v V) A
	merge   func(A, A) A // nil: it cannot
	first   func() A     // an empty one to merge into
	whole   bool         // V is A: what comes is a partial result
	panes   bool         // windows are made of panes
	ordered bool         // the result depends on the order of arrival
}

// Filter lets results through for which keep returns true. Tombstones pass.
func (t WindowTable[K, V]) Filter(keep func(V) bool) WindowTable[K, V] {
	return WindowTable[K, V]{n: t.Stream().Filter(keep).n}
}

// Map makes another value of each result. Tombstones pass.
func (t WindowTable[K, V]) Map[U any](f func(V) U) WindowTable[K, U] {
	return WindowTable[K, U]{n: t.Stream().Map(f).n}
}
