package framework

import "github.com/millrace/millrace/framework/state"

// paneWindows is the operator for hopping windows whose results can be merged and are wanted when they close. A window is a
// whole number of panes, and a record is folded into one pane; what the panes have is merged when a window closes.
//
// A record may be too late for some of its windows and not for others. Such ones go into a part of the pane of their own, whose
// number says how many of the pane's windows, the earliest ones, do not have it.
type paneWindows struct {
	r    *results
	pane int64
	runs runs
}

func panes(r *results) taking {
	p := &paneWindows{r: r, pane: r.spec.pane()}
	p.runs.r = r
	r.due = dueTimes{p.due, r.store.CompareKeys, func(key int32) (int32, int64) { return key, 0 }}
	r.store.Restored = func(place int32) {
		start, _, _ := r.store.Bounds(place)
		first, _ := r.spec.starts(start)
		p.want(r.store.Key(place), first+int64(r.store.Seq(place))*r.spec.advance)
	}
	r.store.Owner = state.Owner{
		Due:  func(place int32) int64 { return r.store.Next(r.store.Key(place)) },
		Back: func(place int32, due int64) { p.wantAt(r.store.Key(place), due) },
		Stands: func(at int64, key int32) bool {
			return r.store.Known(key) && r.store.Next(key) == at // else it became due earlier than was thought, or the number is another key's by now
		},
		Leaves: p.runs.leave,
	}
	return p.take
}

func (p *paneWindows) take(m *Meta, key []byte) error {
	r := p.r
	var start, seq int64
	if r.whole {
		start, seq = m.Win.Bounds()
	} else {
		var taken bool
		if start, seq, taken = r.spec.paneOf(m, p.pane); !taken {
			return nil // the gate refused it
		}
	}
	first, last := r.spec.starts(start)
	window := first + seq*r.spec.advance
	for ; window <= last && r.spec.closes(window, window+r.spec.size) <= max(r.store.Closed(), r.watcher.Watermark()); window += r.spec.advance {
		seq++
	}
	if window > last {
		r.drop()
		return nil
	}
	place, made, err := r.store.At(key, start, start+p.pane, int32(seq))
	if err != nil {
		return err
	}
	if made {
		p.want(r.store.Key(place), window)
	}
	p.runs.changed(r.store.Key(place), start)
	r.cells.fold(place, made)
	r.store.Set(place, m.Time)
	return nil
}

// paneOf returns the pane that a record is in, and how many of the pane's windows refuse it; not taken: all.
func (s *windowSpec) paneOf(m *Meta, pane int64) (start, seq int64, taken bool) {
	start = floor(m.Time-s.offset, pane) + s.offset
	if m.Birth <= m.Time {
		return start, 0, true
	}
	first, last := s.starts(m.Time)
	for window := first; window <= last; window += s.advance {
		if s.takes(window+s.size, m.Birth) {
			return start, (window - first) / s.advance, true
		}
	}
	return start, 0, false
}

// want lets the key be due when a window closes that has something of it.
func (p *paneWindows) want(key int32, window int64) {
	p.wantAt(key, p.r.spec.closes(window, window+p.r.spec.size))
}

func (p *paneWindows) wantAt(key int32, closes int64) {
	if closes < p.r.store.Next(key) {
		p.r.store.SetNext(key, closes)
		p.r.schedule(closes, key)
	}
}

// due hands on the result of a key for the window that closes, and looks for the key's next one.
func (p *paneWindows) due(at int64, key int32) (n int, err error) {
	r := p.r
	if !r.store.Owner.Stands(at, key) {
		return 0, nil
	}
	window := at - r.spec.grace - r.spec.size
	if p.gather(key, window) && !r.store.Done(at, key, 0) {
		n++
		if err := r.cells.handGathered(r.final(window, window+r.spec.size), key); err != nil {
			return n, err
		}
	}
	r.store.SetNext(key, last+1)
	for {
		earliest, ok := r.store.First(key)
		if !ok {
			return n, nil
		}
		first, latest := r.spec.starts(earliest.Start)
		if latest > window {
			p.want(key, max(first, window+r.spec.advance))
			return n, nil
		}
		r.store.Drop(earliest.Place, true)
		if p.runs.gone(key); !r.store.Known(key) {
			return n, nil
		}
	}
}

// gather merges what the panes of a window have of a key.
func (p *paneWindows) gather(key int32, window int64) (some bool) {
	r := p.r
	end := window + r.spec.size
	if window < 0 {
		end = min(end, r.spec.offset) // what comes later has windows that begin after 1970
	}
	if r.spec.size > fewPanes*p.pane && p.runs.gather(key, window, end) {
		return true
	}
	for _, part := range r.store.List(key, window) {
		if part.Start >= end {
			break
		}
		if !r.spec.partly(part, window) {
			r.cells.gather(part.Place, some)
			some = true
		}
	}
	return some
}

// fewPanes is up to how many panes of a window are merged anew for each result: hardly more merges than a run takes, and no memory.
const fewPanes = 3

// partly says that a part of a pane is refused by one of the pane's windows.
func (s *windowSpec) partly(part state.Listed, window int64) bool {
	if part.Seq == 0 {
		return false
	}
	first, _ := s.starts(part.Start)
	return first+int64(part.Seq)*s.advance > window
}
