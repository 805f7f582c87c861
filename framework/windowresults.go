package framework

import (
	"math"

	"github.com/millrace/millrace/framework/internal/engine"
	"github.com/millrace/millrace/framework/state"
)

// results is what all aggregates over event-time windows have in common: the store, when windows are due, and how their results
// are handed on.
type results[K comparable, A any] struct {
	op      *Op
	entered *int32
	id      int32
	spec    windowSpec
	emit    EmitPolicy
	store   *state.Windows[K, A]
	watcher *engine.Watcher
	next    Emit[K, A]
	scratch Meta
	kept    func(k K) error // nil: nothing before can have changed the key

	// due hands on one window, or what the schedule's number stands for, that is due at a time; n is how many results.
	due func(at int64, number int32) (n int, err error)
	// changes hands on what changed since it was handed on, at most limit windows.
	changes func(limit int) (n int, err error)
	earlyAt int64 // when early results are due
	records int64 // in the partial result that is being folded
	tombs   []tomb[K]
}

// tomb is a session that was handed on and was taken in by another one.
type tomb[K comparable] struct {
	key  K
	win  Window
	time int64
}

func newResults[K comparable, A any](op *Op, spec windowSpec, emit EmitPolicy, keys, values any, panes bool, next Emit[K, A]) *results[K, A] {
	layout, size := state.Fixed, spec.size
	switch {
	case panes:
		size = spec.pane()
	case spec.kind == bySliding:
		size = 0
	case spec.kind != byAligned:
		layout = state.Free
	}
	r := &results[K, A]{op: op, spec: spec, emit: emit, next: next, store: openWindows[K, A](op, layout, size, keys, values), earlyAt: engine.Never}
	r.entered, r.id = op.enter()
	r.kept = keptKey[K](op)
	r.changes = func(limit int) (int, error) { return r.store.Changed(limit, r.update) }
	r.watcher = op.o.task.Watch(op.heldBack(), r.nextDue, r.reach)
	r.store.Tracks = !emit.everyUpdate && (!emit.onClose || emit.early > 0)
	if !emit.everyUpdate && !emit.onClose {
		op.OnCommit(r.commit)
	}
	return r
}

func (r *results[K, A]) nextDue() int64 { return min(r.store.Due.Next(), r.earlyAt) }

// schedule says when a number is due.
func (r *results[K, A]) schedule(at int64, number int32) {
	r.store.Due.Add(at, number)
	r.watcher.Scheduled(at)
}

// reach hands on what is due at a watermark.
func (r *results[K, A]) reach(w int64, limit int) (n int, err error) {
	*r.entered = r.id
	closed := int64(engine.NoTime)
	for n < limit && r.store.Due.Next() <= w && r.store.Due.Next() <= r.earlyAt {
		closed = r.store.Due.Next()
		more, err := r.due(closed, r.store.Due.Take())
		if err != nil {
			return n, err
		}
		n += max(more, 1)
	}
	if r.earlyAt <= w && n < limit && r.earlyAt < r.store.Due.Next() {
		more, err := r.changes(limit - n)
		n += more
		if err != nil {
			return n, err
		}
		if n < limit {
			r.earlyAt = engine.Never
		}
	}
	switch {
	case r.store.Due.Next() <= w:
		if closed > engine.NoTime {
			r.store.Close(closed - 1) // some of that time are left
		}
	case w == engine.EndOfInput: // it is no time
		r.store.Close(closed)
	default:
		r.store.Close(w)
	}
	return n, nil
}

// shut says that what closes at a time is closed, and counts a record that is for it: it was not late, so that it was read again
// after a crash, or its source was taken for idle.
func (r *results[K, A]) shut(closes int64) bool {
	if closes > max(r.store.Closed(), r.watcher.Watermark()) {
		return false
	}
	r.drop()
	return true
}

