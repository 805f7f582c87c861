package framework

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/framework/internal/engine"
)

// Windowed is a grouped stream whose records are put into windows of event time, ready to be aggregated: one result for each
// key and window. Its options return a copy: an aggregate and a Late stream belong together only on one and the same copy.
//
// Which windows take a record is decided by the record and by how far its own source partition was when it was read, so that
// the same input gives the same content of every window in every run, whatever the partitions, the speed and the interleaving.
type Windowed[K comparable, V any] struct {
	_    [0]func(K, V)
	n    *node
	spec windowSpec
	emit EmitPolicy
	use  *windowUse
}

// windowUse is what was made of one copy of a Windowed.
type windowUse struct {
	gate       *node // refuses what is late
	late       *node // hands on what was refused
	aggregated bool
}

// Tumbling cuts event time into windows [start, end) of one size, one after the other, aligned to 1970. size is at least 1 ms,
// in whole milliseconds.
func (g Grouped[K, V]) Tumbling(size time.Duration) Windowed[K, V] {
	return g.aligned("tumbling", size, size)
}

// Hopping cuts event time into windows [start, end) of one size that begin every advance, aligned to 1970: a record is in
// size/advance of them, at most 100,000: work and memory grow with that. Where size is smaller than advance a record may be in none; those are
// counted as dropped (no_window).
func (g Grouped[K, V]) Hopping(size, advance time.Duration) Windowed[K, V] {
	return g.aligned("hopping", size, advance)
}

// mostWindows is how many windows a record may be in: a day by seconds. All of them have results.
const mostWindows = 100_000

func (g Grouped[K, V]) aligned(title string, size, advance time.Duration) Windowed[K, V] {
	spec := windowSpec{kind: byAligned, title: title}
	spec.size = g.length(title, "a size", size, time.Millisecond)
	spec.advance = spec.size
	if advance != size {
		spec.advance = g.length(title, "an advance", advance, time.Millisecond)
	}
	if each := spec.size / spec.advance; each > mostWindows {
		g.n.topology.fault(fmt.Errorf("%s (after [%s]): each record would be in %d windows: make the advance longer, so that it is in %d at most", title, g.n, each, mostWindows))
		spec.advance = spec.size
	}
	return g.windowed(spec)
}

// Session merges the records of a key into windows [first, last], both inclusive, as long as no more than gap lies between one
// record and the next. A record may merge sessions: each of those gets a tombstone before the new one's result.
func (g Grouped[K, V]) Session(gap time.Duration) Windowed[K, V] {
	return g.windowed(windowSpec{kind: bySession, title: "session", gap: g.length("session", "a gap", gap, time.Millisecond)})
}

// SlidingTime makes the windows that differ in content of a window that slides over event time: for each record at t those from
// t-d to t and right after it from t+1 to t+1+d, all ends inclusive, none before 1970. It needs an aggregate that can Merge.
func (g Grouped[K, V]) SlidingTime(d time.Duration) Windowed[K, V] {
	return g.windowed(windowSpec{kind: bySliding, title: "sliding-time", size: g.length("sliding-time", "a time difference", d, time.Millisecond)})
}

// TumblingCount makes a window of every n records of a key, in the order of their arrival. Its Window is from the lowest
// to the highest event time in it. What is in which window depends on how inputs interleave.
func (g Grouped[K, V]) TumblingCount(n int) Windowed[K, V] {
	return g.counted("tumbling-count", byTumblingCount, n)
}

// SlidingCount makes a window of the last n records of a key, with each record once there are n, in the order of their arrival.
// Its Window is from the lowest to the highest event time in it.
func (g Grouped[K, V]) SlidingCount(n int) Windowed[K, V] {
	return g.counted("sliding-count", bySlidingCount, n)
}

func (g Grouped[K, V]) counted(title string, kind windowKind, n int) Windowed[K, V] {
	if n < 1 {
		g.n.topology.fault(fmt.Errorf("%s (after [%s]): windows of %d records: they have 1 at least", title, g.n, n))
		n = 1
	}
	return g.windowed(windowSpec{kind: kind, title: title, count: n})
}

