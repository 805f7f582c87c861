package framework

// sessionWindows is the operator that merges the records of a key that are no more than a gap apart.
type sessionWindows struct {
	r *results
	// near are the sessions that a record merges, by start.
	near []int32
}

func sessions(r *results) taking {
	s := &sessionWindows{r: r}
	r.store.Owner.Once = true // what grew is scheduled once more when it is looked at
	r.store.Owner.Stands = func(at int64, place int32) bool {
		return r.store.Present(place) && r.closes(place) >= at // it may have grown
	}
	r.due.hand = func(at int64, place int32) (int, error) {
		if !r.store.Owner.Stands(at, place) {
			return 0, nil
		}
		if closes := r.closes(place); closes > at {
			r.schedule(closes, place)
			return 0, nil
		}
		return 1, r.close(at, place)
	}
	r.store.Restored = s.restored
	return s.take
}

// restored drops the sessions that a restored one took in: after a crash their tombstones may be missing.
func (s *sessionWindows) restored(place int32) {
	store := s.r.store
	start, end, _ := store.Bounds(place)
	s.near = s.near[:0]
	for other := range store.Range(store.Key(place), start, end) {
		if _, last, _ := store.Bounds(other); other != place && last <= end {
			s.near = append(s.near, other)
		}
	}
	for _, other := range s.near {
		store.Drop(other, false)
	}
	s.r.schedule(s.r.closes(place), place)
}

func (s *sessionWindows) take(m *Meta, key []byte) error {
	r := s.r
	if m.Birth > m.Time && !r.spec.takesRecord(m.Time, m.Birth) {
		return nil // the gate refused it
	}
	if r.shut(r.spec.closes(m.Time, m.Time)) {
		return nil
	}
	if s.meet(key, m.Time); len(s.near) > 0 {
		return s.merge(m)
	}
	place, _, err := r.store.At(key, m.Time, m.Time, 0)
	if err != nil {
		return err
	}
	r.schedule(r.spec.closes(m.Time, m.Time), place)
	r.cells.fold(place, true)
	r.store.Set(place, m.Time)
	return r.changed(m, place)
}

// meet finds the sessions of a key that a time is near to.
func (s *sessionWindows) meet(encoded []byte, at int64) {
	s.near = s.near[:0]
	store, gap := s.r.store, s.r.spec.gap
	key, ok := store.KeyNumber(encoded)
	if !ok {
		return
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
}

// merge makes one session of those that a record is near to, and of the record.
func (s *sessionWindows) merge(m *Meta) error {
	store := s.r.store
	place := s.near[0]
	start, end, time := store.Bounds(place)
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
		s.r.cells.merge(place, other)
		if err := s.r.retract(m, other); err != nil {
			return err
		}
		store.Drop(other, false)
	}
	store.Move(place, low, high)
	s.r.cells.fold(place, false)
	store.Set(place, max(time, m.Time))
	return s.r.changed(m, place)
}
