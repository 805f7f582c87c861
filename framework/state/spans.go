package state

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sort"
	"unsafe"
)

// Layout is how a window stands in the keys of a changelog.
type Layout int8

const (
	// Fixed windows have one size: key, start (8 bytes, big endian), sequence (4).
	Fixed Layout = iota
	// Free windows have any: key, end (8), start (8).
	Free
)

// Spans is which windows each key has: what of a window store knows no types. A window has a place, which is a small number,
// and stays there until it is removed.
type Spans struct {
	name   string
	layout Layout
	size   int64 // of fixed windows, ms

	index   map[string]int32 // encoded key -> its number
	keys    []keySpans       // by number
	idle    []int32          // numbers not in use
	spans   []span           // by place
	count   int              // of windows: some places wait to be used again
	unused  []int32
	retired []int32           // numbers not in use from the next flush on
	forget  func(place int32) // drops the value of a place
	dirty   []int32           // places that changed since the last flush, in order of the first change
	changed []int32           // places that changed since they were handed on last
	gone    []obituary        // windows that are removed and were logged
	bytes   int64

	// Due is when windows, or keys, are due; the store's operator decides which.
	Due Schedule

	// Tracks lets Changed know which windows changed since they were handed on.
	Tracks bool

	closed Bound
	round  func() (now, released int64)
}

// keySpans is the windows of one key.
type keySpans struct {
	encoded string
	list    []spanAt // by start, then by what second says
	next    int64    // for the operator: when the key is due
}

type spanAt struct {
	start int64
	place int32
}

type span struct {
	start, end int64
	time       int64 // highest event time in it
	key        int32
	seq        int32
	present    bool // it has a value
	logged     bool // the changelog has it
	dirty      bool
	fresh      bool // it changed since it was handed on
	sent       bool // it was handed on
	marks      uint8
}

// obituary is something to be written when all results of a round are done with: of a window that was removed the tombstone, or
// the closed bound.
type obituary struct {
	round int64 // atOnce: none are waited for
	place int32 // of a window that changed in the round and is there until the next flush; none: key says which
	key   []byte
	time  int64
	bound Bound // of what is no window
}

// none is the place of no window.
const none = -1

const atOnce = -1

func newSpans(name string, layout Layout, size int64, round func() (now, released int64)) Spans {
	return Spans{name: name, layout: layout, size: size, index: map[string]int32{}, closed: Bound{At: math.MinInt64}, round: round}
}

// Name returns the store's name.
func (s *Spans) Name() string { return s.name }

// Bytes returns about how much memory the store takes.
func (s *Spans) Bytes() int64 { return s.bytes }

// Len returns the number of windows.
func (s *Spans) Len() int { return s.count }

// Bounds returns where a window starts and ends, and the highest event time in it.
func (s *Spans) Bounds(place int32) (start, end, time int64) {
	p := &s.spans[place]
	return p.start, p.end, p.time
}

// Key returns the number of a window's key.
func (s *Spans) Key(place int32) int32 { return s.spans[place].key }

// Seq returns the window's number among those that start at one time.
func (s *Spans) Seq(place int32) int32 { return s.spans[place].seq }

// Present says that there is a window at the place.
func (s *Spans) Present(place int32) bool { return s.spans[place].present }

// Marks returns what the operator noted of a window.
func (s *Spans) Marks(place int32) uint8 { return s.spans[place].marks }

// Mark notes something of a window; it is not logged.
func (s *Spans) Mark(place int32, marks uint8) { s.spans[place].marks = marks }

// Known says that a number is a key's, which has windows.
func (s *Spans) Known(key int32) bool { return len(s.keys[key].list) > 0 }

// Next returns what SetNext set for a key; never where it was not.
func (s *Spans) Next(key int32) int64 { return s.keys[key].next }

// SetNext notes when a key is due; it is not logged.
func (s *Spans) SetNext(key int32, at int64) { s.keys[key].next = at }

// number returns the number of an encoded key, -1 where it has no window.
func (s *Spans) number(encoded []byte) int32 {
	if n, ok := s.index[string(encoded)]; ok {
		return n
	}
	return -1
}

func (s *Spans) add(encoded []byte) int32 {
	own := string(encoded)
	n := int32(len(s.keys))
	k := keySpans{encoded: own, next: never}
	if last := len(s.idle); last > 0 {
		n, s.idle = s.idle[last-1], s.idle[:last-1]
		k.list = s.keys[n].list[:0]
		s.keys[n] = k
	} else {
		s.keys = append(s.keys, k)
	}
	s.index[own] = n
	s.bytes += int64(len(own)) + int64(unsafe.Sizeof(k)) + 40
	return n
}

