package framework

// Peek calls f with each value and lets it pass. Tombstones pass without a call.
func (s Stream[K, V]) Peek(f func(V)) Stream[K, V] {
	out := apply(s, "peek", "", func(op *Op, next Emit[K, V]) Emit[K, V] {
		entered, id := op.enter()
		return func(m *Meta, k K, v V) error {
			*entered = id
			if !m.Deleted {
				f(v)
			}
			return next(m, k, v)
		}
	})
	out.n.values = s.n.values
	return out
}
