package framework

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/internal/engine"
	"github.com/millrace/millrace/framework/state"
)

// Timers are an operator's timers, one for each key. They are kept in a store of their own, called after the operator
// (<name>-timers or <name>-clock), so that they are there after a restart. They are used on the task's goroutine only.
type Timers[K comparable] struct {
	store *state.KV[K, int64]
	cell  *K // where operators downstream look for the key that was read; nil: none does
	fire  func(m *Meta, k K) error
	op    *Op

	numbers map[K]int32
	slots   []timerSlot[K]
	unused  []int32
	due     state.Schedule
	now     []int32 // that are due at one time and have not fired, by the bytes of their keys
	at      int64   // that time
	stale   bool    // the store was restored since slots were made

	moved  func(at int64) // a timer was set, for a time that may be the earliest
	wake   func()         // the store changed
	floor  func() int64   // none is set for earlier
	firing bool
	meta   Meta
}

// timerSlot is a timer that is set.
type timerSlot[K comparable] struct {
	key     K
	encoded string
	at      int64 // engine.Never: it is not
}

// EventTimers gives the operator timers of event time. fire is called when the watermark has come to a timer's time, once, the
// earliest first, and those of one time in the order of their keys' bytes; what it emits has that time, unless it sets
// another one in m. A timer that is set for a time that has passed fires at once, with the watermark as its time.
//
// Records do not wait for timers. The watermark comes after the records that it is made of, behind a repartition topic by 100 ms
// and more, so that records which are later than a timer may be processed before it fires. What a record decides is to compare
// times, as m.Time with one that the operator stored; a timer is for what happens when nothing comes, and to forget.
//
// At the end of the input, of a bounded run, all timers fire, and those that they set: a timer that always sets itself again keeps
// the run from ending.
func (op *Op) EventTimers[K comparable](fire func(m *Meta, k K) error) *Timers[K] {
	t := newTimers(op, "timers", fire)
	entered, id := op.enter()
	task := op.o.task
	watcher := task.Watch(op.heldBack(), t.next, func(w int64, limit int) (n int, err error) {
		for n < limit && t.next() <= w && err == nil {
			*entered = id
			n++
			number := t.take()
			err = t.call(task.EventTime(), number, t.at)
		}
		return n, err
	})
	t.moved, t.floor = watcher.Scheduled, watcher.Watermark
	t.wake = func() { watcher.Scheduled(engine.NoTime) }
	return t
}

// WallTimers gives the operator timers of the wall clock: best effort, so that no result should depend on them. What fire emits
// has the watermark as its event time, where it is known, else the timer's time.
func (op *Op) WallTimers[K comparable](fire func(m *Meta, k K) error) *Timers[K] {
	if op.o.build.scratch {
		op.n.clocked = true
	}
	t := newTimers(op, "clock", fire)
	t.cell = keyCell[K](op.o, false)
	entered, id := op.enter()
	task := op.o.task
	held := op.heldBack()
	var timer *engine.Timer
	arm := func() {
		if at := t.next(); at > math.MaxInt64/int64(time.Millisecond) {
			timer.Stop() // none, or one of another age of the world
		} else {
			timer.Set(at * int64(time.Millisecond))
		}
	}
	timer = task.NewTimer(id, func(int64) (err error) {
		for now := task.Now() / int64(time.Millisecond); t.next() <= now && err == nil; {
			*entered = id
			number, time := t.take(), t.at
			if w := engine.Earlier(task.Watermark(), held); w != engine.NoTime && w != engine.EndOfInput {
				time = w
			}
			err = t.call(task.EventTime(), number, time)
		}
		arm()
		return err
	})
	t.moved, t.wake = func(int64) { arm() }, func() { timer.Set(0) }
	t.floor = func() int64 { return engine.NoTime }
	return t
}

func newTimers[K comparable](op *Op, suffix string, fire func(m *Meta, k K) error) *Timers[K] {
	op.early("timers")
	op.stateful = true
	t := &Timers[K]{fire: fire, op: op, numbers: map[K]int32{}, at: engine.Never}
	name := op.n.name + "-" + suffix
	if op.n.name == "" {
		name = suffix // the build says what is wrong
	}
	keys, values := op.o.codecs[K, int64](op.n, op.n.in[0].keys, codec.Int64)
	t.store = state.NewKV(name, keys, flushing[int64]{values, op.o.task.Enter(), int32(op.n.id)}, op.o.task.EventTime())
	types := typesOf[K, int64]()
	op.o.task.AddStore(op.o.mirror(timerStore[K]{t.store, t}, "timers, "+types+", "+keys.Name()), "timers", op.o.build.store(op.n, name, types))
	return t
}