// second is what tells windows of a key apart that start at one time.
func (s *Spans) second(p *span) int64 { return s.secondOf(p.end, p.seq) }

func (s *Spans) secondOf(end int64, seq int32) int64 {
	if s.layout == Free {
		return end
	}
	return int64(seq)
}

// search returns where a window is in the list of its key, or would be.
func (s *Spans) search(key int32, start, second int64) (at int, found bool) {
	list := s.keys[key].list
	n := len(list)
	if n == 0 || list[n-1].start < start { // most come in order
		return n, false
	}
	if last := list[n-1]; last.start == start && s.second(&s.spans[last.place]) == second {
		return n - 1, true
	}
	at, found = sort.Find(len(list), func(i int) int {
		if c := cmp.Compare(start, list[i].start); c != 0 {
			return c
		}
		return cmp.Compare(second, s.second(&s.spans[list[i].place]))
	})
	return at, found
}

// foremost is before all that start at one time.
const foremost = math.MinInt64

// insert makes a window of a key, at a place of its list.
func (s *Spans) insert(key int32, at int, start, end int64, seq int32) int32 {
	place := int32(len(s.spans))
	if n := len(s.unused); n > 0 {
		place, s.unused = s.unused[n-1], s.unused[:n-1]
	} else {
		s.spans = append(s.spans, span{})
	}
	s.count++
	s.spans[place] = span{start: start, end: end, time: math.MinInt64, key: key, seq: seq, present: true}
	k := &s.keys[key]
	k.list = slices.Insert(k.list, at, spanAt{start, place})
	s.bytes += int64(unsafe.Sizeof(span{}) + unsafe.Sizeof(spanAt{}))
	return place
}

// touch notes that a window changed.
func (s *Spans) touch(place int32, time int64) {
	p := &s.spans[place]
	p.time = max(p.time, time)
	if !p.dirty {
		p.dirty = true
		s.dirty = append(s.dirty, place)
	}
	if s.Tracks && !p.fresh {
		p.fresh = true
		s.changed = append(s.changed, place)
	}
}

// Move gives a window other bounds.
func (s *Spans) Move(place int32, start, end int64) {
	p := &s.spans[place]
	if p.start == start && p.end == end {
		return
	}
	s.bury(p, atOnce)
	at, _ := s.search(p.key, p.start, s.second(p))
	k := &s.keys[p.key]
	k.list = slices.Delete(k.list, at, at+1)
	p.start, p.end, p.logged, p.sent = start, end, false, false
	at, _ = s.search(p.key, start, s.second(p))
	k.list = slices.Insert(k.list, at, spanAt{start, place})
}

// Remove removes a window. done: its result may be held by an operator for a while, and until that is over the changelog
// keeps the window.
func (s *Spans) Remove(place int32, done bool) {
	p := &s.spans[place]
	round := int64(atOnce)
	if done {
		round, _ = s.round()
	}
	if done && p.dirty {
		s.gone = append(s.gone, obituary{round: round, place: place})
	} else {
		s.bury(p, round)
	}
	k := &s.keys[p.key]
	if len(k.list) > 0 && k.list[0].place == place {
		k.list = k.list[1:]
	} else {
		at, _ := s.search(p.key, p.start, s.second(p))
		k.list = slices.Delete(k.list, at, at+1)
	}
	if len(k.list) == 0 {
		delete(s.index, k.encoded)
		s.retired = append(s.retired, p.key)
		s.bytes -= int64(len(k.encoded)) + int64(unsafe.Sizeof(*k)) + 40
	}
	p.present = false
	s.count--
	s.bytes -= int64(unsafe.Sizeof(span{}) + unsafe.Sizeof(spanAt{}))
	if !p.dirty && !p.fresh {
		s.release(place)
	}
}

// release lets a place be used again, when no list has it any more.
func (s *Spans) release(place int32) {
	s.forget(place)
	s.spans[place] = span{}
	s.unused = append(s.unused, place)
}

func (s *Spans) bury(p *span, round int64) {
	if p.logged {
		s.gone = append(s.gone, obituary{round: round, place: none, key: s.appendKey(nil, p), time: p.time})
	}
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
		p.fresh = false
		if !p.present {
			if !p.dirty {
				s.release(place)
			}
			continue
		}
		p.sent = true
		n++
		if err := f(place); err != nil {
			return n, err
		}
	}
	return n, nil
}

