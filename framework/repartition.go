package framework

import (
	"fmt"
	"math"
	"reflect"
	"unsafe"

	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/internal/engine"
)

// Repartition sends the stream through an internal topic <application>-<name>-repartition, so that the records of one
// key come together. After a change of key Count, Reduce, Aggregate and Table do it by themselves; a Process with
// state needs it, and by hand it lets several operators share one topic.
//
// The topic has as many partitions as Config.RepartitionPartitions says; RepartitionInto sets the number of one.
func (s Stream[K, V]) Repartition(name string) Stream[K, V] { return repartition(s, name) }

// RepartitionInto is Repartition with the number of partitions that the topic has, and so of tasks that share the work
// behind it. With one partition a single task sees all records. Where streams come together by key, all of them have the
// same number. It is fixed when the application starts for the first time: start refuses another one later.
func (s Stream[K, V]) RepartitionInto(name string, partitions int) Stream[K, V] {
	out := repartition(s, name)
	if partitions < 1 || partitions > math.MaxInt32 {
		s.n.topology.fault(fmt.Errorf("repartition %s: its topic is to have %d partitions: at least 1", name, partitions))
		partitions = 1
	}
	out.n.reads.partitions = int32(partitions)
	return out
}

// repartitioned returns the node to read from: n itself, or what repartition makes where its key changed.
func repartitioned(n *node, name string, repartition func() *node) *node {
	if !n.rekeyed {
		return n
	}
	read := repartition()
	n.out[len(n.out)-1].to.automatic, read.automatic = true, true
	return read
}

func repartition[K comparable, V any](s Stream[K, V], name string) Stream[K, V] {
	topic := &topicUse{name: name, internal: true, types: typesOf[K, V]()}
	n := s.n.topology.add("repartition", name, s.n)
	describe[K, V](n)
	n.writes, n.sink = topic, true
	n.open = func(o *opening) any {
		keys, values := o.codecs[K, V](n, s.n.keys, s.n.values)
		return writing(o, n, o.build.topic(topic), keys, values, nil)
	}
	return Stream[K, V]{n: readBack[K, V](n, topic, s.n.keys, s.n.values)}
}

// readBack adds the source node of an internal topic.
func readBack[K comparable, V any](sink *node, topic *topicUse, keys, values any) *node {
	n := sink.topology.add("repartitioned", topic.name)
	describe[K, V](n)
	n.keys, n.values, n.unkeyed = keys, values, isNone[K]()
	n.reads = topic
	n.source = func(o *opening) handler {
		k, v := o.codecs[K, V](n, keys, values)
		if n.automatic {
			k = borrowing(k)
		}
		return decoding(o, n, k, v, nil, true, downstream[K, V](o, n))
	}
	return n
}

// borrowing decodes string keys without a copy: they are parts of the fetched record. It is for keys that go straight to
// an operator of ours, which keeps a copy where it keeps any.
func borrowing[K comparable](c codec.Codec[K]) codec.Codec[K] {
	if reflect.TypeFor[K]().Kind() != reflect.String || c.Name() != codec.String.Name() {
		return c
	}
	return codec.New(c.Name(), c.Append, func(b []byte) (K, error) {
		s := unsafe.String(unsafe.SliceData(b), len(b))
		return *(*K)(unsafe.Pointer(&s)), nil // K's layout is a string's
	})
}

// combined sends partial results through the internal topic of an aggregate: each upstream task folds its
// records and sends one partial a key and round. With EveryUpdate a partial is one record's.
func combined[K comparable, V, A any](g Grouped[K, V], name string, accumulators any, a Aggregator[V, A]) *node {
	topic := &topicUse{name: name, internal: true, types: typesOf[K, A]()}
	n := g.n.topology.add("combine", name, g.n)
	describe[K, A](n)
	n.writes, n.sink, n.automatic = topic, true, true
	n.open = func(o *opening) any {
		keys, accs := o.codecs[K, A](n, g.n.keys, accumulators)
		return combining(o, n, topic, g.emit, keys, accs, a)
	}
	read := readBack[K, A](n, topic, g.n.keys, accumulators)
	read.automatic = true
	return read
}

func combining[K comparable, V, A any](o *opening, n *node, topic *topicUse, emit EmitPolicy, keys codec.Codec[K], accs codec.Codec[A], a Aggregator[V, A]) Emit[K, V] {
	op := &Op{o: o, n: n}
	limit := o.env.Combine
	if emit.everyUpdate {
		limit = 0
	}
	c := newCombiner(op, topic, limit, accs, a)
	entered, id := op.enter()
	var scratch []byte
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
		var err error
		if scratch, err = keys.Append(scratch[:0], k); err != nil {
			return op.fail(m, encodeError("key", keys.Name(), err))
		}
		return c.Add(scratch, m, v)
	}
}

// newCombiner returns the combiner of an operator.
func newCombiner[V, A any](op *Op, topic *topicUse, limit int64, accs codec.Codec[A], a Aggregator[V, A]) *engine.Combiner[V, A] {
	at := op.o.build.topic(topic)
	op.o.task.AddFeed(at, op.o.env.Partitions[at], op.heldBack())
	entered, id := op.enter()
	encode := func(dst []byte, acc A) ([]byte, error) {
		*entered = id // at the end of a round another operator was entered last
		b, err := accs.Append(dst, acc)
		if err != nil {
			err = encodeError("partial result", accs.Name(), err)
		}
		return b, err
	}
	return engine.NewCombiner(op.o.task, at, op.o.env.Partitions[at], limit, a.first, a.adding(), encode)
}
