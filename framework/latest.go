package framework

import (
	"fmt"
	"reflect"
	"slices"
)

// CombineLatest hands on what f makes of the last values that this stream and other have for a key, or of their last
// values where the streams have no key, whenever either gets one. Nothing is handed on until both have one. The values are
// kept in stores of that name with -1 and -2 behind it. The time of a result is the larger of the two values' times, its
// headers are those of the record that came.
//
// A tombstone deletes the value of its input and hands nothing on. Streams whose keys changed go through repartition
// topics called as the stores are. Others are to have equal partition counts, and streams without key one partition: the
// start refuses anything else.
func (s Stream[K, V]) CombineLatest[W, R any](name string, other Stream[K, W], f func(V, W) R) Stream[K, R] {
	return latestOfTwo(s, "combine-latest", name, other, f, true)
}

// WithLatest is CombineLatest where only this stream's values hand something on: each with the last value of other.
func (s Stream[K, V]) WithLatest[W, R any](name string, other Stream[K, W], f func(V, W) R) Stream[K, R] {
	return latestOfTwo(s, "with-latest", name, other, f, false)
}

// CombineLatest is Stream.CombineLatest for any number of streams of one type: f gets their last values in the order of
// the arguments. It may keep the slice if its result can, as in Sliding. The stores are called name-1, name-2 and so on.
func CombineLatest[K comparable, V, R any](name string, f func([]V) R, first Stream[K, V], others ...Stream[K, V]) Stream[K, R] {
	return latestOfMany(name, 1+len(others), f, append([]Stream[K, V]{first}, others...))
}

// CombineLatestOn is CombineLatest where only the first n streams hand something on when they get a value; of the others
// the last value is used. n is from 1 to the number of streams.
func CombineLatestOn[K comparable, V, R any](name string, n int, f func([]V) R, first Stream[K, V], others ...Stream[K, V]) Stream[K, R] {
	return latestOfMany(name, n, f, append([]Stream[K, V]{first}, others...))
}

// Combine3 is Stream.CombineLatest for three streams of different types.
func Combine3[K comparable, A, B, C, R any](name string, a Stream[K, A], b Stream[K, B], c Stream[K, C], f func(A, B, C) R) Stream[K, R] {
	in := []*node{gathered(a, name, 1), gathered(b, name, 2), gathered(c, name, 3)}
	return combination(in, "combine-latest", name, func(op *Op, next Emit[K, R]) ports {
		a, b, c := openLatest[K, A](op, 0), openLatest[K, B](op, 1), openLatest[K, C](op, 2)
		changed := handOn(next, func(k K) (r R, time int64, ok bool) {
			x, t, okA := a.get(k)
			y, u, okB := b.get(k)
			z, v, okC := c.get(k)
			if !okA || !okB || !okC {
				return r, 0, false
			}
			return f(x, y, z), max(t, u, v), true
		})
		return ports{a.taking(changed), b.taking(changed), c.taking(changed)}
	})
}

func latestOfTwo[K comparable, V, W, R any](s Stream[K, V], kind, name string, other Stream[K, W], f func(V, W) R, either bool) Stream[K, R] {
	in := []*node{gathered(s, name, 1), gathered(other, name, 2)}
	return combination(in, kind, name, func(op *Op, next Emit[K, R]) ports {
		left, right := openLatest[K, V](op, 0), openLatest[K, W](op, 1)
		changed := handOn(next, func(k K) (r R, time int64, ok bool) {
			v, t, okV := left.get(k)
			w, u, okW := right.get(k)
			if !okV || !okW {
				return r, 0, false
			}
			return f(v, w), max(t, u), true
		})
		if !either {
			return ports{left.taking(changed), right.taking(nil)}
		}
		return ports{left.taking(changed), right.taking(changed)}
	})
}

func latestOfMany[K comparable, V, R any](name string, triggers int, f func([]V) R, streams []Stream[K, V]) Stream[K, R] {
	if triggers < 1 || triggers > len(streams) {
		streams[0].n.topology.fault(fmt.Errorf("combine-latest %s: CombineLatestOn(%d) of %d streams: from 1 to all of them hand something on", name, triggers, len(streams)))
	}
	var in []*node
	for i, s := range streams {
		in = append(in, gathered(s, name, i+1))
	}
	fresh := holdsMemory(reflect.TypeFor[R]())
	return combination(in, "combine-latest", name, func(op *Op, next Emit[K, R]) ports {
		var inputs []*latest[K, V]
		for port := range in {
			inputs = append(inputs, openLatest[K, V](op, port))
		}
		last := make([]V, len(in))
		changed := handOn(next, func(k K) (r R, time int64, ok bool) {
			for i, input := range inputs {
				v, t, ok := input.get(k)
				if !ok {
					return r, 0, false
				}
				last[i], time = v, max(time, t)
			}
			if fresh {
				return f(slices.Clone(last)), time, true
			}
			return f(last), time, true
		})
		var emits ports
		for i, input := range inputs {
			if i >= triggers {
				emits = append(emits, input.taking(nil))
				continue
			}
			emits = append(emits, input.taking(changed))
		}
		return emits
	})
}

// handOn returns what is called when an input got a value: it hands on what combine makes of the values of the key, own
// being the key in memory that may be kept.
func handOn[K comparable, R any](next Emit[K, R], combine func(K) (r R, time int64, ok bool)) (changed func(m *Meta, k, own K) error) {
	var scratch Meta
	return func(m *Meta, k, own K) error {
		r, time, ok := combine(k)
		if !ok {
			return nil
		}
		scratch = *m
		scratch.Time = time
		return next(&scratch, own, r)
	}
}
