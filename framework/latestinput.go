package framework

import (
	"fmt"
)

// latest is one input of a combination: it keeps the last value of each key.
type latest[K comparable, V any] struct {
	op    *Op
	port  int
	store *KV[K, V]
}

// gathered returns the node that input number i of a combination reads from: s, or its repartition where its key changed.
func gathered[K comparable, V any](s Stream[K, V], name string, i int) *node {
	name = numbered(name, i)
	return repartitioned(s.n, name, func() *node { return repartition(s, name).n })
}

// numbered is what the store of an input, from 1, is called.
func numbered(name string, i int) string { return fmt.Sprintf("%s-%d", name, i) }

// combination adds an operator that keeps the last values of its inputs, all of one key.
func combination[K comparable, R any](in []*node, kind, name string, open func(op *Op, next Emit[K, R]) ports) Stream[K, R] {
	n := in[0].topology.add(kind, name, in...)
	describe[K, R](n)
	n.stateful, n.unkeyed = true, isNone[K]()
	for _, up := range in {
		n.unchecked = n.unchecked || up.unchecked
		if n.keys == nil {
			n.keys = up.keys
		}
	}
	n.open = func(o *opening) any {
		next := downstream[K, R](o, n)
		oneKeyCodec[K](o, n)
		return open(&Op{o: o, n: n}, next)
	}
	return Stream[K, R]{n: n}
}

// oneKeyCodec sees to it that all inputs encode a key alike: else its records would lie in partitions of different
// numbers, and never meet.
func oneKeyCodec[K comparable](o *opening, n *node) {
	first, err := keyCodec[K](n.in[0].keys)
	if err != nil {
		return // reported where the store is opened
	}
	for _, up := range n.in[1:] {
		if c, err := keyCodec[K](up.keys); err == nil && c.Name() != first.Name() {
			o.build.faultOnce(n, "keys", fmt.Errorf("they are encoded as %s after %s and as %s after %s, which puts one key into two partitions: set one codec by Codecs", first.Name(), n.in[0], c.Name(), up))
		}
	}
}

func openLatest[K comparable, V any](op *Op, port int) *latest[K, V] {
	in := op.n.in[port]
	store := op.Store(Store[K, V]{name: numbered(op.n.name, port+1), keys: in.keys, values: in.values})
	return &latest[K, V]{op, port, store}
}

// get returns the last value of the key and its time.
func (l *latest[K, V]) get(k K) (v V, time int64, ok bool) {
	if v, ok = l.store.Get(k); ok {
		time = l.store.Entry(k).Time()
	}
	return v, time, ok
}

// taking returns the Emit that takes the input; changed is called when a key got a value, nil if nothing is to be.
func (l *latest[K, V]) taking(changed func(m *Meta, k, own K) error) Emit[K, V] {
	op, store := l.op, l.store
	entered, id := op.enter()
	unkeyed := isNone[K]()
	kept := keptKeyOf[K](op, l.port)
	return func(m *Meta, k K, v V) error {
		if m.NoKey && !unkeyed {
			op.drop(dropNullKey)
			return nil
		}
		*entered = id
		if kept != nil {
			if err := kept(k); err != nil {
				return op.fail(m, err)
			}
		}
		if m.Deleted {
			if _, ok := store.Get(k); ok {
				store.Entry(k).Delete(m.Time)
			}
			return nil
		}
		e := store.Entry(k)
		e.Set(v, m.Time)
		if changed == nil {
			return nil
		}
		return changed(m, k, e.Key())
	}
}
