package framework

// slidingWindows is the operator for windows that slide over event time. It keeps what each key has at each time, and makes the
// windows of that: one that ends at a time at which something is (the left one), and one that begins right after it.
// One window can be both; then it is a left one.
type slidingWindows[K comparable, V, A any] struct {
	r     *results[K, A]
	f     folding[V, A]
	fresh []int32 // times with marks, in the order of their first one
}

// What is noted of a time: which of its windows changed since they were handed on.
const (
	leftChanged uint8 = 1 << iota
	rightChanged
)

func slidingTimes[K comparable, V, A any](r *results[K, A], f folding[V, A]) Emit[K, V] {
	s := &slidingWindows[K, V, A]{r: r, f: f}
	r.due, r.changes = s.due, s.changes
	r.store.Restored = s.want
	r.store.Tracks = false // a record changes windows of other times, too
	return s.take
}

// left returns the window that ends at a time; before the first full length there is only the one from 1970 on.
func (s *slidingWindows[K, V, A]) left(at int64) (start, end int64) {
	start = max(0, at-s.r.spec.size)
	return start, start + s.r.spec.size
}

func (s *slidingWindows[K, V, A]) right(at int64) (start, end int64) {
	return at + 1, at + 1 + s.r.spec.size
}

func (s *slidingWindows[K, V, A]) want(place int32) {
	at, _, _ := s.r.store.Bounds(place)
	s.r.schedule(s.r.spec.closes(s.left(at)), place)
	s.r.schedule(s.r.spec.closes(s.right(at)), place)
}

func (s *slidingWindows[K, V, A]) take(m *Meta, k K, v V) error {
	r := s.r
	if err := r.check(m, k); err != nil {
		return err
	}
	if m.Birth > m.Time && !r.spec.takesRecord(m.Time, m.Birth) {
		return nil // the gate refused it
	}
	if r.shut(r.spec.closes(s.left(m.Time))) {
		return nil
	}
	place, made, err := r.store.At(k, m.Time, m.Time, 0)
	if err != nil {
		return r.op.fail(m, err)
	}
	if made {
		s.want(place)
	}
	r.store.Set(place, s.f.add(r.store.Value(place), !made, m, v), m.Time)
	if r.emit.onClose && r.emit.early == 0 {
		return nil
	}
	return s.changed(m, place)
}

// changed sees to the windows that a time is in.
func (s *slidingWindows[K, V, A]) changed(m *Meta, place int32) error {
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
	return nil
}

func (s *slidingWindows[K, V, A]) mark(m *Meta, place int32, window uint8) error {
	r := s.r
	if r.emit.everyUpdate {
		return s.hand(place, window, func(start, end, time int64, acc A) error {
			r.scratch = *m
			return r.give(r.store.KeyOf(r.store.Key(place)), start, end, time, acc)
		})
	}
	marks := r.store.Marks(place)
	if marks == 0 {
		s.fresh = append(s.fresh, place)
	}
	r.store.Mark(place, marks|window)
	r.wantEarly(m.Time)
	return nil
}

// hand gives f a window of a time, unless it is empty or is another time's too, whose it is then.
func (s *slidingWindows[K, V, A]) hand(place int32, window uint8, f func(start, end, time int64, acc A) error) error {
	r := s.r
	at, _, _ := r.store.Bounds(place)
	key := r.store.Key(place)
	start, end := s.left(at)
	if window == rightChanged {
		start, end = s.right(at)
	}
	var acc A
	some, latest, first := false, int64(0), true
	for other := range r.store.Range(key, start, end) {
		t, _, time := r.store.Bounds(other)
		switch {
		case window == rightChanged && t == end: // the left one of that
			return nil
		case window == leftChanged && start == 0 && first && other != place: // the earliest's
			return nil
		}
		if first = false; !some {
			acc, some = s.f.first(), true
		}
		acc, latest = s.f.merge(acc, r.store.Value(other)), max(latest, time)
	}
	if !some {
		return nil
	}
	return f(start, end, latest, acc)
}

// changes hands on what changed, at most limit times.
func (s *slidingWindows[K, V, A]) changes(limit int) (n int, err error) {
	for n < len(s.fresh) && n < limit && err == nil {
		err = s.update(s.fresh[n]) // without marks: it closed meanwhile
		n++
	}
	s.fresh = append(s.fresh[:0], s.fresh[n:]...)
	return n, err
}

func (s *slidingWindows[K, V, A]) update(place int32) error {
	r := s.r
	marks := r.store.Marks(place)
	r.store.Mark(place, 0)
	for _, window := range [...]uint8{leftChanged, rightChanged} {
		if marks&window == 0 {
			continue
		}
		err := s.hand(place, window, func(start, end, time int64, acc A) error {
			r.scratch = Meta{}
			return r.give(r.store.KeyOf(r.store.Key(place)), start, end, time, acc)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// due hands on a window that closes. A time is forgotten with its right one: no later window has it.
func (s *slidingWindows[K, V, A]) due(at int64, place int32) (n int, err error) {
	r := s.r
	if !r.store.Present(place) {
		return 0, nil
	}
	t, _, _ := r.store.Bounds(place)
	final := func(start, end, _ int64, acc A) error {
		n++
		return r.final(r.store.KeyOf(r.store.Key(place)), start, end, acc)
	}
	window := leftChanged
	switch at {
	case r.spec.closes(s.left(t)):
	case r.spec.closes(s.right(t)):
		window = rightChanged
	default:
		return 0, nil // the place is another's by now
	}
	if r.emit.onClose {
		err = s.hand(place, window, final)
	} else if r.store.Marks(place)&window != 0 {
		err = s.update(place)
	}
	if err == nil && window == rightChanged {
		r.store.Drop(place, true)
	}
	return n, err
}
