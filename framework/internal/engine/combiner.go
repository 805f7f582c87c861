package engine

import (
	"unsafe"

	"github.com/millrace/millrace/framework/connector"
)

// bypassAfter is the number of records after which a combiner that does not pay is bypassed (ENGINE C6).
const bypassAfter = 64 << 10

// Combiner folds what an upstream task makes between two flushes to one partial result a key, before it goes through a
// repartition topic. It is empty at each commit, so it needs no changelog (ENGINE C1).
type Combiner[V, A any] struct {
	first  func() A
	add    func(A, V) A
	encode func(dst []byte, acc A) ([]byte, error)
	task   *Task
	topic  int32
	parts  int32 // partitions of the repartition topic
	limit  int64 // bytes over which it is emptied

	index    map[string]int32 // keys lie in the round's arena
	partials []partial[A]
	bytes    int64
	in, out  int64 // records taken, partials sent, until the decision on bypassing
	bypassed bool
}

type partial[A any] struct {
	key   []byte
	acc   A
	time  int64 // highest event time in it (ENGINE C3)
	count int64 // records in it
}

// NewCombiner returns a combiner that writes to a topic of parts partitions and is emptied when it holds more than
// limit bytes; limit 0 sends each record as a partial of its own. It registers its own flush.
func NewCombiner[V, A any](t *Task, topic, parts int32, limit int64, first func() A, add func(A, V) A, encode func([]byte, A) ([]byte, error)) *Combiner[V, A] {
	c := &Combiner[V, A]{
		first: first, add: add, encode: encode, task: t, topic: topic, parts: parts, limit: limit,
		index: map[string]int32{}, bypassed: limit == 0,
	}
	t.OnFlush(c.Empty)
	return c
}

// Add takes a record with the encoded key, which it copies if it keeps it.
func (c *Combiner[V, A]) Add(key []byte, v V, time int64) error {
	if c.bypassed {
		return c.send(partial[A]{key: c.task.arena.Copy(key), acc: c.add(c.first(), v), time: time, count: 1})
	}
	c.in++
	if at, ok := c.index[string(key)]; ok {
		p := &c.partials[at]
		p.acc, p.time, p.count = c.add(p.acc, v), max(p.time, time), p.count+1
		return nil
	}
	own := c.task.arena.Copy(key)
	c.index[unsafe.String(unsafe.SliceData(own), len(own))] = int32(len(c.partials))
	c.partials = append(c.partials, partial[A]{key: own, acc: c.add(c.first(), v), time: time, count: 1})
	c.bytes += int64(len(own)) + int64(unsafe.Sizeof(partial[A]{})) + 32
	if c.bytes > c.limit {
		return c.Empty()
	}
	return nil
}

// Empty sends all partials, in the order in which their keys came.
func (c *Combiner[V, A]) Empty() error {
	for i := range c.partials {
		if err := c.send(c.partials[i]); err != nil {
			return err
		}
	}
	c.out += int64(len(c.partials))
	clear(c.partials)
	clear(c.index)
	c.partials, c.bytes = c.partials[:0], 0
	if c.in >= bypassAfter {
		c.bypassed = c.out > c.in/2
		c.in, c.out = 0, 0
	}
	return nil
}

// Bypassed says whether the combiner gave up, as its partials were nearly as many as its records.
func (c *Combiner[V, A]) Bypassed() bool { return c.bypassed }

func (c *Combiner[V, A]) send(p partial[A]) error {
	value, err := c.encode(c.task.arena.Begin(), p.acc)
	if err != nil {
		return err
	}
	c.task.Emit(connector.Out{
		Topic: c.topic, Partition: PartitionOf(p.key, c.parts), Time: p.time,
		Key: p.key, Value: c.task.arena.End(value),
	})
	return nil
}
