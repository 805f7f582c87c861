package framework

// FlatMap turns each value into any number of values, in the order of the slice. Each has the record's key and time.
// The slice is not kept: f may return the same one each time.
func (s Stream[K, V]) FlatMap[U any](f func(V) []U) Stream[K, U] {
	return apply(s, "flat-map", "", func(op *Op, next Emit[K, U]) Emit[K, V] {
		entered, id := op.enter()
		return func(m *Meta, k K, v V) error {
			if m.Deleted {
				return next(m, k, *new(U))
			}
			*entered = id
			for _, u := range f(v) {
				if err := next(m, k, u); err != nil {
					return err
				}
			}
			return nil
		}
	})
}
