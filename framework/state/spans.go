package state

import (
	"hash/maphash"
	"math"
	"unsafe"
)

// Shape is what the windows of a store are like.
type Shape struct {
	Layout Layout
	Size   int64 // of Fixed windows, ms
	// Unordered: nobody asks which windows a key has (Range, First, Last, Before), so that they need no order.
	Unordered bool
}

// Rounds is what a store has of its task.
type Rounds struct {
	// Round says which round runs, and of which all results before are done with.
	Round func() (now, released int64)
	// Keep returns a copy of b that stays as it is until the running round is acknowledged.
	Keep func(b []byte) []byte
}

// Spans is which windows each key has: what of a window store knows no types. A window has a place, which is a small number,
// and stays there until it is removed.
type Spans struct {
	name   string
	shape  Shape
	rounds Rounds

	keyNumbers
	table   table  // of places, of unordered windows
	spans   []span // by place
	count   int    // of windows: some places wait to be used again
	unused  []int32
	forget  func(place int32) // drops the value of a place
	dirty   []int32           // places that changed since the last flush, in order of the first change
	changed []int32           // places that changed since they were handed on last
	gone    []obituary        // windows that are removed and were logged
	stones  []obituary        // of them, what the running flush writes
	bounds  []boundIn         // that are not logged
	scratch []byte
	bytes   int64

	// Due is when windows, or keys, are due; the store's operator decides which.
	Due Schedule

	// Tracks lets Changed know which windows changed since they were handed on.
	Tracks bool

	closed Bound
}

// span is one window. A record costs a look at one that is in no cache: two of them fill a line of it.
type span struct {
	start  int64
	second int64 // Fixed: the sequence; Free: the end
	time   int64 // highest event time in it
	key    int32
	is     spanState
	marks  uint8
}

type spanState uint8

const (
	present spanState = 1 << iota // it has a value
	logged                        // the changelog has it
	dirty
	fresh // it changed since it was handed on
	sent  // it was handed on
	used  // an unordered one: since the store looked for what to put aside
	passed
)

func (p *span) has(s spanState) bool { return p.is&s != 0 }

func newSpans(name string, shape Shape, rounds Rounds) Spans {
	s := Spans{name: name, shape: shape, closed: Bound{At: math.MinInt64}, rounds: rounds}
	s.seed, s.index = maphash.MakeSeed(), newTable()
	if shape.Unordered {
		s.table = newTable()
	}
	return s
}

// Name returns the store's name.
func (s *Spans) Name() string { return s.name }

// Bytes returns about how much memory the store takes.
func (s *Spans) Bytes() int64 { return s.bytes }

// Holds adds what the operator keeps beside the store, in bytes, to what the store takes.
func (s *Spans) Holds(more int64) { s.bytes += more }

// Len returns the number of windows.
func (s *Spans) Len() int { return s.count }

// Bounds returns where a window starts and ends, and the highest event time in it.
func (s *Spans) Bounds(place int32) (start, end, time int64) {
	p := &s.spans[place]
	if s.shape.Layout == Free {
		return p.start, p.second, p.time
	}
	return p.start, p.start + s.shape.Size, p.time
}

// Key returns the number of a window's key.
func (s *Spans) Key(place int32) int32 { return s.spans[place].key }

// Seq returns the number of a Fixed window among those that start at one time.
func (s *Spans) Seq(place int32) int32 {
	if s.shape.Layout == Free {
		return 0
	}
	return int32(s.spans[place].second)
}

// Present says that there is a window at the place.
func (s *Spans) Present(place int32) bool { return s.spans[place].has(present) }

// Marks returns what the operator noted of a window.
func (s *Spans) Marks(place int32) uint8 { return s.spans[place].marks }

// Mark notes something of a window; it is not logged.
func (s *Spans) Mark(place int32, marks uint8) { s.spans[place].marks = marks }

// Pass notes that the first of a window's times has passed, of an operator that has more of them; it is not logged.
func (s *Spans) Pass(place int32) { s.spans[place].is |= passed }

