package state

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/millrace/millrace/framework/state/disk"
)

// A window store that a folder keeps a copy of need not have all its windows in memory. Those that were not used for a while are put
// aside, in the folder and beside the copy: all windows of a key together, of an unordered store each by itself. They come back when they
// are asked for, or due. What is aside is as good as what is in memory: after a crash or an abort it is gone as that is, and read from
// the copy again.

// aside is what a window store has put aside.
type aside struct {
	to      *disk.Aside // nil: all is in memory
	hand    int32       // the key or place that is looked at next for one to be put aside
	windows int         // how many are aside
	weight  weight
	key     []byte
	value   []byte
	last    string // the last that came back because it was due; "": something that went since then comes before
	lastAt  int64  // when it was due
}

// Owner is what the operator of a store does about windows that go and come back.
type Owner struct {
	// Due returns when a window that is there is due, or its key; Never: not at all. What was handed on is due no more.
	Due func(place int32) int64
	// Back is called for each window that comes back, when all of its key are there, of an unordered store for itself. due is the
	// earliest time that Due said of those that went together.
	Back func(place int32, due int64)
	// Stands says that a number of the schedule is due at a time, as far as is known now.
	Stands func(at int64, number int32) bool
	// Once: of the times at which a number stands any one is enough.
	Once bool
	// Leaves is called for a key whose windows go; nil: nothing is kept of a key.
	Leaves func(key int32)
}

// PutsAside has the store put windows aside that were not used for a while, as soon as it takes more memory than its part.
func (s *Windows) PutsAside(to *disk.Aside) { s.aside.to = to }

// NextAside returns a time before which nothing that is aside is due.
func (s *Windows) NextAside() int64 {
	if s.aside.windows == 0 {
		return never
	}
	return s.aside.to.Next()
}

// LastBack returns a key before which nothing is aside that is due at a time: the last that Wake brought back.
func (s *Windows) LastBack(at int64) string {
	if s.aside.lastAt != at {
		return ""
	}
	return s.aside.last
}

// Wake brings back what is due by a time: at most n keys, of an unordered store windows, the earliest first, of one time in the order of
// their bytes.
func (s *Windows) Wake(at int64, n int) error {
	if s.aside.windows == 0 {
		return nil
	}
	things, err := s.aside.to.Due(at, n)
	for i := range things {
		if err == nil {
			err = s.back(things[i])
		}
		s.aside.last, s.aside.lastAt = string(things[i].Key), things[i].Due
	}
	if err != nil {
		return fmt.Errorf("store %s: %w", s.name, err)
	}
	return nil
}

// used notes that a window was asked for.
func (s *Windows) used(place int32) {
	if s.shape.Unordered {
		s.spans[place].is |= used
	} else {
		s.keys[s.spans[place].key].used = true
	}
}

// Bytes returns about how much memory the store takes.
func (s *Windows) Bytes() int64 { return s.bytes + int64(s.count)*s.aside.weight.average() }

// spare puts windows aside until the store takes no more than its part: those not used since it looked last.
func (s *Windows) spare() error {
	limit := s.aside.to.MemoryBytes()
	if s.Bytes() <= limit {
		return nil
	}
	n := len(s.keys)
	if s.shape.Unordered {
		n = len(s.spans)
	}
	for looked := 0; looked < 2*n && s.Bytes() > limit; looked++ {
		at := s.aside.hand % int32(n)
		s.aside.hand = at + 1
		if places := s.spared(at); len(places) > 0 {
			if err := s.putAside(places); err != nil {
				return err
			}
		}
	}
	s.idle, s.retired = append(s.idle, s.retired...), s.retired[:0] // nothing is left to be written of them
	if s.Due.Len() > staleFor+2*mostDue*s.count {
		s.Due.Filter(s.Owner.Once, s.Owner.Stands)
	}
	return nil
}

const (
	// staleFor is how many numbers of windows that went the schedule may have in any case.
	staleFor = 1 << 12
	// mostDue is at how many times a window may be due.
	mostDue = 2
)

