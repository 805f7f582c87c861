package simulation_test

import (
	"math"
	"slices"
	"sort"
	"time"
)

// The oracle says what must come out: which windows take which record by its birth watermark, and what each window has in the
// end. It knows records and times and nothing of the framework.

// fact is a record as the oracle sees it.
type fact struct {
	ids   string // what it stands for: two bytes each, sorted
	key   string
	time  int64
	birth int64 // highest time before it in its partition, less the allowed disorder; unborn: nothing was before it
}

const unborn = math.MinInt64

// frame is a window of a key.
type frame struct {
	key        string
	start, end int64
}

// refusal is a record that a window refused; of sessions and sliding windows it has no bounds.
type refusal struct {
	ids        string
	start, end int64
}

// outcome is what a windowed aggregate comes to.
type outcome struct {
	content map[frame]string // ids, sorted
	late    map[refusal]int
}

// kind is how windows are cut: exactly one of its fields says it.
type kind struct {
	size, advance int64 // aligned
	offset        int64
	gap           int64 // sessions
	slide         int64 // sliding
	spans         func(at int64) [][2]int64
	longest       int64
	grace         int64
}

// outcome computes what the facts come to.
func (k kind) outcome(facts []fact) outcome {
	o := outcome{map[frame]string{}, map[refusal]int{}}
	switch {
	case k.gap > 0:
		k.sessions(facts, &o)
	case k.slide > 0:
		k.sliding(facts, &o)
	default:
		k.fixed(facts, &o)
	}
	return o
}

// at returns the windows that a time is in.
func (k kind) at(t int64) (spans [][2]int64) {
	if k.spans != nil {
		return k.spans(t)
	}
	// Every window there is near the time, by trying them all.
	n := t/k.advance + 2
	for i := n; ; i-- {
		start := i*k.advance + k.offset
		if start+k.size <= t {
			break
		}
		if start > t {
			continue
		}
		if start < 0 && len(spans) > 0 {
			break // none begins before 1970, but for the only one that has the time
		}
		spans = append(spans, [2]int64{start, start + k.size})
	}
	return spans
}

func (k kind) fixed(facts []fact, o *outcome) {
	for _, f := range facts {
		for _, s := range k.at(f.time) {
			if f.birth != unborn && s[1]+k.grace <= f.birth {
				o.late[refusal{f.ids, s[0], s[1]}]++
				continue
			}
			w := frame{f.key, s[0], s[1]}
			o.content[w] = union(o.content[w], f.ids)
		}
	}
}

// byKey returns the facts that are not late by their own time, by key and sorted by time.
func (k kind) byKey(facts []fact, o *outcome) map[string][]fact {
	taken := map[string][]fact{}
	for _, f := range facts {
		if f.birth != unborn && f.time+k.grace < f.birth {
			o.late[refusal{ids: f.ids}]++
			continue
		}
		taken[f.key] = append(taken[f.key], f)
	}
	for _, fs := range taken {
		sort.SliceStable(fs, func(i, j int) bool { return fs[i].time < fs[j].time })
	}
	return taken
}

func (k kind) sessions(facts []fact, o *outcome) {
	for key, fs := range k.byKey(facts, o) {
		for i := 0; i < len(fs); {
			j, ids := i+1, fs[i].ids
			for ; j < len(fs) && fs[j].time-fs[j-1].time <= k.gap; j++ {
				ids = union(ids, fs[j].ids)
			}
			o.content[frame{key, fs[i].time, fs[j-1].time}] = ids
			i = j
		}
	}
}

func (k kind) sliding(facts []fact, o *outcome) {
	for key, fs := range k.byKey(facts, o) {
		for _, f := range fs {
			left := max(0, f.time-k.slide)
			for _, start := range []int64{left, f.time + 1} {
				ids := ""
				for _, in := range fs {
					if start <= in.time && in.time <= start+k.slide {
						ids = union(ids, in.ids)
					}
				}
				if ids != "" {
					o.content[frame{key, start, start + k.slide}] = ids
				}
			}
		}
	}
}

// finalTime is the event time of a window's final result.
func (k kind) finalTime(end int64) int64 {
	if k.gap > 0 || k.slide > 0 {
		return end
	}
	return end - 1
}

// results are the facts that final results are for what is behind the window: on time, each at its window's last moment.
func (k kind) results(o outcome) (facts []fact) {
	for w, ids := range o.content {
		facts = append(facts, fact{ids: ids, key: w.key, time: k.finalTime(w.end), birth: unborn})
	}
	return facts
}

// rekeyed gives the facts another key.
func rekeyed(facts []fact, key func(ids string) string) []fact {
	facts = slices.Clone(facts)
	for i := range facts {
		facts[i].key = key(facts[i].ids)
	}
	return facts
}

// union merges two sorted lists of ids of two bytes; what is in both is in it twice.
func union(a, b string) string {
	out := make([]byte, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[:2] <= b[:2] {
			out, a = append(out, a[:2]...), a[2:]
		} else {
			out, b = append(out, b[:2]...), b[2:]
		}
	}
	return string(append(append(out, a...), b...))
}

// distinct leaves each id once.
func distinct(ids string) string {
	var out []byte
	for ; len(ids) > 0; ids = ids[2:] {
		if n := len(out); n == 0 || string(out[n-2:]) != ids[:2] {
			out = append(out, ids[:2]...)
		}
	}
	return string(out)
}

// berlin is calendar days and weeks in a time zone with daylight saving. Weeks begin with a day, so that two windows begin at
// one time.
type berlin struct{ zone *time.Location }

func (b berlin) days(at int64) [][2]int64 {
	t := time.UnixMilli(at).In(b.zone)
	midnight := func(days int) int64 {
		return time.Date(t.Year(), t.Month(), t.Day()+days, 0, 0, 0, 0, b.zone).UnixMilli()
	}
	monday := -(int(t.Weekday()) + 6) % 7
	return [][2]int64{{midnight(0), midnight(1)}, {midnight(monday), midnight(monday + 7)}}
}
