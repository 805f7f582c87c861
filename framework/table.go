package framework

// Table is a value for each key, kept in a store and changed by updates: a handle on a node of the graph.
type Table[K comparable, V any] struct {
	_ [0]func(K, V)
	n *node
}

// Stream returns the table's updates. A deleted key is a tombstone.
func (t Table[K, V]) Stream() Stream[K, V] { return Stream[K, V]{n: t.n} }

// To writes the table's updates to a topic.
func (t Table[K, V]) To(out Topic[K, V]) { t.Stream().To(out) }

// Table keeps the last value of each key in a store of that name; a tombstone deletes it. A record without key is
// counted as dropped.
func (s Stream[K, V]) Table(name string) Table[K, V] { return table(s, name) }

func table[K comparable, V any](s Stream[K, V], name string) Table[K, V] {
	values := s.n.values
	in := repartitioned(s.n, name, func() *node { return repartition(s, name).n })
	out := apply(Stream[K, V]{n: in}, "table", name, func(op *Op, next Emit[K, V]) Emit[K, V] {
		store := op.Store(Store[K, V]{name: name, keys: in.keys, values: values})
		changed := emitChanges(op, store, PerCommit, next)
		kept := keptKey[K](op)
		return func(m *Meta, k K, v V) error {
			if m.NoKey {
				op.drop(dropNullKey)
				return nil
			}
			if kept != nil {
				if err := kept(k); err != nil {
					return op.fail(m, err)
				}
			}
			e := store.Entry(k)
			if m.Deleted {
				e.Delete(m.Time)
			} else {
				e.Set(v, m.Time)
			}
			return changed(m, k, v, m.Time)
		}
	})
	out.n.stateful, out.n.values = true, values
	needKey(out.n, s.n, "a table has one value for each key", "KeyBy(f) before it")
	return Table[K, V]{n: out.n}
}
