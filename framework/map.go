package framework

// Map turns each value into another one. A function that can fail belongs in TryMap, one that needs the key, the time
// or the headers in MapRecord.
func (s Stream[K, V]) Map[U any](f func(V) U) Stream[K, U] {
	return apply(s, "map", "", func(op *Op, next Emit[K, U]) Emit[K, V] {
		entered, id := op.enter()
		return func(m *Meta, k K, v V) error {
			if m.Deleted {
				return next(m, k, *new(U))
			}
			*entered = id
			return next(m, k, f(v))
		}
	})
}
