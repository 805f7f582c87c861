package state

import (
	"cmp"
	"iter"
	"math"
	"slices"
	"sort"
)

// Listed is a window in the sorted list of its key.
type Listed struct {
	Start int64
	Place int32
	Seq   int32 // of Fixed windows
}

// foremost is before all that start at one time.
const foremost = math.MinInt64

// search returns where a window is in the list of its key, or would be.
func (s *Spans) search(key int32, start, second int64) (at int, found bool) {
	list := s.keys[key].sorted
	for at = len(list); at > 0 && len(list)-at < atTheEnd; at-- {
		switch c := s.compare(start, second, &list[at-1]); {
		case c > 0:
			return at, false
		case c == 0:
			return at - 1, true
		}
	}
	return sort.Find(at, func(i int) int { return s.compare(start, second, &list[i]) })
}

// atTheEnd is how many of a list's last windows are looked at one by one: most records come about in order.
const atTheEnd = 3

func (s *Spans) compare(start, second int64, a *Listed) int {
	if start != a.Start {
		return cmp.Compare(start, a.Start)
	}
	return cmp.Compare(second, s.secondAt(a))
}

func (s *Spans) secondAt(a *Listed) int64 {
	if s.shape.Layout == Fixed {
		return int64(a.Seq)
	}
	return s.spans[a.Place].second
}

// list puts a window into the list of its key.
func (s *Spans) list(place int32, at int) {
	p := &s.spans[place]
	k := &s.keys[p.key]
	entry := Listed{Start: p.start, Place: place}
	if s.shape.Layout == Fixed {
		entry.Seq = int32(p.second)
	}
	k.sorted = slices.Insert(k.sorted, at, entry)
}

// unlist takes a window out of the list of its key.
func (s *Spans) unlist(place int32) {
	p := &s.spans[place]
	k := &s.keys[p.key]
	if len(k.sorted) > 1 && k.sorted[0].Place == place { // most that close are the earliest
		k.sorted = k.sorted[1:]
		return
	}
	at, _ := s.search(p.key, p.start, p.second)
	k.sorted = slices.Delete(k.sorted, at, at+1)
}

// List returns the windows of a key that start at a time or later, in order. It is valid until a window is made, moved or removed.
func (s *Spans) List(key int32, from int64) []Listed {
	at, _ := s.search(key, from, foremost)
	return s.keys[key].sorted[at:]
}

// Range yields the places of a key's windows that start from from to to, both inclusive, in order. The windows must not be
// changed meanwhile.
func (s *Spans) Range(key int32, from, to int64) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for _, w := range s.List(key, from) {
			if w.Start > to || !yield(w.Place) {
				return
			}
		}
	}
}

// First returns a key's earliest window.
func (s *Spans) First(key int32) (first Listed, ok bool) {
	list := s.keys[key].sorted
	if len(list) == 0 {
		return Listed{}, false
	}
	return list[0], true
}

// Before returns the place of the last window of a key that starts before a time.
func (s *Spans) Before(key int32, start int64) (place int32, ok bool) {
	at, _ := s.search(key, start, foremost)
	if at == 0 {
		return 0, false
	}
	return s.keys[key].sorted[at-1].Place, true
}

// Last returns the place of a key's latest window.
func (s *Spans) Last(key int32) (place int32, ok bool) {
	list := s.keys[key].sorted
	if len(list) == 0 {
		return 0, false
	}
	return list[len(list)-1].Place, true
}

// Count returns how many windows a key has.
func (s *Spans) Count(key int32) int { return int(s.keys[key].count) }
