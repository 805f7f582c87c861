package framework

// plainWindows is the operator that keeps each window by itself: tumbling ones, hopping ones whose results cannot be merged
// or are wanted before they close, and those of an Assigner.
func plainWindows(r *results) taking {
	r.store.Owner.Stands = func(at int64, place int32) bool {
		return r.store.Present(place) && r.closes(place) == at // else the place is another window's by now, which has its own time
	}
	r.due.hand = func(at int64, place int32) (int, error) {
		if !r.store.Owner.Stands(at, place) {
			return 0, nil
		}
		return 1, r.close(at, place)
	}
	r.store.Restored = func(place int32) { r.schedule(r.closes(place), place) }
	one := &addition{r: r}
	into := one.into
	return func(m *Meta, key []byte) error {
		one.m, one.key = m, key
		if r.whole {
			return one.into(m.Win.Bounds())
		}
		n, err := r.spec.each(m.Time, into)
		if n == 0 && err == nil {
			r.op.drop(dropNoWindow)
		}
		return err
	}
}

// addition is a record on its way into its windows.
type addition struct {
	r   *results
	m   *Meta
	key []byte
}

func (a *addition) into(start, end int64) error {
	r := a.r
	if !r.whole && a.m.Birth > a.m.Time && !r.spec.takes(end, a.m.Birth) {
		return nil // the gate refused it
	}
	closes := r.spec.closes(start, end)
	if r.shut(closes) {
		return nil
	}
	place, made, err := r.store.At(a.key, start, end, 0)
	if err != nil {
		return err
	}
	if made {
		r.schedule(closes, place)
	}
	r.cells.fold(place, made)
	r.store.Set(place, a.m.Time)
	return r.changed(a.m, place)
}
