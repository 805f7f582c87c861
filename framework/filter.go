package framework

// Filter lets the values pass for which keep is true. Tombstones pass.
func (s Stream[K, V]) Filter(keep func(V) bool) Stream[K, V] {
	out := apply(s, "filter", "", func(op *Op, next Emit[K, V]) Emit[K, V] {
		entered, id := op.enter()
		return func(m *Meta, k K, v V) error {
			*entered = id
			if m.Deleted || keep(v) {
				return next(m, k, v)
			}
			return nil
		}
	})
	out.n.values = s.n.values
	return out
}
