package framework

import (
	"errors"
	"fmt"

	"github.com/millrace/millrace/framework/internal/engine"
)

// Loop feeds records back: in is the stream with all that is written to again, by To, beside what comes from s. At most
// bound records wait to be fed back; the task hands them on, oldest first, before it takes another record from outside,
// so that no call leads into itself. What feeds back more than the bound, or never comes to rest, is an error that names
// the loop. A RateLimit in the loop gives it rests.
//
// A tombstone is not fed back: it is counted as dropped there. A loop lies within one task: keys must not change on the way, and no Buffer is in it. What waits in a loop keeps the
// offset of the record that it was made of from being committed. An in-memory Emit waits for what waits in a loop, but not for
// what a RateLimit in the loop keeps: an error behind that stops the application. While it keeps a record nothing is taken
// from outside, so that a loop without end takes one record; to go round with several, emit them as one slice and FlatMap it
// behind the loop's head.
func (s Stream[K, V]) Loop(name string, bound int) (in Stream[K, V], again Topic[K, V]) {
	t := s.n.topology
	n := t.add("loop", name, s.n)
	describe[K, V](n)
	n.keys, n.values, n.unkeyed, n.rekeyed, n.unchecked = s.n.keys, s.n.values, s.n.unkeyed, s.n.rekeyed, s.n.unchecked
	if name == "" || bound < 1 {
		t.fault(fmt.Errorf("%s (after [%s]): a loop needs a name and a bound of at least 1 record, not %q and %d", n, s.n, name, bound))
	}
	n.loop = &loopUse{head: n}
	n.loop.bound = bound
	n.open = func(o *opening) any {
		l, next := o.loop(n.loop), downstream[K, V](o, n)
		l.next = passing(o, next)
		o.task.AddLoop(l)
		return next
	}
	return Stream[K, V]{n: n}, Topic[K, V]{name: name, loop: n.loop}
}

// loopUse is a loop of the graph.
type loopUse struct {
	head  *node
	ends  []*node // that write to it
	bound int
}

// feedBack adds the end of a loop.
func feedBack[K comparable, V any](s Stream[K, V], loop *loopUse) {
	n := s.n.topology.add("feed-back", loop.head.name, s.n)
	describe[K, V](n)
	n.sink, n.loop = true, loop
	loop.ends = append(loop.ends, n)
	if s.n.rekeyed && !loop.head.rekeyed {
		n.topology.fault(fmt.Errorf("%s: the key changed in the loop: records of one key come together only through a topic; write to one, and read it", n))
	}
	n.open = func(o *opening) any {
		l, op := o.loop(loop), &Op{o: o, n: n}
		entered, id := op.enter()
		return Emit[K, V](func(m *Meta, k K, v V) error {
			if m.Deleted { // no function on the way sees it, so that nothing would end its rounds
				op.drop(dropNullValue)
				return nil
			}
			*entered = id
			if l.overflows() {
				return op.fail(m, fmt.Errorf("the loop does not converge: more than %d records wait to be fed back; raise the bound of the loop, or feed back fewer", loop.bound))
			}
			l.put(m, l.next.(func(K, V) func(*Meta) error)(k, v))
			return nil
		})
	}
}

// loop returns the queue of a loop in the task. Whichever of its ends opens first makes it.
func (o *opening) loop(use *loopUse) *loopQueue {
	l, ok := o.loops[use]
	if !ok {
		l = &loopQueue{task: o.task, name: use.head.String(), bound: use.bound}
		o.loops[use] = l
	}
	return l
}

// loopQueue is the records that wait to be fed back, oldest first (engine.Loop).
type loopQueue struct {
	task  *engine.Task
	name  string
	bound int
	next  any // func(K, V) func(*Meta) error: makes what hands a record on behind the head of the loop
	queue []heldBack
	over  bool // more came than the bound allows: what waits is given up with the one that was too many
}

func (l *loopQueue) put(m *Meta, pass func(m *Meta) error) {
	b := keep(l.task, m, pass)
	b.fed = true
	l.queue = append(l.queue, b)
}

// overflows says that no more may come.
func (l *loopQueue) overflows() bool {
	if len(l.queue) < l.bound {
		return false
	}
	l.over = true
	return true
}

func (l *loopQueue) Name() string { return l.name }
func (l *loopQueue) Len() int     { return len(l.queue) }

func (l *loopQueue) Next() error {
	first := l.queue[0]
	l.queue[0] = heldBack{}
	l.queue = l.queue[1:]
	first.hand()
	if l.over {
		l.over = false
		l.Discard(nil)
	}
	return nil
}

func (l *loopQueue) Discard(err error) {
	for _, b := range l.queue {
		b.hold.Release(err)
	}
	l.queue = nil
}

// checkLoops: something is fed back, in the task that the loop is in.
func (b *build) checkLoops() {
	for _, n := range b.topology.nodes {
		if n.loop == nil || n.loop.head != n {
			continue
		}
		if len(n.loop.ends) == 0 {
			b.fault("%s: nothing is fed back: end a stream behind it with To(again)", n)
		}
	}
}

var errLoopRead = errors.New("it is the end of a loop: what is written to it comes back in the stream that Loop returned")
