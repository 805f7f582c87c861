package framework

import "fmt"

// Scan folds the values of each key, or all values of a stream without key, and hands on every accumulator: f gets the
// accumulator so far, init at first, and the next value. Accumulators are kept in a store of that name, encoded as
// Codecs behind Scan says, else as their type implies. The time of a result is the highest of what went into it.
//
// A stream whose key changed goes through a repartition topic of that name. A stream without key is to come from one
// partition; the start refuses more. Tombstones, and records without key in a stream of keys, are counted as dropped.
//
// init is shared by all keys: Build refuses one that is or holds a map, a slice or a pointer.
func (s Stream[K, V]) Scan[A any](name string, init A, f func(A, V) A) Stream[K, A] {
	if Fold(init, f).shared != nil {
		s.n.topology.fault(fmt.Errorf("scan %s: its first accumulator, of type %s, would be shared by all keys and changed in place: begin with one that holds no map, slice or pointer, or keep state of your own in a Process", name, typeName[A]()))
	}
	in := repartitioned(s.n, name, func() *node { return repartition(s, name).n })
	out := apply(Stream[K, V]{n: in}, "scan", name, func(op *Op, next Emit[K, A]) Emit[K, V] {
		store := op.Store(Store[K, A]{name: name, keys: in.keys, values: op.n.values})
		if isNone[K]() {
			return scanAll(op, next, store, init, f)
		}
		return scanKeys(op, next, store, init, f)
	})
	out.n.stateful = true
	return out
}

func scanKeys[K comparable, V, A any](op *Op, next Emit[K, A], store *KV[K, A], init A, f func(A, V) A) Emit[K, V] {
	entered, id := op.enter()
	kept := keptKey[K](op)
	var scratch Meta
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
		if !present {
			acc = init
		}
		acc = f(acc, v)
		e.Set(acc, m.Time)
		if time := e.Time(); time != m.Time {
			scratch = *m
			scratch.Time = time
			m = &scratch
		}
		return next(m, e.Key(), acc) // its own key: k may be a part of the record
	}
}

// scanAll is Scan of a stream without key. It has one accumulator, which is a variable within a round and goes to the
// store at its end. What comes at the end of a round from operators before this one has come by then.
func scanAll[K comparable, V, A any](op *Op, next Emit[K, A], store *KV[K, A], init A, f func(A, V) A) Emit[K, V] {
	entered, id := op.enter()
	var one struct {
		acc     A
		time    int64 // highest of what went in, ms
		loaded  bool  // from the store, which may be restored between opening and the first record
		changed bool  // since it went to the store
	}
	var key K
	op.o.task.OnFlush(func() error {
		if one.changed {
			store.Entry(key).Set(one.acc, one.time)
			one.changed = false
		}
		return nil
	})
	var scratch Meta
	return func(m *Meta, k K, v V) error {
		if m.Deleted {
			op.drop(dropNullValue)
			return nil
		}
		*entered = id
		if !one.loaded {
			one.acc, one.time, one.loaded = init, m.Time, true
			if acc, ok := store.Get(key); ok {
				one.acc, one.time = acc, store.Entry(key).Time()
			}
		}
		one.acc = f(one.acc, v)
		one.changed = true
		if m.Time < one.time {
			scratch = *m
			scratch.Time = one.time
			return next(&scratch, k, one.acc)
		}
		one.time = m.Time
		return next(m, k, one.acc)
	}
}
