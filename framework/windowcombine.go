package framework

import (
	"encoding/binary"
	"fmt"

	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

// combinedWindows sends partial results through the internal topic of a windowed aggregate: each upstream task folds its records
// and sends one partial a key and window, or pane, and round. Windows are assigned, and late records refused, before. A record
// of the topic is
//
//	key    the key's bytes, the window's start (8 bytes, big endian) and its end, or the pane's part (8)
//	value  how many records are in it (uvarint), the accumulator
func combinedWindows[K comparable, V, A any](w Windowed[K, V], gate *node, name string, accumulators any, a Aggregator[V, A], panes bool) *node {
	topic := &topicUse{name: name, internal: true, types: typesOf[K, A]()}
	n := gate.topology.add("combine", name, gate)
	describe[K, A](n)
	n.writes, n.sink, n.automatic = topic, true, true
	spec := w.spec
	n.open = func(o *opening) any {
		keys, accs := o.codecs[K, A](n, gate.keys, accumulators)
		op := &Op{o: o, n: n}
		c := newCombiner(op, topic, o.env.Combine, accs, a)
		c.Counts = true
		return windowCombining(op, c, spec, panes, keys)
	}
	read := gate.topology.add("repartitioned", name)
	describe[K, A](read)
	read.keys, read.values, read.automatic, read.reads = gate.keys, accumulators, true, topic
	read.source = func(o *opening) handler {
		keys, accs := o.codecs[K, A](read, gate.keys, accumulators)
		next := downstream[K, A](o, read)
		return partialWindows(&Op{o: o, n: read}, borrowing(keys), accs, o.counts[read.id], next)
	}
	return read
}

// windowSuffix is the length of what follows the key in a key of such a topic.
const windowSuffix = 16

// windowCombining returns the Emit that puts records into windows and folds them.
func windowCombining[K comparable, V, A any](op *Op, c *engine.Combiner[V, A], spec windowSpec, panes bool, keys codec.Codec[K]) Emit[K, V] {
	entered, id := op.enter()
	pane := int64(0)
	if panes {
		pane = spec.pane()
	}
	one := &windowCombination[V, A]{c: c, spec: spec}
	into := one.into
	return func(m *Meta, k K, v V) (err error) {
		*entered = id
		if one.key, err = keys.Append(one.key[:0], k); err != nil {
			return op.fail(m, encodeError("key", keys.Name(), err))
		}
		one.m, one.v, one.inner = m, v, len(one.key)
		if panes {
			if start, seq, taken := spec.paneOf(m, pane); taken {
				return one.add(start, seq)
			}
			return nil // the gate refused it
		}
		n, err := spec.each(m.Time, into)
		if n == 0 && err == nil {
			op.drop(dropNoWindow)
		}
		if err != nil {
			return op.fail(m, err)
		}
		return nil
	}
}

// windowCombination is a record on its way into partial results.
type windowCombination[V, A any] struct {
	c     *engine.Combiner[V, A]
	spec  windowSpec
	m     *Meta
	v     V
	key   []byte
	inner int // of key's bytes are the key
}

func (o *windowCombination[V, A]) into(start, end int64) error {
	if o.m.Birth > o.m.Time && !o.spec.takes(end, o.m.Birth) {
		return nil // the gate refused it
	}
	return o.add(start, end)
}

func (o *windowCombination[V, A]) add(start, end int64) error {
	o.key = binary.BigEndian.AppendUint64(o.key[:o.inner], uint64(start))
	o.key = binary.BigEndian.AppendUint64(o.key, uint64(end))
	return o.c.AddTo(o.key, o.inner, o.m, o.v)
}

// partialWindows returns what decodes partial results.
func partialWindows[K comparable, A any](op *Op, keys codec.Codec[K], accs codec.Codec[A], records *int64, next Emit[K, A]) handler {
	entered, id := op.enter()
	return func(m *Meta, r *connector.Record) error {
		*entered = id
		inner := len(r.Key) - windowSuffix
		count, n := binary.Uvarint(r.Value)
		if inner < 0 || n <= 0 {
			return op.fail(m, fmt.Errorf("%w: it is no partial result of a window: some other program writes to the topic", ErrUndecodable))
		}
		k, err := keys.Decode(r.Key[:inner:inner])
		if err != nil {
			return op.fail(m, fmt.Errorf("%w: its key is no %s: %w", ErrUndecodable, keys.Name(), err))
		}
		acc, err := accs.Decode(r.Value[n:])
		if err != nil {
			return op.fail(m, fmt.Errorf("%w: its value is no %s: %w", ErrUndecodable, accs.Name(), err))
		}
		m.Win = engine.NewWindow(int64(binary.BigEndian.Uint64(r.Key[inner:])), int64(binary.BigEndian.Uint64(r.Key[inner+8:])))
		*records = int64(count)
		return next(m, k, acc)
	}
}
