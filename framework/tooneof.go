package framework

import (
	"fmt"
	"strings"
)

// ToOneOf writes each record to the topic that choose returns for it, one of the given topics: they are all checked by Build
// and at the start. Another one is an error that names it and stops the task. A tombstone, which has no value to choose
// by, goes to all of them. What was set on a topic, codecs and partitioner, is taken from the given ones.
func (s Stream[K, V]) ToOneOf(choose func(Record[K, V]) Topic[K, V], topics ...Topic[K, V]) {
	n := s.n.topology.add("to-one-of", "", s.n)
	describe[K, V](n)
	n.keys, n.values, n.rekeyed, n.unkeyed, n.unchecked = s.n.keys, s.n.values, s.n.rekeyed, s.n.unkeyed, s.n.unchecked
	if len(topics) == 0 {
		n.sink = true
		n.topology.fault(fmt.Errorf("%s: ToOneOf has no topics: name those that may be chosen", n))
	}
	names := make([]string, len(topics))
	for i, topic := range topics {
		names[i] = topic.name
		to(Stream[K, V]{n: n}, topic)
	}
	n.open = func(o *opening) any { return choosing(&Op{o: o, n: n}, choose, names) }
}

func choosing[K comparable, V any](op *Op, choose func(Record[K, V]) Topic[K, V], names []string) Emit[K, V] {
	entered, id := op.enter()
	outs := make([]Emit[K, V], len(names))
	for i, e := range op.n.out {
		outs[i] = op.o.emit(e).(Emit[K, V])
	}
	all := downstream[K, V](op.o, op.n)
	return func(m *Meta, k K, v V) error {
		if m.Deleted {
			return all(m, k, v)
		}
		*entered = id
		chosen := choose(recordOf(m, k, v)).name
		for i, name := range names { // few: faster than a map
			if name == chosen {
				return outs[i](m, k, v)
			}
		}
		return op.fail(m, fmt.Errorf("topic %q was chosen, which is none of those given to ToOneOf: %s", chosen, strings.Join(names, ", ")))
	}
}