func (r *results[K, A]) drop() {
	reason := engine.DropReplayed
	if r.op.o.build.idles() {
		reason = engine.DropLateIdle
	}
	for range max(r.records, 1) {
		r.op.drop(reason)
	}
}

// changed hands a window on that changed, if results are wanted at each update; else later.
func (r *results[K, A]) changed(m *Meta, place int32) error {
	if r.emit.everyUpdate {
		return r.hand(m, place)
	}
	r.wantEarly(m.Time)
	return nil
}

// wantEarly sets when early results are due.
func (r *results[K, A]) wantEarly(at int64) {
	if r.emit.early == 0 || r.earlyAt != engine.Never {
		return
	}
	every := r.emit.early.Milliseconds()
	if w := r.watcher.Watermark(); w != engine.NoTime {
		at = w
	}
	r.earlyAt = engine.Later(floor(at, every), every)
	r.watcher.Scheduled(r.earlyAt)
}

// commit hands on what changed in the round.
func (r *results[K, A]) commit() error {
	for i := range r.tombs {
		if err := r.bury(&r.tombs[i]); err != nil {
			return err
		}
	}
	clear(r.tombs)
	r.tombs = r.tombs[:0]
	_, err := r.changes(math.MaxInt)
	return err
}

// update hands a window on as it is now, at the highest event time in it.
func (r *results[K, A]) update(place int32) error {
	r.scratch = Meta{}
	return r.hand(&r.scratch, place)
}

func (r *results[K, A]) hand(m *Meta, place int32) error {
	start, end, time := r.store.Bounds(place)
	r.store.Send(place)
	r.scratch = *m
	return r.give(r.store.KeyOf(r.store.Key(place)), start, end, time, r.store.Value(place))
}

// give hands a result on, with what scratch has.
func (r *results[K, A]) give(k K, start, end, time int64, a A) error {
	r.scratch.Time, r.scratch.Birth, r.scratch.Win = time, time, engine.NewWindow(start, end)
	return r.next(&r.scratch, k, a)
}

// final hands on a result that nothing changes any more.
func (r *results[K, A]) final(k K, start, end int64, a A) error {
	r.scratch = Meta{}
	return r.give(k, start, end, r.spec.finalTime(end), a)
}

// close hands a window's last result on and removes it.
func (r *results[K, A]) close(place int32) (err error) {
	switch {
	case r.emit.onClose:
		start, end, _ := r.store.Bounds(place)
		err = r.final(r.store.KeyOf(r.store.Key(place)), start, end, r.store.Value(place))
	case r.store.Fresh(place):
		err = r.update(place)
	}
	if err == nil {
		r.store.Drop(place, true)
	}
	return err
}

// retract says downstream that a window which was handed on is no more.
func (r *results[K, A]) retract(m *Meta, place int32) error {
	if !r.store.Sent(place) || r.emit.onClose && r.emit.early == 0 {
		return nil
	}
	start, end, time := r.store.Bounds(place)
	t := tomb[K]{r.store.KeyOf(r.store.Key(place)), engine.NewWindow(start, end), time}
	if !r.emit.everyUpdate {
		r.tombs = append(r.tombs, t)
		return nil
	}
	r.scratch = *m
	return r.deleted(&t)
}

func (r *results[K, A]) bury(t *tomb[K]) error {
	r.scratch = Meta{}
	return r.deleted(t)
}

func (r *results[K, A]) deleted(t *tomb[K]) error {
	var none A
	r.scratch.Time, r.scratch.Birth, r.scratch.Win, r.scratch.Deleted = t.time, t.time, t.win, true
	return r.next(&r.scratch, t.key, none)
}

// check sees to the key of a record, and notes the operator.
func (r *results[K, A]) check(m *Meta, k K) error {
	*r.entered = r.id
	if r.kept == nil {
		return nil
	}
	if err := r.kept(k); err != nil {
		return r.op.fail(m, err)
	}
	return nil
}
