package framework

// sessionWindows is the operator that merges the records of a key that are no more than a gap apart.
type sessionWindows[K comparable, V, A any] struct {
	r *results[K, A]
	f folding[V, A]
	// near are the sessions that a record merges, by start.
	near []int32
}

func sessions[K comparable, V, A any](r *results[K, A], f folding[V, A]) Emit[K, V] {
	s := &sessionWindows[K, V, A]{r: r, f: f}
	r.due = func(at int64, place int32) (int, error) {
		if !r.store.Present(place) {
			return 0, nil
		}
		start, end, _ := r.store.Bounds(place)
		if closes := r.spec.closes(start, end); closes != at {
			if closes > at { // it has grown
				r.schedule(closes, place)
			}
			return 0, nil
		}
		return 1, r.close(place)
	}
	r.store.Restored = func(place int32) {
		start, end, _ := r.store.Bounds(place)
		r.schedule(r.spec.closes(start, end), place)
	}
	return s.take
}

func (s *sessionWindows[K, V, A]) take(m *Meta, k K, v V) error {
	r := s.r
	if err := r.check(m, k); err != nil {
		return err
	}
	if m.Birth > m.Time && !r.spec.takesRecord(m.Time, m.Birth) {
		return nil // the gate refused it
	}
	if r.shut(r.spec.closes(m.Time, m.Time)) {
		return nil
	}
	if err := s.meet(k, m.Time); err != nil {
		return r.op.fail(m, err)
	}
	if len(s.near) == 0 {
		place, _, err := r.store.At(k, m.Time, m.Time, 0)
		if err != nil {
			return r.op.fail(m, err)
		}
		r.schedule(r.spec.closes(m.Time, m.Time), place)
		var none A
		r.store.Set(place, s.f.add(none, false, m, v), m.Time)
		return r.changed(m, place)
	}
	return s.merge(m, v)
}

// meet finds the sessions of a key that a time is near to.
func (s *sessionWindows[K, V, A]) meet(k K, at int64) error {
	s.near = s.near[:0]
	store, gap := s.r.store, s.r.spec.gap
	key, ok, err := store.KeyNumber(k)
	if err != nil || !ok {
		return err
	}
	from := at
	if place, ok := store.Before(key, at); ok { // sessions of a key do not meet: one at most reaches here from before
		if start, end, _ := store.Bounds(place); end >= at-gap {
			from = start
		}
	}
	for place := range store.Range(key, from, at+gap) {
		s.near = append(s.near, place)
	}
	return nil
}

// merge makes one session of those that a record is near to, and of the record.
func (s *sessionWindows[K, V, A]) merge(m *Meta, v V) error {
	store := s.r.store
	place := s.near[0]
	start, end, time := store.Bounds(place)
	acc := store.Value(place)
	low, high := min(start, m.Time), max(end, m.Time)
	moves := low != start || high != end || len(s.near) > 1
	if moves {
		if err := s.r.retract(m, place); err != nil {
			return err
		}
	}
	for _, other := range s.near[1:] {
		_, end, at := store.Bounds(other)
		high, time = max(high, end), max(time, at)
		acc = s.f.merge(acc, store.Value(other))
		if err := s.r.retract(m, other); err != nil {
			return err
		}
		store.Drop(other, false)
	}
	store.Move(place, low, high)
	store.Set(place, s.f.add(acc, true, m, v), max(time, m.Time))
	return s.r.changed(m, place)
}
