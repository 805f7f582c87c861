package framework

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/millrace/millrace/framework/codec"
)

// Sliding hands on what f makes of the last n values of the key, or of a stream without key, oldest first, with each value
// from the n-th on. n is at least 1. The values are kept in a store of that name. The time of a result is the highest
// of the key's values so far.
//
// f may keep its slice if its result can: where R is or holds a slice, a pointer, a map, an interface, a function or a
// channel the slice is a new one, so that slices.Clone is not needed to return it. Else it is used again.
//
// A stream whose key changed goes through a repartition topic of that name. A stream without key is to come from one
// partition; the start refuses more. Tombstones, and records without key in a stream of keys, are counted as dropped.
func (s Stream[K, V]) Sliding[R any](name string, n int, f func([]V) R) Stream[K, R] {
	if n < 1 {
		s.n.topology.fault(fmt.Errorf("sliding %s: Sliding(%d): the last values are at least 1", name, n))
		n = 1
	}
	if holdsMemory(reflect.TypeFor[R]()) {
		fold := f
		f = func(last []V) R { return fold(slices.Clone(last)) }
	}
	in := repartitioned(s.n, name, func() *node { return repartition(s, name).n })
	out := apply(Stream[K, V]{n: in}, "sliding", name, func(op *Op, next Emit[K, R]) Emit[K, V] {
		return sliding(op, next, name, n, f)
	})
	out.n.stateful = true
	return out
}

func sliding[K comparable, V, R any](op *Op, next Emit[K, R], name string, n int, f func([]V) R) Emit[K, V] {
	in := op.n.in[0]
	store := op.Store(Store[K, []V]{name: name, keys: in.keys, values: codec.List(itemCodec[V](op, in.values))})
	op.OnCommit(func() error { return trim(store, n) })
	entered, id := op.enter()
	unkeyed := isNone[K]()
	kept := keptKey[K](op)
	var scratch Meta
	return func(m *Meta, k K, v V) error {
		if m.NoKey && !unkeyed {
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
		values, _ := e.Value()
		values = slide(values, n, v)
		e.Set(values, m.Time)
		if len(values) < n {
			return nil
		}
		scratch = *m
		scratch.Time = e.Time()
		return next(&scratch, e.Key(), f(values[len(values)-n:]))
	}
}

// slide appends a value, of which the last n count. The others stay until there are as many of them: so a value is moved
// once, not with each that comes.
func slide[V any](values []V, n int, v V) []V {
	if len(values)/2 >= n {
		values = shorten(values, n-1)
	}
	return append(values, v)
}

// shorten leaves the last n values, moved to the beginning.
func shorten[V any](values []V, n int) []V {
	copy(values, values[len(values)-n:])
	clear(values[n:]) // what they point to
	return values[:n]
}

// trim leaves the last n values of each key that changed, so that the store holds no more at the end of a round.
func trim[K comparable, V any](store *KV[K, []V], n int) error {
	return store.Changed(func(k K, values []V, time int64, _ bool) error {
		if len(values) > n {
			store.Entry(k).Set(shorten(values, n), time)
		}
		return nil
	})
}

// itemCodec returns the codec of what a list in a store holds; what is wrong with it is a fault of the build.
func itemCodec[V any](op *Op, set any) codec.Codec[V] {
	c, err := codecOf[V](set)
	if err != nil {
		op.o.build.faultOnce(op.n, "values", err)
		return broken[V](err)
	}
	return c
}

// holdsMemory says whether a value of the type can hold a slice that it was made of.
func holdsMemory(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Slice, reflect.Pointer, reflect.Map, reflect.Interface, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return true
	case reflect.Array:
		return holdsMemory(t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			if holdsMemory(f.Type) {
				return true
			}
		}
	}
	return false
}
