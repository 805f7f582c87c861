package framework

import (
	"github.com/millrace/millrace/framework/state"
)

// slidingWindows is the operator for windows that slide over event time. It keeps what each key has at each time, and makes the
// windows of that: one that ends at a time at which something is (the left one), and one that begins right after it.
// One window can be both; then it is a left one.
type slidingWindows struct {
	r     *results
	fresh []int32 // times with marks, in the order of their first one
}

// What is noted of a time: which of its windows changed since they were handed on.
const (
	leftChanged uint8 = 1 << iota
	rightChanged
)

func slidingTimes(r *results) taking {
	s := &slidingWindows{r: r}
	r.changes = s.changes
	r.due = dueTimes{s.due, r.store.ComparePlaces, func(place int32) (int32, int64) {
		at, _, _ := r.store.Bounds(place)
		return r.store.Key(place), at
	}}
	r.store.Restored = s.want
	r.store.Owner = state.Owner{Due: s.next, Back: func(place int32, _ int64) { s.want(place) }, Stands: s.stands}
	r.store.Tracks = false // a record changes windows of other times, too
	return s.take
}

// left returns the window that ends at a time; before the first full length there is only the one from 1970 on.
func (s *slidingWindows) left(at int64) (start, end int64) {
	start = max(0, at-s.r.spec.size)
	return start, start + s.r.spec.size
}

func (s *slidingWindows) right(at int64) (start, end int64) {
	return at + 1, at + 1 + s.r.spec.size
}

// closes returns when the windows of a time close.
func (s *slidingWindows) closes(place int32) (left, right int64) {
	at, _, _ := s.r.store.Bounds(place)
	return s.r.spec.closes(s.left(at)), s.r.spec.closes(s.right(at))
}

// stands says that one of them closes at a time, and has not yet. Else the place is another's by now, or was scheduled twice.
func (s *slidingWindows) stands(at int64, place int32) bool {
	if !s.r.store.Present(place) {
		return false
	}
	left, right := s.closes(place)
	return at == right || at == left && !s.r.store.Passed(place)
}

// next returns which of them closes next.
func (s *slidingWindows) next(place int32) int64 {
	left, right := s.closes(place)
	if s.r.store.Passed(place) {
		return right
	}
	return left
}

// want schedules those that have not closed.
func (s *slidingWindows) want(place int32) {
	left, right := s.closes(place)
	if !s.r.store.Passed(place) {
		s.r.schedule(left, place)
	}
	s.r.schedule(right, place)
}

func (s *slidingWindows) take(m *Meta, key []byte) error {
	r := s.r
	if m.Birth > m.Time && !r.spec.takesRecord(m.Time, m.Birth) {
		return nil // the gate refused it
	}
	if r.shut(r.spec.closes(s.left(m.Time))) {
		return nil
	}
	place, made, err := r.store.At(key, m.Time, m.Time, 0)
	if err != nil {
		return err
	}
	if made {
		s.want(place)
	}
	r.cells.fold(place, made)
	r.store.Set(place, m.Time)
	if r.emit.onClose && r.emit.early == 0 {
		return nil
	}
	return s.changed(m, place, made)
}

// changed sees to the windows that a time is in. made: there was nothing at it before.
func (s *slidingWindows) changed(m *Meta, place int32, made bool) error {
	r := s.r
	at, _, _ := r.store.Bounds(place)
	key := r.store.Key(place)
	from, to := at-r.spec.size-1, at+r.spec.size
	if at <= r.spec.size {
		from = 0 // the window from 1970 on
	}
	for other := range r.store.Range(key, from, to) {
		t, _, _ := r.store.Bounds(other)
		if start, end := s.left(t); start <= at && at <= end {
			if err := s.mark(m, other, leftChanged); err != nil {
				return err
			}
		}
		if start, end := s.right(t); start <= at && at <= end {
			if err := s.mark(m, other, rightChanged); err != nil {
				return err
			}
		}
	}
	if made { // what is right after it may be there already
		return s.mark(m, place, rightChanged)
	}
	return nil
}

func (s *slidingWindows) mark(m *Meta, place int32, window uint8) error {
	r := s.r
	if r.emit.everyUpdate {
		start, end, time, some := s.gather(place, window)
		if !some {
			return nil
		}
		r.scratch = *m
		r.place(start, end, time)
		return r.cells.handGathered(&r.scratch, r.store.Key(place))
	}
	marks := r.store.Marks(place)
	if marks == 0 {
		s.fresh = append(s.fresh, place)
	}
	r.store.Mark(place, marks|window)
	r.wantEarly(m.Time)
	return nil
}

// gather merges what a window of a time has; not some: it is empty, or is another time's too, whose it is then.
func (s *slidingWindows) gather(place int32, window uint8) (start, end, latest int64, some bool) {
	r := s.r
	at, _, _ := r.store.Bounds(place)
	if start, end = s.left(at); window == rightChanged {
		start, end = s.right(at)
	}
	for other := range r.store.Range(r.store.Key(place), start, end) {
		t, _, time := r.store.Bounds(other)
		switch {
		case window == rightChanged && t == end: // the left one of that
			return start, end, 0, false
		case window == leftChanged && start == 0 && !some && other != place: // the earliest's
			return start, end, 0, false
		}
		r.cells.gather(other, some)
		some, latest = true, max(latest, time)
	}
	return start, end, latest, some
}

// changes hands on what changed, at most limit times.
func (s *slidingWindows) changes(limit int) (n int, err error) {
	for n < len(s.fresh) && n < limit && err == nil {
		err = s.update(s.fresh[n]) // without marks: it closed meanwhile
		n++
	}
	s.fresh = append(s.fresh[:0], s.fresh[n:]...)
	return n, err
}

func (s *slidingWindows) update(place int32) error {
	r := s.r
	marks := r.store.Marks(place)
	r.store.Mark(place, 0)
	for _, window := range [...]uint8{leftChanged, rightChanged} {
		if marks&window == 0 {
			continue
		}
		start, end, time, some := s.gather(place, window)
		if !some {
			continue
		}
		r.scratch = Meta{}
		r.place(start, end, time)
		if err := r.cells.handGathered(&r.scratch, r.store.Key(place)); err != nil {
			return err
		}
	}
	return nil
}

// due hands on a window that closes. A time is forgotten with its right one: no later window has it.
func (s *slidingWindows) due(at int64, place int32) (n int, err error) {
	r := s.r
	if !s.stands(at, place) {
		return 0, nil
	}
	t, _, _ := r.store.Bounds(place)
	window := leftChanged
	if left, _ := s.closes(place); at != left {
		window = rightChanged
	} else {
		r.store.Pass(place)
	}
	switch marks := r.store.Marks(place); {
	case !r.emit.onClose && marks&window != 0:
		err = s.update(place)
	case r.emit.onClose && !r.store.Done(at, r.store.Key(place), t):
		r.store.Mark(place, marks&^window) // no early result comes after the final one
		if start, end, _, some := s.gather(place, window); some {
			n++
			err = r.cells.handGathered(r.final(start, end), r.store.Key(place))
		}
	}
	if err == nil && window == rightChanged {
		r.store.Drop(place, true)
	}
	return n, err
}
