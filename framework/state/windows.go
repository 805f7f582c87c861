package state

import (
	"encoding/binary"
	"fmt"
	"iter"
	"unsafe"

	"github.com/millrace/millrace/framework/codec"
)

// Windows keeps a value for each key and window of one task, in memory and logged to a changelog. It is used only from the
// operator that opened it, on its goroutine.
type Windows[K comparable, A any] struct {
	Spans
	codecs  codec.Codec[K]
	values  codec.Codec[A]
	decoded []K // by key number
	accs    []A // by place
	scratch []byte
	value   []byte
	// Restored is called for each window that came from the changelog.
	Restored func(place int32)
}

// NewWindows returns an empty store. size is that of fixed windows, ms. round says which round runs, and of which all
// results before are done with.
func NewWindows[K comparable, A any](name string, layout Layout, size int64, keys codec.Codec[K], values codec.Codec[A], round func() (now, released int64)) *Windows[K, A] {
	return &Windows[K, A]{Spans: newSpans(name, layout, size, round), codecs: keys, values: values}
}

// KeyNumber returns the number of a key, and whether it has windows; without any it has no number yet.
func (s *Windows[K, A]) KeyNumber(k K) (number int32, ok bool, err error) {
	if s.scratch, err = s.codecs.Append(s.scratch[:0], k); err != nil {
		return 0, false, fmt.Errorf("store %s: encode a key as %s: %w", s.name, s.codecs.Name(), err)
	}
	number = s.number(s.scratch)
	return number, number >= 0, nil
}

// At returns the place of a window, which is made where it does not exist.
func (s *Windows[K, A]) At(k K, start, end int64, seq int32) (place int32, made bool, err error) {
	number, ok, err := s.KeyNumber(k)
	if err != nil {
		return 0, false, err
	}
	if !ok {
		if number, err = s.addKey(s.scratch); err != nil {
			return 0, false, err
		}
	}
	place, made = s.Of(number, start, end, seq)
	return place, made, nil
}

// Of is At for a key that has a number.
func (s *Windows[K, A]) Of(key int32, start, end int64, seq int32) (place int32, made bool) {
	at, found := s.search(key, start, seq)
	if s.layout == Free {
		for list := s.keys[key].list; found && s.spans[list[at].place].end != end; at++ { // several may start there
			if found = at+1 < len(list) && list[at+1].start == start; !found {
				at++
				break
			}
		}
	}
	if found {
		return s.keys[key].list[at].place, false
	}
	place = s.insert(key, at, start, end, seq)
	if int(place) == len(s.accs) {
		var none A
		s.accs = append(s.accs, none)
	}
	s.bytes += int64(unsafe.Sizeof(s.accs[place]))
	return place, true
}

func (s *Windows[K, A]) addKey(encoded []byte) (int32, error) {
	n := s.add(encoded)
	k, err := s.codecs.Decode(stringBytes(s.keys[n].encoded))
	if err != nil {
		return 0, fmt.Errorf("store %s: decode a key as %s: %w", s.name, s.codecs.Name(), err)
	}
	if int(n) == len(s.decoded) {
		s.decoded = append(s.decoded, k)
	} else {
		s.decoded[n] = k
	}
	return n, nil
}

// KeyOf returns a key by its number, in memory of the store's own.
func (s *Windows[K, A]) KeyOf(number int32) K { return s.decoded[number] }

// Value returns what a window has.
func (s *Windows[K, A]) Value(place int32) A { return s.accs[place] }

// Set sets what a window has. time is the event time of what it was made of, ms.
func (s *Windows[K, A]) Set(place int32, acc A, time int64) {
	s.accs[place] = acc
	s.touch(place, time)
}

// Drop removes a window, as Remove does, and forgets its value.
func (s *Windows[K, A]) Drop(place int32, done bool) {
	var none A
	s.accs[place] = none
	s.bytes -= int64(unsafe.Sizeof(none))
	s.Remove(place, done)
}

// Range yields the places of a key's windows that start from from to to, both inclusive, in order. The windows must not be
// changed meanwhile.
func (s *Windows[K, A]) Range(key int32, from, to int64) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		list := s.keys[key].list
		at, _ := s.search(key, from, 0)
		for ; at < len(list) && list[at].start <= to; at++ {
			if !yield(list[at].place) {
				return
			}
		}
	}
}

// First returns the place of a key's earliest window.
func (s *Windows[K, A]) First(key int32) (place int32, ok bool) {
	list := s.keys[key].list
	if len(list) == 0 {
		return 0, false
	}
	return list[0].place, true
}

// Before returns the place of the last window of a key that starts before a time.
func (s *Windows[K, A]) Before(key int32, start int64) (place int32, ok bool) {
	at, _ := s.search(key, start, 0)
	if at == 0 {
		return 0, false
	}
	return s.keys[key].list[at-1].place, true
}

// All yields the windows: of one key by start, keys in no order.
func (s *Windows[K, A]) All() iter.Seq2[K, int32] {
	return func(yield func(K, int32) bool) {
		for number := range s.keys {
			for _, at := range s.keys[number].list {
				if !yield(s.decoded[number], at.place) {
					return
				}
			}
		}
	}
}

// Flush hands out what changed since the last call (engine.Store).
func (s *Windows[K, A]) Flush(record func(key, value []byte, time int64) error) error {
	return s.flush(record, func(place int32) ([]byte, error) {
		var err error
		if s.value, err = s.values.Append(s.value[:0], s.accs[place]); err != nil {
			return nil, fmt.Errorf("encode the value of a window as %s: %w", s.values.Name(), err)
		}
		if s.value == nil {
			s.value = []byte{} // empty is a value; nil is none
		}
		return s.value, nil
	})
}

// Restore applies a changelog record (engine.Store).
func (s *Windows[K, A]) Restore(key, value []byte, time int64) error {
	if string(key) == string(boundKey) {
		if len(value) != 8 {
			return fmt.Errorf("the closed bound has %d bytes, not 8", len(value))
		}
		s.closed = max(s.closed, int64(binary.BigEndian.Uint64(value)))
		return nil
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
	acc, err := s.values.Decode(value)
	if err != nil {
		return fmt.Errorf("decode a value as %s: %w", s.values.Name(), err)
	}
	if number < 0 {
		if number, err = s.addKey(encoded); err != nil {
			return err
		}
	}
	place, made := s.Of(number, start, end, seq)
	s.accs[place] = acc
	p := &s.spans[place]
	p.time, p.logged, p.sent = time, true, true
	if made && s.Restored != nil {
		s.Restored(place)
	}
	return nil
}

// restoredRemoval applies a tombstone.
func (s *Windows[K, A]) restoredRemoval(key int32, start, end int64, seq int32) {
	at, found := s.search(key, start, seq)
	list := s.keys[key].list
	for ; found && at < len(list) && list[at].start == start; at++ {
		place := list[at].place
		if p := &s.spans[place]; p.end == end {
			p.logged = false
			s.Drop(place, false)
			return
		}
	}
}