// spared returns the windows of a key, or of an unordered store the one at a place, if they can go and were not used since the last
// look.
func (s *Windows) spared(at int32) []int32 {
	s.places = s.places[:0]
	if s.shape.Unordered {
		p := &s.spans[at]
		if !p.has(present) || !p.calm() {
			return nil
		}
		if p.has(used) {
			p.is &^= used
			return nil
		}
		return append(s.places, at)
	}
	k := &s.keys[at]
	if k.count == 0 {
		return nil
	}
	if k.used {
		k.used = false
		return nil
	}
	for _, w := range k.sorted {
		if !s.spans[w.Place].calm() {
			return nil
		}
		s.places = append(s.places, w.Place)
	}
	return s.places
}

// calm says that nothing is to be done about a window but to keep it.
func (p *span) calm() bool { return !p.has(dirty|fresh) && p.marks == 0 }

// putAside puts windows aside that belong together.
func (s *Windows) putAside(places []int32) error {
	key := s.spans[places[0]].key
	due := int64(never)
	value := binary.AppendUvarint(s.aside.value[:0], uint64(len(places)))
	for _, place := range places {
		p := &s.spans[place]
		if s.Owner.Due != nil {
			due = min(due, s.Owner.Due(place))
		}
		value = binary.AppendVarint(binary.AppendVarint(binary.AppendVarint(value, p.start), p.second), p.time)
		value = append(value, byte(p.is))
		b, err := s.cells.Append(s.value[:0], place)
		if err != nil {
			return err
		}
		s.value = b
		value = append(binary.AppendUvarint(value, uint64(len(b))), b...)
	}
	s.aside.value = value
	first := &s.spans[places[0]]
	unit := s.unit(s.encoded[key], first.start, first.second)
	if due <= s.aside.lastAt && string(unit) < s.aside.last {
		s.aside.last = ""
	}
	if err := s.aside.to.Put(unit, due, value); err != nil {
		return err
	}
	if s.Owner.Leaves != nil {
		s.Owner.Leaves(key)
	}
	for _, place := range places {
		s.spans[place].is &^= logged // the changelog keeps it
		s.Drop(place, false)
	}
	s.aside.windows += len(places)
	return nil
}

// unit is the key under which windows are aside.
func (s *Windows) unit[K string | []byte](encoded K, start, second int64) []byte {
	s.aside.key = append(s.aside.key[:0], encoded...)
	if s.shape.Unordered {
		s.aside.key = s.layout(s.aside.key, start, second)
	}
	return s.aside.key
}

// ask brings back what is aside of a key, of an unordered store a window of it; not ok: nothing is.
func (s *Windows) ask(encoded []byte, start, second int64) (ok bool, err error) {
	if s.aside.windows == 0 {
		return false, nil
	}
	thing, ok, err := s.aside.to.Take(s.unit(encoded, start, second))
	if ok {
		err = s.back(thing)
	}
	if err != nil {
		return false, fmt.Errorf("store %s: %w", s.name, err)
	}
	return ok, nil
}

var errAside = errors.New("what was put aside in the state folder is cut off: the folder is damaged: delete it, and stores are restored from their changelogs")

// back makes windows of what was aside.
func (s *Windows) back(thing disk.Thing) (err error) {
	encoded := thing.Key
	if s.shape.Unordered {
		if encoded, _, _, err = s.decode(thing.Key); err != nil {
			return err
		}
	}
	n, value := take(thing.Value, binary.Uvarint)
	s.places = s.places[:0]
	for range n {
		var start, second, time int64
		start, value = take(value, binary.Varint)
		second, value = take(value, binary.Varint)
		if time, value = take(value, binary.Varint); len(value) == 0 {
			return errAside
		}
		is := spanState(value[0])
		var long uint64
		if long, value = take(value[1:], binary.Uvarint); uint64(len(value)) < long {
			return errAside
		}
		place, err := s.make(encoded, start, second)
		if err != nil {
			return err
		}
		if err := s.cells.Decode(place, value[:long]); err != nil {
			return err
		}
		value = value[long:]
		p := &s.spans[place]
		p.time, p.is = time, is|used
		s.places = append(s.places, place)
	}
	s.aside.windows -= len(s.places)
	if s.Owner.Back != nil {
		for _, place := range s.places {
			s.Owner.Back(place, thing.Due)
		}
	}
	return nil
}

// take reads a number; what is left is nil where there is none.
func take[N int64 | uint64](b []byte, number func([]byte) (N, int)) (N, []byte) {
	v, n := number(b)
	if n <= 0 {
		return 0, nil
	}
	return v, b[n:]
}
