package state

import "fmt"

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
	cells  Cells
	value  []byte
	aside  aside
	places []int32
	loaded int // windows from the changelog since the store looked for what to put aside

	// Restored is called for each window that came from the changelog.
	Restored func(place int32)
	// Owner is what is done about windows that are put aside.
	Owner Owner
}

// NewWindows returns an empty store.
func NewWindows(name string, shape Shape, cells Cells, rounds Rounds) *Windows {
	s := &Windows{Spans: newSpans(name, shape, rounds), cells: cells}
	s.forget = cells.Forget
	return s
}

// KeyNumber returns the number of an encoded key of an ordered store, and whether it has windows; without any it has no number yet.
// What cannot be read from the folder panics; the task reports it with its operator.
func (s *Windows) KeyNumber(encoded []byte) (number int32, ok bool) {
	number, err := s.keyNumber(encoded)
	if err != nil {
		panic(err)
	}
	return number, number != none
}

func (s *Windows) keyNumber(encoded []byte) (number int32, err error) {
	if number = s.number(encoded); number != none {
		return number, nil
	}
	if ok, err := s.ask(encoded, 0, 0); !ok {
		return none, err
	}
	return s.number(encoded), nil
}

// At returns the place of a window, which is made where it does not exist. Of a Fixed window seq says which it is, of a Free
// one end.
func (s *Windows) At(encoded []byte, start, end int64, seq int32) (place int32, made bool, err error) {
	return s.at(encoded, start, s.second(end, seq))
}

func (s *Windows) at(encoded []byte, start, second int64) (place int32, made bool, err error) {
	if s.shape.Unordered {
		if place, err = s.unordered(encoded, start, second); place == none && err == nil {
			made = true
			place, err = s.make(encoded, start, second)
		}
	} else {
		key, err := s.keyNumber(encoded)
		if key == none && err == nil {
			key, err = s.learn(encoded)
		}
		if err != nil {
			return none, false, err
		}
		if at, found := s.search(key, start, second); found {
			place = s.keys[key].sorted[at].Place
		} else {
			made = true
			place = s.makeIn(key, at, start, second)
		}
	}
	if err == nil && s.aside.to != nil {
		s.used(place)
	}
	return place, made, err
}

// unordered returns the place of a window of an unordered store; none where it does not exist.
func (s *Windows) unordered(encoded []byte, start, second int64) (place int32, err error) {
	if place = s.find(encoded, start, second); place != none {
		return place, nil
	}
	if ok, err := s.ask(encoded, start, second); !ok {
		return none, err
	}
	return s.find(encoded, start, second), nil
}

// make makes a window.
func (s *Windows) make(encoded []byte, start, second int64) (place int32, err error) {
	key := s.number(encoded)
	if key == none {
		if key, err = s.learn(encoded); err != nil {
			return none, err
		}
	}
	at := 0
	if !s.shape.Unordered {
		at, _ = s.search(key, start, second)
	}
	return s.makeIn(key, at, start, second), nil
}

// makeIn makes a window of a key. at is its place in the key's list, if there is one.
func (s *Windows) makeIn(key int32, at int, start, second int64) (place int32) {
	place = s.insert(key, at, start, second)
	s.cells.Make(place)
	s.bytes += s.cells.Size()
	return place
}

func (s *Windows) learn(encoded []byte) (int32, error) {
	n := s.addKey(encoded)
	if err := s.cells.Learn(n, s.encoded[n]); err != nil {
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

// Flush hands out what changed since the last call (engine.Store).
func (s *Windows) Flush(record func(key, value []byte, time int64) error) error {
	err := s.flush(record, func(place int32) ([]byte, error) {
		var err error
		if s.value, err = s.cells.Append(s.value[:0], place); err != nil {
			return nil, err
		}
		if s.value == nil {
			s.value = []byte{} // empty is a value; nil is none
		}
		s.aside.weight.add(int64(len(s.value)))
		return s.value, nil
	})
	if err == nil && s.aside.to != nil {
		err = s.spare()
	}
	return err
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
	encoded, start, second, err := s.decode(key)
	if err != nil {
		return err
	}
	if value == nil {
		return s.restoreRemoval(encoded, start, second)
	}
	place, made, err := s.at(encoded, start, second)
	if err != nil {
		return err
	}
	if err := s.cells.Decode(place, value); err != nil {
		return err
	}
	p := &s.spans[place]
	p.time = time
	p.is |= logged | sent
	if made && s.Restored != nil {
		s.Restored(place)
	}
	if s.aside.to == nil {
		return nil
	}
	s.aside.weight.add(int64(len(value)))
	if s.loaded++; s.loaded%sparedAfter != 0 {
		return nil
	}
	return s.spare()
}

// sparedAfter is after how many windows that are loaded the store looks at how much memory it takes.
const sparedAfter = 1 << 10

// restoreRemoval applies a tombstone.
func (s *Windows) restoreRemoval(encoded []byte, start, second int64) (err error) {
	place := int32(none)
	if s.shape.Unordered {
		place, err = s.unordered(encoded, start, second)
	} else if key, failed := s.keyNumber(encoded); key == none {
		err = failed
	} else if at, found := s.search(key, start, second); found {
		place = s.keys[key].sorted[at].Place
	}
	if place != none {
		s.spans[place].is &^= logged
		s.Drop(place, false)
	}
	return err
}