// Windows puts records into windows of the user's own.
func (g Grouped[K, V]) Windows(a Assigner) Windowed[K, V] {
	spec := windowSpec{kind: byAssigned, title: "windows", assigner: a}
	if a == nil {
		g.n.topology.fault(fmt.Errorf("windows (after [%s]): %w", g.n, errNoAssigner))
	} else {
		spec.longest = g.length("windows", "a longest window", a.Longest(), time.Millisecond)
	}
	return g.windowed(spec)
}

// NewWindow returns the window from start to end, to the millisecond: for an Assigner.
func NewWindow(start, end time.Time) Window {
	return engine.NewWindow(start.UnixMilli(), end.UnixMilli())
}

// length checks a length of time, and returns it in ms.
func (g Grouped[K, V]) length(title, what string, d, least time.Duration) int64 {
	return lengthOf(g.n, title, what, d, least)
}

func lengthOf(n *node, title, what string, d, least time.Duration) int64 {
	ms, err := millis(what, d, least)
	if err != nil {
		n.topology.fault(fmt.Errorf("%s (after [%s]): %w", title, n, err))
		return int64(least / time.Millisecond)
	}
	return ms
}

func (g Grouped[K, V]) windowed(spec windowSpec) Windowed[K, V] {
	return Windowed[K, V]{n: g.n, spec: spec, emit: g.emit}.copied()
}

// copied gives a copy that an option was set on what is its own.
func (w Windowed[K, V]) copied() Windowed[K, V] {
	w.use = &windowUse{}
	w.n.topology.windows = append(w.n.topology.windows, w.use)
	return w
}

// Grace lets a window take records for that long after its end, by the watermark at which they were read; the default is 0. A
// final result waits for it.
func (w Windowed[K, V]) Grace(d time.Duration) Windowed[K, V] {
	w.spec.grace = lengthOf(w.n, w.spec.title, "a grace", d, 0)
	if w.spec.kind == byTumblingCount || w.spec.kind == bySlidingCount {
		w.n.topology.fault(fmt.Errorf("%s (after [%s]): a window of a count has no end in event time, and no grace", w.spec.title, w.n))
	}
	return w.copied()
}

// Offset moves the beginnings of tumbling and hopping windows: with an offset of 6 h days begin at 6 in the morning, UTC. It may be
// negative. Days in a time zone with daylight saving have no fixed length: for those see Windows.
func (w Windowed[K, V]) Offset(d time.Duration) Windowed[K, V] {
	switch {
	case w.spec.kind != byAligned:
		w.n.topology.fault(fmt.Errorf("%s (after [%s]): only tumbling and hopping windows have an offset", w.spec.title, w.n))
	case d%time.Millisecond != 0:
		w.n.topology.fault(fmt.Errorf("%s (after [%s]): an offset of %s: event time is in whole milliseconds", w.spec.title, w.n, d))
	default:
		ms := int64(d / time.Millisecond)
		w.spec.offset = ms - floor(ms, w.spec.advance)
	}
	return w.copied()
}

// Emit says when results are handed on; the default is what the Grouped had, which is PerCommit.
func (w Windowed[K, V]) Emit(p EmitPolicy) Windowed[K, V] {
	w.emit = p
	return w.copied()
}

// Late is the stream of the records that a window refused since they came too late: the same ones in every run. A record that
// several windows refused comes once for each, with that window; one that a session or a sliding window refused comes
// once, without. It is to be called on the very copy that is aggregated.
func (w Windowed[K, V]) Late() Stream[K, V] {
	if w.use.late == nil {
		gate := w.gate()
		n := gate.topology.add("late", "", gate)
		describe[K, V](n)
		n.keys, n.values, n.rekeyed, n.unkeyed, n.unchecked = gate.keys, gate.values, gate.rekeyed, gate.unkeyed, gate.unchecked
		n.open = func(o *opening) any { return downstream[K, V](o, n) }
		w.use.late = n
	}
	return Stream[K, V]{n: w.use.late}
}
