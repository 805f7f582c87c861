package framework

import (
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/framework/internal/engine"
)

// windowKind is how windows are cut.
type windowKind int8

const (
	byAligned  windowKind = iota // tumbling and hopping: of one size, at multiples of the advance
	byAssigned                   // by the user's Assigner
	bySession
	bySliding
	byTumblingCount
	bySlidingCount
)

// windowSpec says which windows a record is in, and until when they take records. Times are ms.
type windowSpec struct {
	kind          windowKind
	title         string // "tumbling"
	size, advance int64  // of aligned windows; size of sliding ones is their time difference
	offset        int64  // from 0 to advance
	gap           int64
	grace         int64
	count         int
	assigner      Assigner
	longest       int64 // of the assigner's
}

// Assigner puts times into windows of the user's own, for example calendar days in a time zone: see Grouped.Windows. Its methods
// are called from several goroutines, and must return the same for the same time always.
type Assigner interface {
	// Assign returns the windows that a time is in: [start, end) with start <= at < end, to the millisecond. A time may be
	// in none.
	Assign(at time.Time) []Window
	// Longest returns a length that no window exceeds: what comes behind an aggregate that hands on updates waits for that long.
	Longest() time.Duration
}

// last is the latest time at which something can be due.
const last = engine.Never - 1

// closes returns the watermark at which a window takes no more records.
func (s *windowSpec) closes(start, end int64) int64 {
	switch s.kind {
	case bySession: // when the watermark is past end + gap + grace
		return min(engine.Later(engine.Later(end, s.gap), s.grace+1), last)
	case bySliding: // past end + grace
		return min(engine.Later(end, s.grace+1), last)
	}
	return min(engine.Later(end, s.grace), last)
}

// takes says whether a window takes a record that was born at that watermark. It depends on nothing else, so that it is the
// same in every run.
func (s *windowSpec) takes(end, birth int64) bool { return engine.Later(end, s.grace) > birth }

// takesRecord says whether windows that records shape, sessions and sliding ones, take a record: by its own time.
func (s *windowSpec) takesRecord(at, birth int64) bool { return engine.Later(at, s.grace) >= birth }

// finalTime is the event time of a window's final result.
func (s *windowSpec) finalTime(end int64) int64 {
	if s.kind == bySession || s.kind == bySliding {
		return end
	}
	return end - 1
}

// delay is how far results are behind the watermark. final: only those of closed windows are handed on.
func (s *windowSpec) delay(final bool) int64 {
	switch s.kind {
	case bySession:
		if final {
			return engine.Later(s.gap, s.grace+1)
		}
		return engine.Later(s.gap, s.grace)
	case bySliding:
		if final {
			return s.grace + 1
		}
		return engine.Later(s.size, s.grace)
	case byTumblingCount, bySlidingCount:
		return 0
	}
	if final {
		return s.grace
	}
	return engine.Later(max(s.size, s.longest), s.grace)
}

// firstStart and lastStart are the starts of the aligned windows that a time is in; first > last: it is in none.
func (s *windowSpec) starts(at int64) (first, last int64) {
	last = floor(at-s.offset, s.advance) + s.offset
	if last > at { // at - offset wrapped around
		last -= s.advance
	}
	switch {
	case s.size == s.advance:
		return last, last
	case at-last >= s.size:
		return last + s.advance, last // between two windows
	}
	first = last - (s.size-1-(at-last))/s.advance*s.advance
	if first < 0 { // none begins before 1970, but the only one that has the time
		first = min(last, s.offset)
	}
	return first, last
}

// floor returns the largest multiple of by that is not above v.
func floor(v, by int64) int64 {
	r := v % by
	if r < 0 {
		r += by
	}
	return v - r
}

// each calls f for the windows that a time is in, and returns how many these are. Windows that the assigner returns are checked.
func (s *windowSpec) each(at int64, f func(start, end int64) error) (n int, err error) {
	if s.kind == byAligned {
		first, last := s.starts(at)
		for start := first; start <= last; start += s.advance {
			if err := f(start, start+s.size); err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	}
	for _, w := range s.assigner.Assign(time.UnixMilli(at).UTC()) {
		start, end := w.Bounds()
		if start > at || end <= at || end-start > s.longest {
			return n, fmt.Errorf("the Assigner puts %s into the window from %s to %s: a window has the times that it is given, and is no longer than Longest, which is %s",
				time.UnixMilli(at).UTC().Format(time.RFC3339Nano), w.Start().Format(time.RFC3339Nano), w.End().Format(time.RFC3339Nano), time.Duration(s.longest)*time.Millisecond)
		}
		if err := f(start, end); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// millis returns a length in ms, or what is wrong with it.
func millis(what string, d time.Duration, least time.Duration) (int64, error) {
	switch {
	case d < least && least > 0:
		return 0, fmt.Errorf("%s of %s: it is %s at least", what, d, least)
	case d < 0:
		return 0, fmt.Errorf("%s of %s: it is not negative", what, d)
	case d%time.Millisecond != 0:
		return 0, fmt.Errorf("%s of %s: event time is in whole milliseconds", what, d)
	}
	return int64(d / time.Millisecond), nil
}

var errNoAssigner = errors.New("the Assigner is nil: give it one")
