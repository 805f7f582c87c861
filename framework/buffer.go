package framework

import (
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/millrace/millrace/framework/internal/engine"
)

// Buffer lets n records in and then holds the source until one of them is done with. What is behind it runs on a goroutine
// of its own, in order, so that a slow sink and what is before it overlap. Buffer(0) lets a record in only when the one
// before is done: with one before each of two sinks, the two run side by side.
//
// Offsets are held until a record is done with behind the buffer: nothing is lost by a crash. A stop and a rebalance wait
// for the buffer to be empty. Into an in-memory Input Emit returns when the record is in the buffer, with n = 0 when
// it is done with; an error behind a buffer that the emitter did not wait for stops the application.
//
// Streams from behind and from beside a buffer do not meet again (Merge, CombineLatest): Build refuses it.
func (s Stream[K, V]) Buffer(n int) Stream[K, V] {
	if n < 0 {
		s.n.topology.fault(fmt.Errorf("buffer (after [%s]): room for %d records: 0 or more", s.n, n))
		n = 0
	}
	out := apply(s, "buffer", "", func(*Op, Emit[K, V]) Emit[K, V] { return nil })
	out.n.values = s.n.values
	out.n.open = func(o *opening) any {
		stage := o.task.AddStage()
		behind := o.behind(stage.Task)
		b := &buffer[K, V]{stage: stage, task: o.task, room: max(n, 1), rendezvous: n == 0, next: downstream[K, V](behind, out.n)}
		if b.cell = keyCell[K](behind, false); b.cell != nil {
			b.read = keyCell[K](o, true)
		}
		b.handle = b.handOn
		stage.Next = b.process
		o.task.AddGate(b.full)
		return Emit[K, V](b.take)
	}
	return out
}

// meets notes the fault that a node is behind a buffer and beside it.
func (b *build) meets(n *node) {
	if id := n.String() + " meets"; !b.said[id] {
		b.said[id] = true
		b.fault("%s: it is behind a Buffer and beside it, on two goroutines: put the Buffer behind it, or a topic between (Through)", n)
	}
}

// buffer is the queue between a task and what is behind it. take is called in front, process behind.
type buffer[K comparable, V any] struct {
	stage      *engine.Stage
	task       *engine.Task
	next       Emit[K, V]
	room       int
	rendezvous bool
	read, cell *K // where the key that was read is noted, in front and behind
	handle     func(m *Meta) error
	now        *buffered[K, V] // in process

	count atomic.Int32 // records in the queue, the one in process included
	mu    sync.Mutex   // guards queue
	queue []*buffered[K, V]
}

type buffered[K comparable, V any] struct {
	m       Meta
	k       K
	v       V
	read    K
	receipt bool // the emitter waits
}

func (b *buffer[K, V]) full() bool { return int(b.count.Load()) >= b.room }

func (b *buffer[K, V]) take(m *Meta, k K, v V) error {
	item := &buffered[K, V]{m: owned(m), k: k, v: v}
	var hold engine.Hold // an emitter that does not wait needs none: what it emitted is not read again
	if item.receipt = b.rendezvous && m.Receipt(); item.receipt || !m.Receipt() {
		hold = b.task.Hold(m)
	}
	if b.read != nil {
		item.read = *b.read
	}
	b.count.Add(1)
	b.mu.Lock()
	b.queue = append(b.queue, item)
	b.mu.Unlock()
	b.stage.Put(hold)
	return nil
}

// process takes the queue's first record through the stage.
func (b *buffer[K, V]) process() bool {
	b.mu.Lock()
	if len(b.queue) == 0 {
		b.mu.Unlock()
		return false
	}
	b.now, b.queue = b.queue[0], b.queue[1:]
	b.mu.Unlock()
	b.stage.Take(&b.now.m, b.now.receipt, b.handle)
	b.now = nil
	if left := b.count.Add(-1); int(left)+1 >= b.room && b.stage.Freed != nil {
		b.stage.Freed()
	}
	return true
}

func (b *buffer[K, V]) handOn(m *Meta) error {
	if b.cell != nil {
		*b.cell = b.now.read
	}
	return b.next(m, b.now.k, b.now.v)
}
