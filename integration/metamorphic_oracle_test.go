package integration

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"time"
	_ "time/tzdata" // shifts in Berlin, wherever the test runs
)

// What must come out of windows, computed from the whole input at once: it knows records and times and nothing of the framework.

const (
	sources  = 4 // partitions
	disorder = 30 * time.Minute
	beyond   = 600 * time.Minute // how much later than that a record may be

	tumblingSize, tumblingGrace = 100 * time.Minute, 90 * time.Minute
	shortGrace, longGrace       = 5 * time.Minute, 10 * time.Minute // of other kinds; there are some without
)

// partitions are what is in a source topic: for each partition the event times of its records, ms, in the order of offsets.
type partitions [sources][]int64

// id tells a record from all others, and where it is from.
func id(partition, number int) int64 { return int64(number*sources + partition) }

// newPartitions makes partitions that begin and end at different times, each a clock that goes on, stands still or leaps, in the
// night in which Berlin's clocks change. Half of the records are behind the clock, 5 % beyond the allowed disorder.
func newPartitions(rng *rand.Rand) (in partitions) {
	const minute = int64(60_000)
	from := time.Date(2025, 3, 29, 18, 0, 0, 0, time.UTC).UnixMilli()
	for p := range in {
		clock := from + rng.Int64N(60)*minute
		n := 90 + rng.IntN(60)
		bounds := rng.IntN(n)
		for i := range n {
			switch rng.IntN(20) {
			case 0:
				clock += rng.Int64N(200) * minute
			case 1, 2, 3: // stands still
			default:
				clock += rng.Int64N(10) * minute
			}
			at := clock
			switch n := rng.IntN(40); {
			case n < 1:
				at -= disorder.Milliseconds() + 1 + rng.Int64N(beyond.Milliseconds())
			case n < 20:
				at -= rng.Int64N(disorder.Milliseconds() + 1)
			}
			in[p] = append(in[p], at)
			if p%2 == 0 && i == bounds {
				clock, in[p] = atBounds(in[p])
			}
		}
	}
	return in
}

// atBounds adds records at the bounds of what is late, and a tick beyond, and returns the highest time.
func atBounds(times []int64) (clock int64, all []int64) {
	size, grace := tumblingSize.Milliseconds(), tumblingGrace.Milliseconds()
	end := (slices.Max(times)/size + 3) * size
	clock = end + grace + disorder.Milliseconds()
	times = append(times, clock-1, end-1, clock, end-1) // the window takes the first one only
	for _, grace := range []time.Duration{0, shortGrace, longGrace} {
		bound := clock - (disorder + grace).Milliseconds()
		times = append(times, bound, bound-1)
	}
	return clock, times
}

func (in partitions) records() (n int) {
	for _, times := range in {
		n += len(times)
	}
	return n
}

// beforeLate returns how many records of a partition are from one on to the next that is beyond the allowed disorder.
func (in partitions) beforeLate(p, from int) (n int) {
	highest := int64(math.MinInt64 / 2)
	for i, at := range in[p] {
		if i >= from && at < highest-disorder.Milliseconds() {
			return i - from
		}
		highest = max(highest, at)
	}
	return 0
}

// fact is a record with the highest time before it in its partition, less the allowed disorder.
type fact struct {
	id, at, birth int64
	key           string
}

func (in partitions) facts() (facts []fact) {
	for p, times := range in {
		birth := int64(math.MinInt64)
		for n, at := range times {
			facts = append(facts, fact{id: id(p, n), at: at, birth: birth})
			birth = max(birth, at-disorder.Milliseconds())
		}
	}
	return facts
}

// span is a window; zero: none.
type span struct{ start, end int64 }

// content is what a window has in the end.
type content struct {
	key string
	span
	ids []int64
	at  int64 // event time of the result
}

// refusal is a record that a window refused.
type refusal struct {
	fact
	span
}

// rule says how windows are cut: by one of its functions' kinds.
type rule func(facts []fact) (contents []content, late []refusal)

// fixed puts records into the windows that their times are in.
func fixed(spans func(at int64) []span, grace time.Duration) rule {
	return func(facts []fact) (contents []content, late []refusal) {
		type window struct {
			key string
			span
		}
		ids := map[window][]int64{}
		for _, f := range facts {
			for _, s := range spans(f.at) {
				if f.birth != math.MinInt64 && s.end+grace.Milliseconds() <= f.birth {
					late = append(late, refusal{f, s})
				} else {
					ids[window{f.key, s}] = append(ids[window{f.key, s}], f.id)
				}
			}
		}
		for w, ids := range ids {
			contents = append(contents, content{w.key, w.span, ids, w.end - 1})
		}
		return contents, late
	}
}

