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
		b := newBuffer(o.task, n)
		behind := o.behind(b.stage.Task)
		next := downstream[K, V](behind, out.n)
		cell, read := keyCell[K](behind, false), (*K)(nil)
		if cell != nil {
			read = keyCell[K](o, true)
		}
		return Emit[K, V](func(m *Meta, k K, v V) error {
			pass := func(m *Meta) error { return next(m, k, v) }
			if cell != nil {
				was := *read
				pass = func(m *Meta) error {
					*cell = was
					return next(m, k, v)
				}
			}
			b.put(m, pass)
			return nil
		})
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

// buffer is the queue between a task and what is behind it. put is called in front, process behind.
type buffer struct {
	stage      *engine.Stage
	task       *engine.Task
	room       int
	rendezvous bool

	told  int64        // watermark that was put into the queue last
	count atomic.Int32 // records in the queue, the one in process included
	mu    sync.Mutex   // guards queue
	queue []*buffered
}

// buffered is a record in the queue; without pass it is a mark of the watermark.
type buffered struct {
	m       Meta
	reached int64 // watermark in front
	pass    func(m *Meta) error
	receipt bool // the emitter waits
}

func newBuffer(task *engine.Task, n int) *buffer {
	b := &buffer{stage: task.AddStage(), task: task, room: max(n, 1), rendezvous: n == 0}
	b.stage.Next = b.process
	b.told = engine.NoTime
	task.AddGate(b.full)
	task.OnFlush(b.mark)
	return b
}

func (b *buffer) full() bool { return int(b.count.Load()) >= b.room }

func (b *buffer) put(m *Meta, pass func(m *Meta) error) {
	item := &buffered{m: owned(m), pass: pass, reached: b.task.Watermark()}
	var hold engine.Hold // an emitter that does not wait needs none: what it emitted is not read again
	if item.receipt = b.rendezvous && m.Receipt(); item.receipt || !m.Receipt() {
		hold = b.task.HoldOffset(m)
	}
	b.count.Add(1)
	b.add(item, hold)
}

// mark puts the watermark into the queue at the end of a round, behind the records that it is for.
func (b *buffer) mark() error {
	if w := b.task.Watermark(); w > b.told {
		b.told = w
		b.add(&buffered{reached: w}, b.task.HoldNothing())
	}
	return nil
}

func (b *buffer) add(item *buffered, hold engine.Hold) {
	b.mu.Lock()
	b.queue = append(b.queue, item)
	b.mu.Unlock()
	b.stage.Put(hold)
}

// process takes the queue's first record through the stage.
func (b *buffer) process() bool {
	b.mu.Lock()
	if len(b.queue) == 0 {
		b.mu.Unlock()
		return false
	}
	first := b.queue[0]
	b.queue[0], b.queue = nil, b.queue[1:]
	b.mu.Unlock()
	if first.pass == nil {
		b.stage.Reached(first.reached)
		return true
	}
	b.stage.Given(first.reached)
	b.stage.Take(&first.m, first.receipt, first.pass)
	if left := b.count.Add(-1); int(left)+1 >= b.room && b.stage.Freed != nil {
		b.stage.Freed()
	}
	return true
}
