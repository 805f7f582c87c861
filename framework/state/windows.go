package state

import (
	"fmt"
	"iter"
)

// Cells keep the values of windows by place, and the keys by number: what of a window store knows types. So that the rest is compiled
// once, and not for each pair of types.
type Cells interface {
	// Learn is called when a key gets a number. encoded stays as it is.
	Learn(number int32, encoded string) error
	// Make makes room for the value of a place.
	Make(place int32)
	// Forget drops the value of a place.
	Forget(place int32)
	// Append encodes the value of a place.
	Append(dst []byte, place int32) ([]byte, error)
	// Decode sets the value of a place.
	Decode(place int32, b []byte) error
	// Size returns how many bytes a value takes, without what it points to.
	Size() int64
}

// Windows keeps a value for each key and window of one task, in memory and logged to a changelog. It is used only from the
// operator that opened it, on its goroutine.
type Windows struct {
	Spans
	cells Cells
	value []byte
	// Restored is called for each window that came from the changelog.
	Restored func(place int32)
}

// NewWindows returns an empty store. size is that of fixed windows, ms. round says which round runs, and of which all
// results before are done with.
func NewWindows(name string, layout Layout, size int64, cells Cells, round func() (now, released int64)) *Windows {
	s := &Windows{Spans: newSpans(name, layout, size, round), cells: cells}
	s.forget = cells.Forget
	return s
}

// KeyNumber returns the number of an encoded key, and whether it has windows; without any it has no number yet.
func (s *Windows) KeyNumber(encoded []byte) (number int32, ok bool) {
	number = s.number(encoded)
	return number, number >= 0
}

// At returns the place of a window, which is made where it does not exist.
func (s *Windows) At(encoded []byte, start, end int64, seq int32) (place int32, made bool, err error) {
	number := s.number(encoded)
	if number < 0 {
		if number, err = s.addKey(encoded); err != nil {
			return 0, false, err
		}
	}
	place, made = s.Of(number, start, end, seq)
	return place, made, nil
}

// Of is At for a key that has a number.
func (s *Windows) Of(key int32, start, end int64, seq int32) (place int32, made bool) {
	at, found := s.search(key, start, s.secondOf(end, seq))
	if found {
		return s.keys[key].list[at].place, false
	}
	place = s.insert(key, at, start, end, seq)
	s.cells.Make(place)
	s.bytes += s.cells.Size()
	return place, true
}

func (s *Windows) addKey(encoded []byte) (int32, error) {
	n := s.add(encoded)
	if err := s.cells.Learn(n, s.keys[n].encoded); err != nil {
		return 0, fmt.Errorf("store %s: %w", s.name, err)
	}
	return n, nil
}

// Set notes that what a window has was changed. time is the event time of what it was made of, ms.
func (s *Windows) Set(place int32, time int64) { s.touch(place, time) }

// Drop removes a window, as Remove does, and its value.
func (s *Windows) Drop(place int32, done bool) {
	s.bytes -= s.cells.Size()
	s.Remove(place, done)
}

// Range yields the places of a key's windows that start from from to to, both inclusive, in order. The windows must not be
// changed meanwhile.
func (s *Windows) Range(key int32, from, to int64) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		list := s.keys[key].list
		at, _ := s.search(key, from, foremost)
		for ; at < len(list) && list[at].start <= to; at++ {
			if !yield(list[at].place) {
				return
			}
		}
	}
}

// First returns the place of a key's earliest window.
func (s *Windows) First(key int32) (place int32, ok bool) {
	list := s.keys[key].list
	if len(list) == 0 {
		return 0, false
	}
	return list[0].place, true
}

// Before returns the place of the last window of a key that starts before a time.
func (s *Windows) Before(key int32, start int64) (place int32, ok bool) {
	at, _ := s.search(key, start, foremost)
	if at == 0 {
		return 0, false
	}
	return s.keys[key].list[at-1].place, true
}

// Count returns how many windows a key has.
func (s *Windows) Count(key int32) int { return len(s.keys[key].list) }

// Last returns the place of a key's latest window.
func (s *Windows) Last(key int32) (place int32, ok bool) {
	list := s.keys[key].list
	if len(list) == 0 {
		return 0, false
	}
	return list[len(list)-1].place, true
}

// Flush hands out what changed since the last call (engine.Store).
func (s *Windows) Flush(record func(key, value []byte, time int64) error) error {
	return s.flush(record, func(place int32) ([]byte, error) {
		var err error
		if s.value, err = s.cells.Append(s.value[:0], place); err != nil {
			return nil, err
		}
		if s.value == nil {
			s.value = []byte{} // empty is a value; nil is none
		}
		return s.value, nil
	})
}

// Restore applies a changelog record (engine.Store).
func (s *Windows) Restore(key, value []byte, time int64) error {
	if string(key) == string(boundKey) {
		bound, err := decodeBound(value)
		if err == nil && bound.compare(s.closed) > 0 {
			s.closed = bound
		}
		return err
	}
	encoded, start, end, seq, err := s.parse(key)
	if err != nil {
		return err
	}
	number := s.number(encoded)
	if value == nil {
		if number >= 0 {
			s.restoredRemoval(number, start, end, seq)
		}
		return nil
	}
	if number < 0 {
		if number, err = s.addKey(encoded); err != nil {
			return err
		}
	}
	place, made := s.Of(number, start, end, seq)
	if err := s.cells.Decode(place, value); err != nil {
		return err
	}
	p := &s.spans[place]
	p.time, p.logged, p.sent = time, true, true
	if made && s.Restored != nil {
		s.Restored(place)
	}
	return nil
}

// restoredRemoval applies a tombstone.
func (s *Windows) restoredRemoval(key int32, start, end int64, seq int32) {
	if at, found := s.search(key, start, s.secondOf(end, seq)); found {
		place := s.keys[key].list[at].place
		s.spans[place].logged = false
		s.Drop(place, false)
	}
}