// aligned returns the windows of a size that begin every advance after an offset.
func aligned(size, advance, offset time.Duration) func(at int64) []span {
	return func(at int64) (spans []span) {
		for n := (at-size.Milliseconds()-offset.Milliseconds())/advance.Milliseconds() - 1; ; n++ {
			start := n*advance.Milliseconds() + offset.Milliseconds()
			if start > at {
				return spans
			}
			if end := start + size.Milliseconds(); at < end {
				spans = append(spans, span{start, end})
			}
		}
	}
}

// inTime returns the records that are not late by their own time, by key and in the order of time.
func inTime(facts []fact, grace time.Duration) (byKey map[string][]fact, late []refusal) {
	byKey = map[string][]fact{}
	for _, f := range facts {
		if f.birth != math.MinInt64 && f.at+grace.Milliseconds() < f.birth {
			late = append(late, refusal{fact: f})
		} else {
			byKey[f.key] = append(byKey[f.key], f)
		}
	}
	for _, facts := range byKey {
		slices.SortStableFunc(facts, func(a, b fact) int { return int(a.at - b.at) })
	}
	return byKey, late
}

func sessions(gap, grace time.Duration) rule {
	return func(facts []fact) (contents []content, late []refusal) {
		byKey, late := inTime(facts, grace)
		for key, facts := range byKey {
			for i, f := range facts {
				if i == 0 || f.at-facts[i-1].at > gap.Milliseconds() {
					contents = append(contents, content{key: key, span: span{start: f.at}})
				}
				last := &contents[len(contents)-1]
				last.ids, last.end, last.at = append(last.ids, f.id), f.at, f.at
			}
		}
		return contents, late
	}
}

// slides are the windows from d before each record to it, and those right after it.
func slides(d, grace time.Duration) rule {
	return func(facts []fact) (contents []content, late []refusal) {
		byKey, late := inTime(facts, grace)
		for key, facts := range byKey {
			seen := map[int64]bool{}
			for _, f := range facts {
				for _, start := range []int64{f.at - d.Milliseconds(), f.at + 1} {
					c := content{key, span{start, start + d.Milliseconds()}, nil, start + d.Milliseconds()}
					for _, in := range facts {
						if c.start <= in.at && in.at <= c.end {
							c.ids = append(c.ids, in.id)
						}
					}
					if len(c.ids) > 0 && !seen[start] {
						seen[start], contents = true, append(contents, c)
					}
				}
			}
		}
		return contents, late
	}
}

// counted are windows of n records of a key in the order of their partition, a new one every so many records; none is late.
func counted(n, every int) rule {
	return func(facts []fact) (contents []content, late []refusal) {
		byKey := map[string][]fact{}
		for _, f := range facts {
			byKey[f.key] = append(byKey[f.key], f)
		}
		for key, facts := range byKey {
			for i := n; i <= len(facts); i += every {
				c := content{key: key, span: span{math.MaxInt64, math.MinInt64}}
				for _, f := range facts[i-n : i] {
					c.ids, c.start, c.end = append(c.ids, f.id), min(c.start, f.at), max(c.end, f.at)
				}
				c.at = c.end
				contents = append(contents, c)
			}
		}
		return contents, nil
	}
}

// berlin has shifts of six hours by its clocks: one of them a year has five.
var berlin = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return zone
}()

func shift(at int64) []span {
	t := time.UnixMilli(at).In(berlin)
	begin := func(shift int) int64 {
		return time.Date(t.Year(), t.Month(), t.Day(), shift*6, 0, 0, 0, berlin).UnixMilli()
	}
	return []span{{begin(t.Hour() / 6), begin(t.Hour()/6 + 1)}}
}

// list is how a window's records are shown.
func list(ids []int64) string { return fmt.Sprint(slices.Sorted(slices.Values(ids))) }

// load is a number that a record stands for: added up as float64 one after the other, such numbers give many sums.
func load(id int64) float64 {
	return []float64{1e16, 0.1, -1e16, 3, 1e-9}[id/sources%5] * float64(1+id%7)
}

// exact is how the sum of the windows' records is shown.
func exact(ids []int64) string {
	sum := new(big.Float).SetPrec(2200)
	for _, id := range ids {
		sum.Add(sum, new(big.Float).SetFloat64(load(id)))
	}
	f, _ := sum.Float64()
	return fmt.Sprint(f)
}
