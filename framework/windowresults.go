package framework

import (
	"math"

	"github.com/millrace/millrace/framework/internal/engine"
	"github.com/millrace/millrace/framework/state"
)

// results is what all aggregates over event-time windows have in common: the store, when windows are due, and how their results
// are handed on.
type results struct {
	op      *Op
	entered *int32
	id      int32
	spec    windowSpec
	emit    EmitPolicy
	store   *state.Windows
	cells   cells
	watcher *engine.Watcher
	scratch Meta
	whole   bool // what comes is a partial result, whose window was found before

	due       dueTimes
	lastAt    int64  // when what was handed on last was due
	lastKey   string // its key, as it is encoded
	lastStart int64
	// changes hands on what changed since it was handed on, at most limit windows.
	changes func(limit int) (n int, err error)
	earlyAt int64 // when early results are due
	records int64 // in the partial result that is being folded
	tombs   []tomb
}

// tomb is a session that was handed on and was taken in by another one.
type tomb struct {
	key  int32
	win  Window
	time int64
}

func newResults(op *Op, spec windowSpec, emit EmitPolicy, panes, whole bool, types string, c cells) *results {
	r := &results{op: op, spec: spec, emit: emit, cells: c, whole: whole, earlyAt: engine.Never, lastAt: engine.NoTime}
	r.store = openWindows(op, spec.shape(panes), spec.form(panes), types, c)
	r.store.Owner = state.Owner{Due: r.closes, Back: r.back}
	r.entered, r.id = op.enter()
	r.changes = func(limit int) (int, error) { return r.store.Changed(limit, r.update) }
	r.watcher = op.o.task.Watch(op.heldBack(), r.nextDue, r.reach)
	r.store.Tracks = !emit.everyUpdate && (!emit.onClose || emit.early > 0)
	if !emit.everyUpdate && !emit.onClose {
		op.OnCommit(r.commit)
	}
	return r
}

// shape is what the windows, or their panes, are like.
func (s *windowSpec) shape(panes bool) state.Shape {
	switch {
	case panes:
		return state.Shape{Size: s.pane()}
	case s.kind == bySliding: // what is at one time
		return state.Shape{}
	case s.kind == bySession:
		return state.Shape{Layout: state.Free}
	case s.kind == byAssigned:
		return state.Shape{Layout: state.Free, Unordered: true}
	}
	return state.Shape{Size: s.size, Unordered: true}
}

func (r *results) nextDue() int64 { return min(r.nextClose(), r.earlyAt) }

// nextClose returns a time before which no window closes.
func (r *results) nextClose() int64 { return min(r.store.Due.Next(), r.store.NextAside()) }

// closes returns when a window closes.
func (r *results) closes(place int32) int64 {
	start, end, _ := r.store.Bounds(place)
	return r.spec.closes(start, end)
}

// back schedules a window that was put aside.
func (r *results) back(place int32, _ int64) { r.schedule(r.closes(place), place) }

// schedule says when a number is due.
func (r *results) schedule(at int64, number int32) {
	r.store.Due.Add(at, number)
	r.watcher.Scheduled(at)
}

// reach hands on what is due at a watermark.
func (r *results) reach(w int64, limit int) (n int, err error) {
	*r.entered = r.id
	if err := r.buryAll(); err != nil { // before what took them in
		return 0, err
	}
	closed := int64(engine.NoTime)
	for n < limit && r.nextClose() <= w && r.nextClose() <= r.earlyAt {
		closed = r.nextClose()
		if err := r.wake(closed, limit-n); err != nil {
			return n, err
		}
		more, err := r.closeAt(closed, limit-n)
		if n += more; err != nil {
			return n, err
		}
	}
	if r.earlyAt <= w && n < limit && r.earlyAt < r.nextClose() {
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
	case closed > engine.NoTime && r.nextClose() == closed: // some of that time are left
		if r.due.order == nil || r.lastAt != closed {
			r.store.Close(closed - 1)
		} else {
			r.store.CloseSome(closed, r.lastKey, r.lastStart)
		}
	case r.nextClose() <= w || w == engine.EndOfInput: // which is no time
		r.store.Close(closed)
	default:
		r.store.Close(w)
	}
	return n, nil
}

// mostAtOnce is how many results of one time are handed on without a break.
const mostAtOnce = 1024

// wake brings back windows that were put aside and are due at a time: as many as are handed on next or, where the order matters, so many
// that those in memory need not be sorted again for a few; not those that come after one in memory.
func (r *results) wake(at int64, limit int) error {
	if r.store.NextAside() != at {
		return nil
	}
	if r.due.order != nil && r.store.Due.Next() == at {
		r.store.Due.Sort(r.due.order)
		if first, _, ok := r.foremost(at); ok && first <= r.store.LastBack(at) {
			return nil
		}
		if r.store.Due.Next() == at {
			limit = max(limit, r.store.Due.Ahead()/4)
		}
	}
	return r.store.Wake(at, limit)
}

