package framework

import "context"

// ForEach calls f with each value: a sink of the user's own. The offset of a record is committed only after f returned
// nil. The context ends when the application is to stop; behind a Buffer, whose records are finished first, when that takes longer than
// Config.ShutdownTimeout. After a crash f sees some values again. Tombstones are passed over.
func (s Stream[K, V]) ForEach(f func(context.Context, V) error) {
	forEach(s, "for-each", func(ctx context.Context, m *Meta, _ K, v V) error { return f(ctx, v) })
}

// ForEachRecord is ForEach with the whole record.
func (s Stream[K, V]) ForEachRecord(f func(context.Context, Record[K, V]) error) {
	forEach(s, "for-each-record", func(ctx context.Context, m *Meta, k K, v V) error {
		return f(ctx, recordOf(m, k, v))
	})
}

func forEach[K comparable, V any](s Stream[K, V], kind string, f func(context.Context, *Meta, K, V) error) {
	out := apply(s, kind, "", func(op *Op, _ Emit[None, struct{}]) Emit[K, V] {
		entered, id := op.enter()
		ctx := op.Context()
		return func(m *Meta, k K, v V) error {
			if m.Deleted {
				return nil
			}
			*entered = id
			if err := f(ctx, m, k, v); err != nil {
				return op.fail(m, err)
			}
			return nil
		}
	})
	out.n.sink = true
}
