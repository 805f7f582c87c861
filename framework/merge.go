package framework

// Merge gives one stream of the records of several. The order between the streams is that of arrival.
func (s Stream[K, V]) Merge(others ...Stream[K, V]) Stream[K, V] {
	in := []*node{s.n}
	for _, o := range others {
		in = append(in, o.n)
	}
	n := s.n.topology.add("merge", "", in...)
	describe[K, V](n)
	n.keys, n.values, n.unkeyed = s.n.keys, s.n.values, s.n.unkeyed
	for _, up := range in {
		n.rekeyed, n.unchecked = n.rekeyed || up.rekeyed, n.unchecked || up.unchecked
	}
	n.open = func(o *opening) any { return downstream[K, V](o, n) }
	return Stream[K, V]{n: n}
}
