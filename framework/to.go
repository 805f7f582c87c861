package framework

import (
	"fmt"

	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

// To writes the stream to a topic: key, value, time and headers. A record is put into the partition that Kafka's default
// partitioner chooses for its key; without a key, into one that belongs to the task; Topic.PartitionBy chooses another
// one. A tombstone is written as null.
func (s Stream[K, V]) To(topic Topic[K, V]) { to(s, topic) }

// Through writes the stream to a topic of the user's own and reads it back: as To, then From.
func (s Stream[K, V]) Through(topic Topic[K, V]) Stream[K, V] {
	to(s, topic)
	return Stream[K, V]{n: source(s.n.topology, topic, false)}
}

func to[K comparable, V any](s Stream[K, V], topic Topic[K, V]) {
	if topic.loop != nil {
		feedBack(s, topic.loop)
		return
	}
	n := s.n.topology.add("sink", topic.name, s.n)
	describe[K, V](n)
	n.sink = true
	n.writes = &topicUse{name: topic.name, spec: topic.spec, factory: topic.factory, types: typesOf[K, V](), uncoded: topic.keys == nil || topic.values == nil}
	n.open = func(o *opening) any {
		return writing(o, n, o.build.topic(n.writes), topic.keys, topic.values, topic.place)
	}
}

// writing returns the Emit that encodes records for a topic.
func writing[K comparable, V any](o *opening, n *node, topic int32, keys codec.Codec[K], values codec.Codec[V], place func(K, V, int) int) Emit[K, V] {
	op := &Op{o: o, n: n}
	entered, id := op.enter()
	task, partitions := o.task, o.env.Partitions[topic]
	unkeyed := unkeyedPartition(o, partitions)
	inner := innerKey(keys)
	var carried *carrier
	if n.writes.internal {
		task.AddFeed(topic, partitions, op.heldBack())
		carried = &carrier{}
	}
	return func(m *Meta, k K, v V) error {
		*entered = id
		arena := task.Arena()
		out := connector.Out{Topic: topic, Time: m.Time}
		if m.NoKey {
			out.Partition = *unkeyed
		} else {
			b, err := keys.Append(arena.Begin(), k)
			if err != nil {
				return op.fail(m, encodeError("key", keys.Name(), err))
			}
			out.Key = arena.End(b)
			decides := out.Key
			if inner != nil {
				decides = inner(out.Key)
			}
			out.Partition = engine.PartitionOf(decides, partitions)
		}
		if place != nil {
			p := place(k, v, int(partitions))
			if p < 0 || p >= int(partitions) {
				return op.fail(m, fmt.Errorf("partition %d of topic %s was chosen by PartitionBy, which has partitions 0 to %d", p, n.writes.name, partitions-1))
			}
			out.Partition = int32(p)
		}
		if !m.Deleted {
			b, err := values.Append(arena.Begin(), v)
			if err != nil {
				return op.fail(m, encodeError("value", values.Name(), err))
			}
			out.Value = arena.End(b)
		}
		if len(m.Headers) > 0 {
			var err error
			if out.Headers, err = copyHeaders(arena, m.Headers); err != nil {
				return op.fail(m, err)
			}
		}
		if carried != nil {
			out.Headers = carried.add(arena, m, out.Headers)
		}
		task.Emit(out)
		return nil
	}
}

// carrier adds to records of a repartition topic what they carry beside headers of users'.
type carrier struct{ headers []Header } // room for some

func (c *carrier) add(arena *engine.Arena, m *Meta, headers []Header) []Header {
	b, ok := engine.AppendCarried(arena.Begin(), m)
	if !ok {
		return headers
	}
	h := Header{Key: engine.ReservedHeader, Value: arena.End(b)}
	if headers != nil {
		return append(headers, h)
	}
	if len(c.headers) == cap(c.headers) {
		c.headers = make([]Header, 0, 64)
	}
	n := len(c.headers)
	c.headers = append(c.headers, h)
	return c.headers[n : n+1 : n+1]
}

// unkeyedPartition returns the partition for records without key. Each task has its own, those congruent to its number,
// and takes one after the other from round to round: batches stay large, and tasks do not mix.
func unkeyedPartition(o *opening, partitions int32) *int32 {
	own := o.env.Partition % partitions
	at := own
	if o.env.Tasks < partitions {
		o.task.OnFlush(func() error {
			if at += o.env.Tasks; at >= partitions {
				at = own
			}
			return nil
		})
	}
	return &at
}

// copyHeaders copies headers, whose memory is the fetched record's.
func copyHeaders(arena *engine.Arena, headers []Header) ([]Header, error) {
	out := make([]Header, len(headers))
	for i, h := range headers {
		if h.Key == engine.ReservedHeader {
			return nil, engine.ErrReservedHeader
		}
		out[i] = Header{Key: h.Key}
		if h.Value != nil {
			out[i].Value = arena.Copy(h.Value)
		}
	}
	return out, nil
}

func encodeError(what, codec string, err error) error {
	return fmt.Errorf("encode the %s as %s: %w", what, codec, err)
}
