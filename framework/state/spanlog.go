package state

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Layout is how a window stands in the keys of a changelog.
type Layout int8

const (
	// Fixed windows have one size: key, start (8 bytes, big endian), sequence (4).
	Fixed Layout = iota
	// Free windows have any: key, end (8), start (8).
	Free
)

// obituary is the tombstone of a window that was removed, to be written when all results of a round are done with.
type obituary struct {
	round int64 // atOnce: none are waited for
	place int32 // of a window that changed in the round and is there until the next flush; none: the rest says which
	loggedKey
	time int64
}

// loggedKey is a window as the changelog names it.
type loggedKey struct {
	encoded       string
	start, second int64
}

// boundIn is a closed bound, to be written when all results of a round are done with.
type boundIn struct {
	round int64
	bound Bound
}

const atOnce = -1

func (s *Spans) keyOf(p *span) loggedKey { return loggedKey{s.encoded[p.key], p.start, p.second} }

// bury notes that the changelog is to lose a window.
func (s *Spans) bury(p *span, round int64) {
	if p.has(logged) {
		s.gone = append(s.gone, obituary{round, none, s.keyOf(p), p.time})
	}
}

// flush writes what changed: values, the closed bound, tombstones. In this order, since only a beginning of it may be there after a
// crash: what a tombstone takes away is in a value that came before it, or is not wanted any more by the bound.
func (s *Spans) flush(record logging, value func(place int32) ([]byte, error)) error {
	_, released := s.rounds.Round()
	if err := s.flushGone(released, record, value); err != nil {
		return err
	}
	for _, place := range s.dirty {
		p := &s.spans[place]
		p.is &^= dirty
		if !p.has(present) {
			if !p.has(fresh) {
				s.release(place)
			}
			continue
		}
		b, err := value(place)
		if err != nil {
			return err
		}
		if err := record(s.encode(s.keyOf(p)), b, p.time); err != nil {
			return err
		}
		p.is |= logged
	}
	s.dirty = s.dirty[:0]
	s.idle, s.retired = append(s.idle, s.retired...), s.retired[:0]
	if bound := s.releasedBound(released); bound.At != math.MinInt64 {
		if err := record(boundKey, bound.encode(), 0); err != nil {
			return err
		}
	}
	return s.flushStones(record)
}

// logging writes a change to the changelog.
type logging = func(key, value []byte, time int64) error

// flushGone puts the tombstones that are to be written into stones. Of windows whose results are held by an operator it writes the
// values if they changed: after a crash such a result is made of them once more.
func (s *Spans) flushGone(released int64, record logging, value func(place int32) ([]byte, error)) error {
	kept := s.gone[:0]
	for _, o := range s.gone {
		held := o.round >= released
		if place := o.place; place != none {
			p := &s.spans[place]
			if !held && !p.has(logged) {
				continue
			}
			o = obituary{o.round, none, s.keyOf(p), p.time}
			if held {
				b, err := value(place)
				if err == nil {
					err = record(s.encode(o.loggedKey), b, o.time)
				}
				if err != nil {
					return err
				}
			}
		}
		if held {
			kept = append(kept, o)
		} else {
			s.stones = append(s.stones, o)
		}
	}
	clear(s.gone[len(kept):])
	s.gone = kept
	return nil
}

func (s *Spans) flushStones(record logging) error {
	var kept map[loggedKey]bool // that were made once more, and closed with a result that is held
	for i := range s.stones {
		o := &s.stones[i]
		if o.round == atOnce {
			if kept == nil {
				kept = make(map[loggedKey]bool, len(s.gone))
				for j := range s.gone {
					kept[s.gone[j].loggedKey] = true
				}
			}
			if s.has(o.loggedKey) || kept[o.loggedKey] {
				continue // made once more since
			}
		}
		if err := record(s.encode(o.loggedKey), nil, o.time); err != nil {
			return err
		}
	}
	clear(s.stones)
	s.stones = s.stones[:0]
	return nil
}

// has says that there is the window of a key of the changelog.
func (s *Spans) has(k loggedKey) bool {
	s.scratch = append(s.scratch[:0], k.encoded...)
	if s.shape.Unordered {
		return s.find(s.scratch, k.start, k.second) != none
	}
	key := s.number(s.scratch)
	if key == none {
		return false
	}
	_, found := s.search(key, k.start, k.second)
	return found
}

// encode returns a key of the changelog.
func (s *Spans) encode(k loggedKey) []byte {
	s.scratch = s.layout(append(s.scratch[:0], k.encoded...), k.start, k.second)
	return s.rounds.Keep(s.scratch)
}

// layout adds a window to an encoded key.
func (s *Spans) layout(b []byte, start, second int64) []byte {
	if s.shape.Layout == Fixed {
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(b, uint64(start)), uint32(second))
	}
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, uint64(second)), uint64(start))
}

// decode reads a key of the changelog.
func (s *Spans) decode(b []byte) (encoded []byte, start, second int64, err error) {
	long := 12
	if s.shape.Layout == Free {
		long = 16
	}
	n := len(b) - long
	if n < 0 {
		return nil, 0, 0, fmt.Errorf("a key of %d bytes is no window's: those have %d and their key", len(b), long)
	}
	first := int64(binary.BigEndian.Uint64(b[n:]))
	if s.shape.Layout == Free {
		return b[:n], int64(binary.BigEndian.Uint64(b[n+8:])), first, nil
	}
	return b[:n], first, int64(int32(binary.BigEndian.Uint32(b[n+8:]))), nil
}