// closeAt hands on what is due at a time, at most limit results where there are a great many.
func (r *results) closeAt(at int64, limit int) (n int, err error) {
	if r.store.Due.Next() != at {
		return 0, nil // what was aside for that time came back before
	}
	aside := r.store.NextAside() == at
	parted := r.store.Due.Ahead() > mostAtOnce || aside
	if parted && r.due.order != nil {
		r.store.Due.Sort(r.due.order)
	}
	for r.store.Due.Next() == at && (n < limit || !parted) {
		if parted && r.due.order != nil {
			key, start, ok := r.foremost(at)
			if !ok || aside && key > r.store.LastBack(at) {
				return n, nil // what is aside comes first
			}
			r.lastAt, r.lastKey, r.lastStart = at, key, start
		}
		more, err := r.due.hand(at, r.store.Due.Take())
		if n += max(more, 1); err != nil {
			return n, err
		}
	}
	return n, nil
}

// foremost returns the encoded key and the start of the number that is due first at a time, of an operator with an order; not ok: there
// is none. Numbers that do not stand are dropped: they may be of another key by now, which is not handed on with them.
func (r *results) foremost(at int64) (key string, start int64, ok bool) {
	for due := &r.store.Due; due.Next() == at; due.Take() {
		if r.store.Owner.Stands(at, due.First()) {
			number, start := r.due.of(due.First())
			return r.store.Encoded(number), start, true
		}
	}
	return "", 0, false
}

// dueTimes is what an operator does when a number of the schedule is due.
type dueTimes struct {
	// hand hands on one window, or what the number stands for, that is due at a time; n is how many results.
	hand func(at int64, number int32) (n int, err error)
	// order and of are those of operators that keep what they handed on, for later windows: the closed bound has the last that was
	// handed on of a time, so that after a restart it is not handed on once more. of returns the key and the start of a number.
	order func(a, b int32) int
	of    func(number int32) (key int32, start int64)
}

// shut says that what closes at a time is closed, and counts a record that is for it: it was not late, so that it was read again
// after a crash, or its source was taken for idle.
func (r *results) shut(closes int64) bool {
	if closes > max(r.store.Closed(), r.watcher.Watermark()) {
		return false
	}
	r.drop()
	return true
}

func (r *results) drop() {
	reason := engine.DropReplayed
	if r.op.o.build.idles() {
		reason = engine.DropLateIdle
	}
	for range max(r.records, 1) {
		r.op.drop(reason)
	}
}

// changed hands a window on that changed, if results are wanted at each update; else later.
func (r *results) changed(m *Meta, place int32) error {
	if r.emit.everyUpdate {
		return r.hand(m, place)
	}
	r.wantEarly(m.Time)
	return nil
}

// wantEarly sets when early results are due.
func (r *results) wantEarly(at int64) {
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
func (r *results) commit() error {
	err := r.buryAll()
	if err == nil {
		_, err = r.changes(math.MaxInt)
	}
	return err
}

// update hands a window on as it is now, at the highest event time in it.
func (r *results) update(place int32) error {
	r.scratch = Meta{}
	return r.hand(&r.scratch, place)
}

func (r *results) hand(m *Meta, place int32) error {
	start, end, time := r.store.Bounds(place)
	r.store.Send(place)
	r.scratch = *m
	r.place(start, end, time)
	return r.cells.hand(&r.scratch, r.store.Key(place), place)
}

// place gives scratch the time and the window of a result.
func (r *results) place(start, end, time int64) {
	r.scratch.Time, r.scratch.Birth, r.scratch.Win = time, time, engine.NewWindow(start, end)
}

// final gives scratch what a result has that nothing changes any more.
func (r *results) final(start, end int64) *Meta {
	r.scratch = Meta{}
	r.place(start, end, r.spec.finalTime(end))
	return &r.scratch
}

// close hands a window's last result on, where that was not done before a crash, and removes it.
func (r *results) close(at int64, place int32) (err error) {
	start, end, _ := r.store.Bounds(place)
	switch {
	case r.store.Done(at, r.store.Key(place), start):
	case r.emit.onClose:
		err = r.cells.hand(r.final(start, end), r.store.Key(place), place)
	case r.store.Fresh(place):
		err = r.update(place)
	}
	if err == nil {
		r.store.Drop(place, true)
	}
	return err
}

// retract says downstream that a window which was handed on is no more.
func (r *results) retract(m *Meta, place int32) error {
	if !r.store.Sent(place) || r.emit.onClose && r.emit.early == 0 {
		return nil
	}
	start, end, time := r.store.Bounds(place)
	t := tomb{r.store.Key(place), engine.NewWindow(start, end), time}
	if !r.emit.everyUpdate && !r.emit.onClose { // its round hands it on
		r.tombs = append(r.tombs, t)
		return nil
	}
	r.scratch = *m
	return r.deleted(&t)
}

// buryAll says so of those for which nobody did yet.
func (r *results) buryAll() error {
	for i := range r.tombs {
		r.scratch = Meta{}
		if err := r.deleted(&r.tombs[i]); err != nil {
			return err
		}
	}
	clear(r.tombs)
	r.tombs = r.tombs[:0]
	return nil
}

func (r *results) deleted(t *tomb) error {
	r.scratch.Time, r.scratch.Birth, r.scratch.Win, r.scratch.Deleted = t.time, t.time, t.win, true
	return r.cells.deleted(&r.scratch, t.key)
}
