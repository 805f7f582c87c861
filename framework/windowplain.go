package framework

// plainWindows is the operator that keeps each window by itself: tumbling ones, hopping ones whose results cannot be merged
// or are wanted before they close, and those of an Assigner.
func plainWindows[K comparable, V, A any](r *results[K, A], f folding[V, A]) Emit[K, V] {
	r.due = func(at int64, place int32) (int, error) {
		if !r.store.Present(place) {
			return 0, nil
		}
		start, end, _ := r.store.Bounds(place)
		if r.spec.closes(start, end) != at {
			return 0, nil // the place is another window's by now, which has its own time
		}
		return 1, r.close(place)
	}
	r.store.Restored = func(place int32) {
		start, end, _ := r.store.Bounds(place)
		r.schedule(r.spec.closes(start, end), place)
	}
	one := &addition[K, V, A]{r: r, f: f}
	into := one.into
	return func(m *Meta, k K, v V) error {
		if err := r.check(m, k); err != nil {
			return err
		}
		one.m, one.k, one.v = m, k, v
		if f.whole { // its window was found before it was folded
			return one.into(m.Win.Bounds())
		}
		n, err := r.spec.each(m.Time, into)
		if n == 0 && err == nil {
			r.op.drop(dropNoWindow)
		}
		if err != nil {
			return r.op.fail(m, err)
		}
		return nil
	}
}

// addition is a record on its way into its windows.
type addition[K comparable, V, A any] struct {
	r *results[K, A]
	f folding[V, A]
	m *Meta
	k K
	v V
}

func (a *addition[K, V, A]) into(start, end int64) error {
	r := a.r
	if !a.f.whole && a.m.Birth > a.m.Time && !r.spec.takes(end, a.m.Birth) {
		return nil // the gate refused it
	}
	closes := r.spec.closes(start, end)
	if r.shut(closes) {
		return nil
	}
	place, made, err := r.store.At(a.k, start, end, 0)
	if err != nil {
		return err
	}
	if made {
		r.schedule(closes, place)
	}
	r.store.Set(place, a.f.add(r.store.Value(place), !made, a.m, a.v), a.m.Time)
	return r.changed(a.m, place)
}