// Send notes that a window was handed on.
func (s *Spans) Send(place int32) { s.spans[place].sent = true }

// Fresh says that a window changed since it was handed on.
func (s *Spans) Fresh(place int32) bool { return s.spans[place].fresh }

// Sent says that a window, with these bounds, was handed on.
func (s *Spans) Sent(place int32) bool { return s.spans[place].sent }

// flush writes what changed: values, the closed bound, tombstones. In this order, since only a beginning of it may be there after a
// crash: what a tombstone takes away is in a value that came before it, or is not wanted any more by the bound.
func (s *Spans) flush(record func(key, value []byte, time int64) error, value func(place int32) ([]byte, error)) error {
	bound, stones, err := s.flushGone(record, value)
	if err != nil {
		return err
	}
	var scratch []byte
	for _, place := range s.dirty {
		p := &s.spans[place]
		p.dirty = false
		if !p.present {
			if !p.fresh {
				s.release(place)
			}
			continue
		}
		b, err := value(place)
		if err != nil {
			return err
		}
		scratch = s.appendKey(scratch[len(scratch):], p)
		if err := record(scratch, b, p.time); err != nil {
			return err
		}
		p.logged = true
	}
	s.dirty = s.dirty[:0]
	s.idle, s.retired = append(s.idle, s.retired...), s.retired[:0]
	if bound.At != math.MinInt64 {
		if err := record(boundKey, bound.encode(), 0); err != nil {
			return err
		}
	}
	for _, o := range stones {
		if o.round == atOnce && s.has(o.key) {
			continue // made once more since
		}
		if err := record(o.key, nil, o.time); err != nil {
			return err
		}
	}
	return nil
}

// flushGone returns the closed bound and the tombstones that are to be written. Of windows whose results are held by an operator it
// writes the values if they changed: after a crash such a result is made of them once more.
func (s *Spans) flushGone(record func(key, value []byte, time int64) error, value func(place int32) ([]byte, error)) (bound Bound, stones []obituary, err error) {
	_, released := s.round()
	bound.At = math.MinInt64
	kept := s.gone[:0]
	for _, o := range s.gone {
		held := o.round >= released
		if place := o.place; place != none {
			p := &s.spans[place]
			if !held && !p.logged {
				continue
			}
			o = obituary{round: o.round, place: none, key: s.appendKey(nil, p), time: p.time}
			if held {
				b, err := value(place)
				if err == nil {
					err = record(o.key, b, o.time)
				}
				if err != nil {
					return bound, nil, err
				}
			}
		}
		switch {
		case held:
			kept = append(kept, o)
		case o.key == nil:
			bound = o.bound
		default:
			stones = append(stones, o)
		}
	}
	clear(s.gone[len(kept):])
	s.gone = kept
	return bound, stones, nil
}

// appendKey appends the key of a window in the changelog.
func (s *Spans) appendKey(dst []byte, p *span) []byte {
	encoded := s.keys[p.key].encoded
	if cap(dst)-len(dst) < len(encoded)+16 {
		dst = make([]byte, 0, max(4<<10, len(encoded)+16)) // records keep the bytes: not to be used again
	}
	dst = append(dst, encoded...)
	if s.layout == Fixed {
		dst = binary.BigEndian.AppendUint64(dst, uint64(p.start))
		return binary.BigEndian.AppendUint32(dst, uint32(p.seq))
	}
	dst = binary.BigEndian.AppendUint64(dst, uint64(p.end))
	return binary.BigEndian.AppendUint64(dst, uint64(p.start))
}

// has says that there is the window of a key of the changelog.
func (s *Spans) has(b []byte) bool {
	key, start, end, seq, err := s.parse(b)
	if number := s.number(key); err == nil && number >= 0 {
		_, found := s.search(number, start, s.secondOf(end, seq))
		return found
	}
	return false
}

// parse reads a key of the changelog.
func (s *Spans) parse(b []byte) (key []byte, start, end int64, seq int32, err error) {
	long := 12
	if s.layout == Free {
		long = 16
	}
	n := len(b) - long
	if n < 0 {
		return nil, 0, 0, 0, fmt.Errorf("a key of %d bytes is no window's: those have %d and their key", len(b), long)
	}
	first := int64(binary.BigEndian.Uint64(b[n:]))
	if s.layout == Free {
		return b[:n], int64(binary.BigEndian.Uint64(b[n+8:])), first, 0, nil
	}
	return b[:n], first, first + s.size, int32(binary.BigEndian.Uint32(b[n+8:])), nil
}