// Passed says that Pass was called for a window.
func (s *Spans) Passed(place int32) bool { return s.spans[place].has(passed) }

// second is what tells windows of a key apart that start at one time.
func (s *Spans) second(end int64, seq int32) int64 {
	if s.shape.Layout == Free {
		return end
	}
	return int64(seq)
}

// insert makes a window of a key. at is its place in the key's list, if there is one.
func (s *Spans) insert(key int32, at int, start, second int64) int32 {
	place := int32(len(s.spans))
	if n := len(s.unused); n > 0 {
		place, s.unused = s.unused[n-1], s.unused[:n-1]
	} else {
		s.spans = append(s.spans, span{})
	}
	s.count++
	s.spans[place] = span{start: start, second: second, time: math.MinInt64, key: key, is: present}
	s.keys[key].count++
	if s.shape.Unordered {
		s.table.add(s.hash(place), place, key)
	} else {
		s.list(place, at)
	}
	s.bytes += spanBytes
	return place
}

// spanBytes is about what a window takes without its value: with its place in a list or table.
const spanBytes = int64(unsafe.Sizeof(span{}) + unsafe.Sizeof(Listed{}))

// touch notes that a window changed.
func (s *Spans) touch(place int32, time int64) {
	p := &s.spans[place]
	p.time = max(p.time, time)
	if !p.has(dirty) {
		p.is |= dirty
		s.dirty = append(s.dirty, place)
	}
	if s.Tracks && !p.has(fresh) {
		p.is |= fresh
		s.changed = append(s.changed, place)
	}
}

// Move gives a window of an ordered store other bounds.
func (s *Spans) Move(place int32, start, end int64) {
	p := &s.spans[place]
	second := s.second(end, int32(p.second))
	if p.start == start && p.second == second {
		return
	}
	s.bury(p, atOnce)
	s.unlist(place)
	p.start, p.second = start, second
	p.is &^= logged | sent
	at, _ := s.search(p.key, start, second)
	s.list(place, at)
}

// Remove removes a window. done: its result may be held by an operator for a while, and until that is over the changelog
// keeps the window.
func (s *Spans) Remove(place int32, done bool) {
	p := &s.spans[place]
	round := int64(atOnce)
	if done {
		round, _ = s.rounds.Round()
	}
	if done && p.has(dirty) {
		s.gone = append(s.gone, obituary{round: round, place: place})
	} else {
		s.bury(p, round)
	}
	if s.shape.Unordered {
		s.table.remove(s.hash(place), place)
	} else {
		s.unlist(place)
	}
	k := &s.keys[p.key]
	if k.count--; k.count == 0 {
		s.retire(p.key)
	}
	p.is &^= present
	s.count--
	s.bytes -= spanBytes
	if !p.has(dirty | fresh) {
		s.release(place)
	}
}

// release lets a place be used again, when no list has it any more.
func (s *Spans) release(place int32) {
	s.forget(place)
	s.spans[place] = span{}
	s.unused = append(s.unused, place)
}

// Changed calls f for at most limit windows that changed since they were handed on, in the order of the first change, and notes
// that they are. It returns how many that were; fewer than limit: all.
func (s *Spans) Changed(limit int, f func(place int32) error) (n int, err error) {
	took := 0
	defer func() { s.changed = append(s.changed[:0], s.changed[took:]...) }()
	for _, place := range s.changed {
		if n == limit {
			break
		}
		took++
		p := &s.spans[place]
		p.is &^= fresh
		if !p.has(present) {
			if !p.has(dirty) {
				s.release(place)
			}
			continue
		}
		p.is |= sent
		n++
		if err := f(place); err != nil {
			return n, err
		}
	}
	return n, nil
}

// Send notes that a window was handed on.
func (s *Spans) Send(place int32) { s.spans[place].is |= sent }

// Fresh says that a window changed since it was handed on.
func (s *Spans) Fresh(place int32) bool { return s.spans[place].has(fresh) }

// Sent says that a window, with these bounds, was handed on.
func (s *Spans) Sent(place int32) bool { return s.spans[place].has(sent) }
