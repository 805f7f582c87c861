package framework

// TryMap turns each value into another one, or fails: the task stops with an error that names the operator and the
// record. The error is wrapped, so that errors.Is finds it.
func (s Stream[K, V]) TryMap[U any](f func(V) (U, error)) Stream[K, U] {
	return apply(s, "try-map", "", func(op *Op, next Emit[K, U]) Emit[K, V] {
		entered, id := op.enter()
		return func(m *Meta, k K, v V) error {
			if m.Deleted {
				return next(m, k, *new(U))
			}
			*entered = id
			u, err := f(v)
			if err != nil {
				return op.fail(m, err)
			}
			return next(m, k, u)
		}
	})
}
