package framework

import (
	"math"
	"testing"

	"github.com/millrace/millrace/framework/internal/engine"
)

// longestLength is what a time.Duration can say, in ms.
const longestLength = math.MaxInt64 / 1_000_000

// aligned makes a spec and a time of any numbers.
func aligned(size, advance, offset, at int64) (s windowSpec, _ int64) {
	within := func(n, below int64) int64 {
		if n %= below; n < 0 {
			n += below
		}
		return n
	}
	s = windowSpec{kind: byAligned, size: 1 + within(size, longestLength), advance: 1 + within(advance, longestLength)}
	s.offset = within(offset, s.advance)
	return s, within(at, latestTime+1)
}

func seedTimes(f *testing.F) {
	for _, at := range []int64{0, 1, 59_999, 60_000, 1_700_000_000_000, latestTime} {
		for _, s := range [][3]int64{{59_999, 59_999, 0}, {0, 0, 0}, {59_999, 19_999, 7}, {99, 29, 7}, {19, 49, 3}, {longestLength - 1, 0, 0}, {longestLength - 1, longestLength - 1, longestLength - 2}} {
			f.Add(s[0], s[1], s[2], at)
		}
	}
}

func FuzzATimeIsInTheWindowsAroundItAndInNoOther(f *testing.F) {
	seedTimes(f)
	f.Fuzz(func(t *testing.T, size, advance, offset, at int64) {
		s, at := aligned(size, advance, offset, at)
		first, last := s.starts(at)
		if first > last { // none: it is between the one that begins last and the next
			before := floor(at-s.offset, s.advance) + s.offset
			if at-before < s.size {
				t.Fatalf("%+v: %d is in no window, and it is in that from %d", s, at, before)
			}
			return
		}
		for _, start := range []int64{first, last} {
			if at < start || at >= start+s.size || (start-s.offset)%s.advance != 0 {
				t.Fatalf("%+v: %d is in the window from %d, of %d to %d", s, at, start, first, last)
			}
		}
		if last+s.advance <= at {
			t.Fatalf("%+v: %d is in a window after that from %d", s, at, last)
		}
		if first < 0 && first != last {
			t.Fatalf("%+v: of several windows of %d the first begins at %d", s, at, first)
		}
		if before := first - s.advance; before >= 0 && before+s.size > at {
			t.Fatalf("%+v: %d is in the window from %d, before that from %d", s, at, before, first)
		}
		if s.size%s.advance == 0 && at >= s.size+s.offset && (last-first)/s.advance+1 != s.size/s.advance {
			t.Fatalf("%+v: %d is in %d windows", s, at, (last-first)/s.advance+1)
		}
	})
}

func FuzzAllTimesOfAPaneAreInTheSameWindows(f *testing.F) {
	seedTimes(f)
	f.Fuzz(func(t *testing.T, size, advance, offset, at int64) {
		s, at := aligned(size, advance, offset, at)
		pane := s.pane()
		if s.size%pane != 0 || s.advance%pane != 0 {
			t.Fatalf("%+v: panes of %d do not divide them", s, pane)
		}
		start, seq, taken := s.paneOf(&Meta{Time: at, Birth: engine.NoTime}, pane)
		if at < start || at >= start+pane || seq != 0 || !taken {
			t.Fatalf("%+v: %d is in the pane from %d, number %d, taken %t", s, at, start, seq, taken)
		}
		first, last := s.starts(at)
		for _, other := range []int64{max(0, start), start + pane - 1} {
			if f, l := s.starts(other); f != first || l != last {
				t.Fatalf("%+v: %d is in windows from %d to %d, and %d, in one pane with it, in those from %d to %d", s, at, first, last, other, f, l)
			}
		}
	})
}

func FuzzTheBoundsOfAWindowDoNotOverflow(f *testing.F) {
	f.Add(int64(0), int64(0), int64(0), int64(0))
	f.Add(int64(latestTime), int64(longestLength), int64(longestLength), int64(latestTime))
	f.Fuzz(func(t *testing.T, end, grace, gap, birth int64) {
		s, end := aligned(grace, gap, 0, end)
		s.grace, s.gap = s.size, s.advance
		for kind := byAligned; kind <= bySliding; kind++ {
			s.kind = kind
			closes := s.closes(0, end)
			if closes < end || closes > last {
				t.Fatalf("%+v: what ends at %d closes at %d", s, end, closes)
			}
			if delay := s.delay(true); delay < 0 || s.delay(false) < 0 {
				t.Fatalf("%+v: its results are %d behind", s, delay)
			}
			// What is accepted finds its window open: at the watermark that it is born at nothing has closed that has it.
			accepted := s.takes(end, birth)
			if kind == bySession || kind == bySliding {
				accepted = s.takesRecord(end, birth)
			}
			if accepted && birth >= closes {
				t.Fatalf("%+v: a record born at %d is accepted by what ends at %d and closes at %d", s, birth, end, closes)
			}
		}
	})
}

// The bounds to the tick: when a record is late, and when a window closes.
func TestAWindowTakesRecordsUpToItsEndAndGraceAndClosesThen(t *testing.T) {
	aligned := windowSpec{kind: byAligned, size: 100, advance: 100, grace: 20}
	session := windowSpec{kind: bySession, gap: 30, grace: 20}
	sliding := windowSpec{kind: bySliding, size: 100, grace: 20}
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"an aligned window takes what is born a tick before end + grace", aligned.takes(100, 119), true},
		{"and not what is born at it", aligned.takes(100, 120), false},
		{"it closes at it", aligned.closes(0, 100), int64(120)},
		{"a session takes what is born at the record's time + grace", session.takesRecord(100, 120), true},
		{"and not a tick later", session.takesRecord(100, 121), false},
		{"it closes a tick after end + gap + grace", session.closes(0, 100), int64(151)},
		{"a sliding window takes what is born at the record's time + grace", sliding.takesRecord(100, 120), true},
		{"and not a tick later", sliding.takesRecord(100, 121), false},
		{"it closes a tick after end + grace", sliding.closes(0, 100), int64(121)},
		{"a final result is of the last tick of an aligned window", aligned.finalTime(100), int64(99)},
		{"and of the end of a session", session.finalTime(100), int64(100)},
		{"and of a sliding window", sliding.finalTime(100), int64(100)},
		{"final results of aligned windows are behind by the grace", aligned.delay(true), int64(20)},
		{"updates by size and grace", aligned.delay(false), int64(120)},
		{"final results of sessions by gap, grace and a tick", session.delay(true), int64(51)},
		{"updates by gap and grace", session.delay(false), int64(50)},
		{"final results of sliding windows by grace and a tick", sliding.delay(true), int64(21)},
		{"updates by the time difference and grace", sliding.delay(false), int64(120)},
	} {
		if c.got != c.want {
			t.Errorf("%s: %v, not %v", c.what, c.got, c.want)
		}
	}
}
