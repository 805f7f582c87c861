package framework

// Process2 adds an operator of the user's own with two inputs: op gets the Emit of what is downstream and returns the Emit
// that takes this stream and the one that takes other. It runs once for each task, and once when the topology is built,
// so it has no side effects. Both inputs of a task are processed on the same goroutine, one record at a time.
//
// What Process says of keys and state holds for each input. With state both streams are to be partitioned alike: the
// start refuses topics of different partition counts. The output is re-keyed if its key has another type than that of
// either input.
func (s Stream[K, V]) Process2[J comparable, W any, K2 comparable, V2 any](name string, other Stream[J, W], op func(*Op, Emit[K2, V2]) (Emit[K, V], Emit[J, W])) Stream[K2, V2] {
	n := s.n.topology.add("process2", name, s.n, other.n)
	describe[K2, V2](n)
	n.keys, n.unkeyed, n.unchecked = s.n.keys, isNone[K2](), true
	n.rekeyed = other.n.rekeyed || !sameKey[J, K2]()
	if !sameKey[K, K2]() {
		n.keys, n.rekeyed = nil, true
	}
	n.rekeyed = n.rekeyed || s.n.rekeyed
	n.open = func(o *opening) any {
		next := downstream[K2, V2](o, n)
		return guard2(&Op{o: o, n: n}, next, op)
	}
	return Stream[K2, V2]{n: n}
}

// guard2 is guard for an operator with two inputs.
func guard2[K comparable, V any, J comparable, W any, K2 comparable, V2 any](o *Op, next Emit[K2, V2], op func(*Op, Emit[K2, V2]) (Emit[K, V], Emit[J, W])) ports {
	if sameKey[K, K2]() && sameKey[J, K2]() {
		left, right := op(o, next)
		return ports{entering(o, 0, left), entering(o, 1, right)}
	}
	var moved bool // the input at work has keys of another type than the output
	plain, rekeyed := next, rekeying(next)
	left, right := op(o, func(m *Meta, k K2, v V2) error {
		if moved {
			return rekeyed(m, k, v)
		}
		return plain(m, k, v)
	})
	return ports{
		noting(&moved, !sameKey[K, K2](), entering(o, 0, left)),
		noting(&moved, !sameKey[J, K2](), entering(o, 1, right)),
	}
}

func noting[K comparable, V any](at *bool, what bool, in Emit[K, V]) Emit[K, V] {
	return func(m *Meta, k K, v V) error {
		*at = what
		return in(m, k, v)
	}
}

func sameKey[K, K2 comparable]() bool {
	_, same := any((*K)(nil)).(*K2)
	return same
}
