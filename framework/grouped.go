package framework

import "time"

// Grouped is a stream whose records are grouped by key, ready to be aggregated.
type Grouped[K comparable, V any] struct {
	_    [0]func(K, V)
	n    *node
	emit EmitPolicy
}

// GroupBy groups the values by the key that f makes of each: KeyBy and Grouped in one.
func (s Stream[K, V]) GroupBy[G comparable](key func(V) G) Grouped[G, V] {
	return Grouped[G, V]{n: keyBy(s, key).n}
}

// Grouped groups the records by the key that they have. A stream without key is refused by Build.
func (s Stream[K, V]) Grouped() Grouped[K, V] {
	n := s.n.topology.add("group", "", s.n)
	describe[K, V](n)
	n.keys, n.values, n.rekeyed, n.unkeyed, n.unchecked = s.n.keys, s.n.values, s.n.rekeyed, s.n.unkeyed, s.n.unchecked
	n.open = func(o *opening) any { return downstream[K, V](o, n) }
	needKey(n, s.n, "grouped by the present key", "GroupBy(f)")
	return Grouped[K, V]{n: n}
}

// Emit says when the aggregate hands its result on; the default is PerCommit.
func (g Grouped[K, V]) Emit(p EmitPolicy) Grouped[K, V] { g.emit = p; return g }

// EmitPolicy says when an aggregate hands a result on.
type EmitPolicy struct {
	everyUpdate, onClose bool
	early                time.Duration // of event time
	wantsEarly           bool
}

var (
	// PerCommit hands on the last result of each key, and window, that changed since the round before: after 5 ms without new
	// records, at the latest after 100 ms. Upstream tasks fold their records before the repartition topic where
	// the aggregate can merge partial results.
	PerCommit = EmitPolicy{}
	// EveryUpdate hands on each result, and folds nothing before the repartition topic.
	EveryUpdate = EmitPolicy{everyUpdate: true}
	// OnClose hands on the final result of each window, once, in the order of their ends, when the watermark is past its end
	// and grace: nothing that would change it is to come. Its event time is the window's last. It needs windows.
	OnClose = EmitPolicy{onClose: true}
)

// Early is OnClose that also hands on what changed every so much event time, in whole milliseconds, at its multiples since 1970. It needs
// windows that have an end in event time.
func Early(every time.Duration) EmitPolicy {
	return EmitPolicy{onClose: true, early: every, wantsEarly: true}
}
