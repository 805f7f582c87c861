package state

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
)

// boundKey is the key under which a changelog has the closed bound: shorter than the key of any window.
var boundKey = []byte("mr")

// Bound is up to where windows were closed: all that were due at a watermark and, where a great many are due at one time, some
// of those that are due right after it. Those come in the order of their keys and starts, and the bound has the last of them.
type Bound struct {
	At    int64
	Some  bool // Key and Start are one of those right after At
	Key   string
	Start int64
}

func (b Bound) compare(c Bound) int {
	switch {
	case b.At != c.At:
		return cmp.Compare(b.At, c.At)
	case !b.Some || !c.Some:
		return cmp.Compare(b.order(), c.order())
	}
	return cmp.Or(cmp.Compare(b.Key, c.Key), cmp.Compare(b.Start, c.Start))
}

func (b Bound) order() int {
	if b.Some {
		return 1
	}
	return 0
}

// Closed returns the highest watermark at which windows were closed: what ends by then is never opened again.
func (s *Spans) Closed() int64 { return s.closed.At }

// Done says that what is due at a time was handed on before, as far as the closed bound knows: it is due once more since the
// store was restored.
func (s *Spans) Done(at int64, key int32, start int64) bool {
	if at != s.closed.At+1 {
		return at <= s.closed.At
	}
	return s.closed.Some && Bound{s.closed.At, true, s.encoded[key], start}.compare(s.closed) <= 0
}

// Close says that all that was due at a watermark is closed.
func (s *Spans) Close(watermark int64) { s.close(Bound{At: watermark}) }

// CloseSome says that all that was due before a time is closed, and of what is due at it, in the order of encoded keys and starts, what
// is not behind that of a key and start.
func (s *Spans) CloseSome(at int64, key string, start int64) {
	s.close(Bound{at - 1, true, key, start})
}

// Encoded returns a key as it is encoded.
func (s *Spans) Encoded(key int32) string { return s.encoded[key] }

func (s *Spans) close(to Bound) {
	if to.compare(s.closed) <= 0 {
		return
	}
	s.closed = to
	now, _ := s.rounds.Round()
	if n := len(s.bounds); n > 0 && s.bounds[n-1].round == now {
		s.bounds[n-1].bound = to
		return
	}
	s.bounds = append(s.bounds, boundIn{now, to})
}

// releasedBound takes out the bounds whose results are all done with, and returns the last one.
func (s *Spans) releasedBound(released int64) (last Bound) {
	last.At = math.MinInt64
	n := 0
	for n < len(s.bounds) && s.bounds[n].round < released {
		last = s.bounds[n].bound
		n++
	}
	s.bounds = slices.Delete(s.bounds, 0, n)
	return last
}

// CompareKeys orders keys as CloseSome wants them.
func (s *Spans) CompareKeys(a, b int32) int {
	return strings.Compare(s.encoded[a], s.encoded[b])
}

// ComparePlaces orders windows as CloseSome wants them.
func (s *Spans) ComparePlaces(a, b int32) int {
	p, q := &s.spans[a], &s.spans[b]
	return cmp.Or(s.CompareKeys(p.key, q.key), cmp.Compare(p.start, q.start))
}

// encode returns what the changelog has of a bound: At (8 bytes, big endian); where there is some of the next time Start (8) and
// the key.
func (b Bound) encode() []byte {
	value := binary.BigEndian.AppendUint64(nil, uint64(b.At))
	if b.Some {
		value = binary.BigEndian.AppendUint64(value, uint64(b.Start))
		value = append(value, b.Key...)
	}
	return value
}

func decodeBound(value []byte) (b Bound, err error) {
	if len(value) != 8 && len(value) < 16 {
		return b, fmt.Errorf("the closed bound has %d bytes: those have 8, or 16 and a key", len(value))
	}
	b.At = int64(binary.BigEndian.Uint64(value))
	if b.Some = len(value) > 8; b.Some {
		b.Start, b.Key = int64(binary.BigEndian.Uint64(value[8:])), string(value[16:])
	}
	return b, nil
}
