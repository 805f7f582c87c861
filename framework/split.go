package framework

// Split branches a stream: each value goes to the stream of the first condition that is true for it, and to the last
// stream, one more than there are conditions, if none is. Tombstones go to all.
func (s Stream[K, V]) Split(when ...func(V) bool) []Stream[K, V] {
	t := s.n.topology
	n := t.add("split", "", s.n)
	describe[K, V](n)
	branches := make([]Stream[K, V], len(when)+1)
	for i := range branches {
		b := t.add("branch", "", n)
		describe[K, V](b)
		b.keys, b.values, b.rekeyed, b.unkeyed, b.unchecked = s.n.keys, s.n.values, s.n.rekeyed, s.n.unkeyed, s.n.unchecked
		b.open = func(o *opening) any { return downstream[K, V](o, b) }
		branches[i] = Stream[K, V]{n: b}
	}
	n.open = func(o *opening) any {
		op := &Op{o: o, n: n}
		entered, id := op.enter()
		outs := make([]Emit[K, V], len(branches))
		for i, b := range branches {
			outs[i] = o.emit(edge{to: b.n}).(Emit[K, V])
		}
		all := downstream[K, V](o, n)
		return Emit[K, V](func(m *Meta, k K, v V) error {
			if m.Deleted {
				return all(m, k, v)
			}
			*entered = id
			for i, is := range when {
				if is(v) {
					return outs[i](m, k, v)
				}
			}
			return outs[len(when)](m, k, v)
		})
	}
	return branches
}
