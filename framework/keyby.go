package framework

// KeyBy gives each record the key that f makes of its value. Before the next Count, Reduce, Aggregate or
// Table the records go through a repartition topic, so that those of one key come together; before a Process with state put
// Repartition. f is not called for tombstones, which
// have no value: they are counted as dropped.
func (s Stream[K, V]) KeyBy[G comparable](key func(V) G) Stream[G, V] {
	return keyBy(s, key)
}

func keyBy[K comparable, V any, G comparable](s Stream[K, V], key func(V) G) Stream[G, V] {
	out := apply(s, "key-by", "", func(op *Op, next Emit[G, V]) Emit[K, V] {
		entered, id := op.enter()
		unkeyed := isNone[G]()
		var scratch Meta
		return func(m *Meta, _ K, v V) error {
			if m.Deleted {
				op.drop(dropNullValue)
				return nil
			}
			*entered = id
			if m.NoKey == unkeyed {
				return next(m, key(v), v)
			}
			scratch = *m
			scratch.NoKey = unkeyed
			return next(&scratch, key(v), v)
		}
	})
	out.n.keys, out.n.values = nil, s.n.values
	out.n.rekeyed, out.n.unkeyed = true, isNone[G]()
	return out
}