// Set sets the timer of a key, in the place of the one that it had. It is kept to the millisecond. A time before 1970
// is taken for 1970.
func (t *Timers[K]) Set(k K, at time.Time) {
	t.restore()
	ms := max(at.UnixMilli(), 0, t.floor())
	if t.firing {
		ms = max(ms, t.at)
	}
	if ms >= last {
		panic(fmt.Errorf("a timer for %s: it is beyond all times", at.Format(time.RFC3339)))
	}
	e := t.store.Entry(k)
	e.Set(ms, ms)
	t.schedule(e.Key(), e.Encoded(), ms)
	t.moved(ms)
}

// Clear unsets the timer of a key; without one it does nothing.
func (t *Timers[K]) Clear(k K) {
	t.restore()
	if number, ok := t.numbers[k]; ok {
		t.unset(number)
		t.store.Delete(k)
	}
}

// At returns when the timer of a key fires; ok: it is set.
func (t *Timers[K]) At(k K) (at time.Time, ok bool) {
	t.restore()
	ms, ok := t.store.Get(k)
	return time.UnixMilli(ms).UTC(), ok
}

func (t *Timers[K]) schedule(k K, encoded string, at int64) {
	number, ok := t.numbers[k]
	if !ok {
		number = int32(len(t.slots))
		if n := len(t.unused); n > 0 {
			number, t.unused = t.unused[n-1], t.unused[:n-1]
		} else {
			t.slots = append(t.slots, timerSlot[K]{})
		}
		t.numbers[k] = number
	}
	if slot := &t.slots[number]; !ok || slot.at != at {
		*slot = timerSlot[K]{k, encoded, at}
		t.due.Add(at, number)
	}
}

func (t *Timers[K]) unset(number int32) {
	delete(t.numbers, t.slots[number].key)
	t.slots[number] = timerSlot[K]{at: engine.Never}
	t.unused = append(t.unused, number)
}

// next returns when a timer fires next, engine.Never: none is set.
func (t *Timers[K]) next() int64 {
	t.restore()
	t.gather()
	if len(t.now) > 0 {
		return t.at
	}
	return engine.Never
}

// gather brings together the timers of the earliest time. What was unset, or set anew, is left out. One that is set while those of its
// time fire comes after them.
func (t *Timers[K]) gather() {
	for len(t.now) > 0 && t.slots[t.now[0]].at != t.at {
		t.now = t.now[1:]
	}
	if len(t.now) > 0 && t.due.Next() >= t.at {
		return
	}
	for _, number := range t.now { // an earlier one was set
		t.due.Add(t.at, number)
	}
	for t.now = t.now[:0]; len(t.now) == 0 && t.due.Next() != engine.Never; {
		for t.at = t.due.Next(); t.due.Next() == t.at; {
			if number := t.due.Take(); t.slots[number].at == t.at {
				t.now = append(t.now, number)
			}
		}
	}
	slices.SortFunc(t.now, func(a, b int32) int { return strings.Compare(t.slots[a].encoded, t.slots[b].encoded) })
	t.now = slices.Compact(t.now) // one that was unset and set again is there twice
}

// take takes the timer that fires next.
func (t *Timers[K]) take() (number int32) {
	number = t.now[0]
	t.now = t.now[1:]
	return number
}

// call lets a timer fire. It is unset before: it may be set anew by what it calls.
func (t *Timers[K]) call(eventTime *int64, number int32, time int64) error {
	k := t.slots[number].key
	*eventTime = time
	t.unset(number)
	t.store.Delete(k)
	t.meta = Meta{Time: time, Birth: time, NoKey: isNone[K]()}
	if t.op.clock != nil {
		t.op.clock.note(&t.meta)
	}
	if t.cell != nil {
		*t.cell = k
	}
	t.firing = true
	err := t.fire(&t.meta, k)
	t.firing = false
	return err
}

// restore schedules what came back from the changelog.
func (t *Timers[K]) restore() {
	if !t.stale {
		return
	}
	t.stale = false
	for k, at := range t.store.All() {
		t.schedule(k, t.store.Entry(k).Encoded(), at)
	}
}

// timerStore is the store as the task restores it.
type timerStore[K comparable] struct {
	*state.KV[K, int64]
	timers *Timers[K]
}

// Restore applies a changelog record.
func (s timerStore[K]) Restore(key, value []byte, time int64) error {
	if !s.timers.stale {
		s.timers.stale = true
		s.timers.wake()
	}
	return s.KV.Restore(key, value, time)
}

// Watermark returns how far event time has come for the operator: records that are older are late. It is not known before
// each source partition behind the operator has had a record.
func (op *Op) Watermark() (at time.Time, known bool) {
	w := engine.Earlier(op.o.task.Watermark(), op.heldBack())
	if w == engine.NoTime {
		return time.Time{}, false
	}
	return time.UnixMilli(w).UTC(), true
}
