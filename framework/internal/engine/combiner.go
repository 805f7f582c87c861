package engine

import (
	"encoding/binary"
	"unsafe"

	"github.com/millrace/millrace/framework/connector"
)

// bypassAfter is the number of records after which a combiner that does not pay is bypassed.
const bypassAfter = 64 << 10

// Combiner folds what an upstream task makes between two flushes to one partial result a key, before it goes through a
// repartition topic. It is empty at each commit, so it needs no changelog.
type Combiner[V, A any] struct {
	first  func() A
	add    func(A, *Meta, V) A
	encode func(dst []byte, acc A) ([]byte, error)
	task   *Task
	topic  int32
	parts  int32 // partitions of the repartition topic
	limit  int64 // bytes over which it is emptied
	Counts bool  // partials say how many records are in them

	index    map[string]int32 // of the keys met since the last forget; their bytes are never changed
	partials []partial[A]     // one a key, most of them empty
	filled   []int32          // partials with something in them, in the order in which their keys came
	bytes    int64            // of index and partials
	in, out  int64            // records taken, partials sent, until the decision on bypassing
	bypassed bool
}

type partial[A any] struct {
	key   []byte
	inner int // of its bytes decide on the partition
	acc   A
	time  int64 // highest event time in it
	count int64 // records in it; 0: empty
}

// NewCombiner returns a combiner that writes to a topic of parts partitions and is emptied when it holds more than
// limit bytes; limit 0 sends each record as a partial of its own. It registers its own flush.
func NewCombiner[V, A any](t *Task, topic, parts int32, limit int64, first func() A, add func(A, *Meta, V) A, encode func([]byte, A) ([]byte, error)) *Combiner[V, A] {
	c := &Combiner[V, A]{
		first: first, add: add, encode: encode, task: t, topic: topic, parts: parts, limit: limit,
		index: map[string]int32{}, bypassed: limit == 0,
	}
	t.OnFlush(c.Empty)
	return c
}

// Add takes a record with the encoded key, which it copies if it keeps it.
func (c *Combiner[V, A]) Add(key []byte, m *Meta, v V) error { return c.AddTo(key, len(key), m, v) }

// AddTo is Add where only the first inner bytes of the key decide on the partition: a window is behind it.
func (c *Combiner[V, A]) AddTo(key []byte, inner int, m *Meta, v V) error {
	if c.bypassed {
		return c.send(&partial[A]{key: c.task.arena.Copy(key), inner: inner, acc: c.add(c.first(), m, v), time: m.Time, count: 1})
	}
	c.in++
	at, ok := c.index[string(key)]
	if !ok {
		at = c.remember(key, inner)
	}
	p := &c.partials[at]
	if p.count == 0 {
		p.acc, p.time = c.first(), m.Time
		c.filled = append(c.filled, at)
	}
	p.acc, p.time, p.count = c.add(p.acc, m, v), max(p.time, m.Time), p.count+1
	if c.bytes > c.limit {
		return c.Empty()
	}
	return nil
}

// remember makes the partial of a key. Keys are kept from round to round, since most of them come again.
func (c *Combiner[V, A]) remember(key []byte, inner int) int32 {
	own := string(key)
	at := int32(len(c.partials))
	c.index[own] = at
	c.partials = append(c.partials, partial[A]{key: unsafe.Slice(unsafe.StringData(own), len(own)), inner: inner})
	c.bytes += int64(len(own)) + int64(unsafe.Sizeof(partial[A]{})) + 40
	return at
}

// Empty sends all partials, in the order in which their keys came.
func (c *Combiner[V, A]) Empty() error {
	var none A
	for _, at := range c.filled {
		p := &c.partials[at]
		if err := c.send(p); err != nil {
			return err
		}
		p.acc, p.count = none, 0
	}
	c.out += int64(len(c.filled))
	c.filled = c.filled[:0]
	if c.bytes > c.limit {
		c.forget()
	}
	if c.in >= bypassAfter {
		if c.bypassed = c.out > c.in/2; c.bypassed {
			c.forget()
		}
		c.in, c.out = 0, 0
	}
	return nil
}

// forget drops the remembered keys. Records under way may still hold their bytes.
func (c *Combiner[V, A]) forget() {
	clear(c.index)
	clear(c.partials)
	c.partials, c.bytes = c.partials[:0], 0
}

// Bypassed says whether the combiner gave up, as its partials were nearly as many as its records.
func (c *Combiner[V, A]) Bypassed() bool { return c.bypassed }

func (c *Combiner[V, A]) send(p *partial[A]) error {
	dst := c.task.arena.Begin()
	if c.Counts {
		dst = binary.AppendUvarint(dst, uint64(p.count))
	}
	value, err := c.encode(dst, p.acc)
	if err != nil {
		return err
	}
	c.task.Emit(connector.Out{
		Topic: c.topic, Partition: PartitionOf(p.key[:p.inner], c.parts), Time: p.time,
		Key: p.key, Value: c.task.arena.End(value),
	})
	return nil
}
