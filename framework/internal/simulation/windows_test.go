package simulation_test

import (
	"math/rand/v2"
	"testing"
	"time"
	_ "time/tzdata" // days in Berlin, wherever the test runs
)

// one is a graph of one window behind a change of key.
func one(name string, k kind, emit emission, disorder int64) *graph {
	return &graph{
		name: name, topics: 1, disorder: disorder, kind: k, emit: emit,
		declare: func(from []stream) {
			w := k.windows(from[0].GroupBy(keyOf), emit)
			shown(w.Late(), idsOf).To(late)
			shown(w.Aggregate("windows", listed).Stream(), same).To(results)
		},
		want: k.outcome, partials: folded("windows", k, emit),
	}
}

// folded says what partial results of a window are in the repartition topic of that name.
func folded(name string, k kind, emit emission) map[string]partials {
	if k.gap > 0 || k.slide > 0 || emit == everyUpdate {
		return nil
	}
	return map[string]partials{"s-" + name + "-repartition": {k, k.size > k.advance && emit == onClose}}
}

var (
	tumbling    = kind{size: 100, advance: 100, grace: 20}
	offset      = kind{size: 100, advance: 100, offset: 60}
	hopping     = kind{size: 120, advance: 30, grace: 10}
	uneven      = kind{size: 100, advance: 30, grace: 10, offset: 7}
	holes       = kind{size: 20, advance: 50}
	session     = kind{gap: 20, grace: 10}
	sessionAt   = kind{gap: 40}
	sliding     = kind{slide: 30, grace: 10}
	slidingWide = kind{slide: 200}
	days        = kind{spans: berlin{zone("Europe/Berlin")}.days, longest: 7*24*3600_000 + 3600_000, grace: 3600_000}
)

func zone(name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return z
}

// inBerlin lets times be some weeks around the nights in which clocks change.
func inBerlin(g *graph) *graph {
	g.pace, g.from = 3600_000, time.Date(2025, 3, 27, 0, 0, 0, 0, time.UTC).UnixMilli()
	return g
}

// kinds are all of them, with the disorder of their source.
var kinds = []struct {
	name     string
	kind     kind
	disorder int64
}{
	{"tumbling", tumbling, 30},
	{"tumbling with an offset", offset, 0},
	{"hopping", hopping, 30},
	{"hopping, sizes that do not divide", uneven, 30},
	{"hopping with holes", holes, 30},
	{"session", session, 30},
	{"session without grace", sessionAt, 30},
	{"sliding", sliding, 30},
	{"sliding, wide", slidingWide, 30},
	{"days and weeks in Berlin", days, 6 * 3600_000},
}

// of returns the graph of a kind, with the times that it is for.
func of(k kind, g *graph) *graph {
	if k.spans != nil {
		return inBerlin(g)
	}
	return g
}

// Final results are the same whatever the schedule, once each, and what an oracle says that knows no framework.
func TestWindowsDoNotDependOnLuck(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			check(t, of(k.kind, one(k.name, k.kind, onClose, k.disorder)), *seeds, 12)
		})
	}
}

// What was handed on last of each window is the same, however often it was before.
func TestTheLastUpdateOfAWindowDoesNotDependOnLuck(t *testing.T) {
	for _, emit := range []emission{perCommit, everyUpdate, early} {
		t.Run(emit.String(), func(t *testing.T) {
			t.Parallel()
			for _, k := range kinds {
				t.Run(k.name, func(t *testing.T) {
					check(t, of(k.kind, one(k.name, k.kind, emit, k.disorder)), max(1, *seeds/4), 12)
				})
			}
		})
	}
}

// Where no record is late the result is that of a batch over all records, whatever the number of source partitions and the order in
// which their records come together.
func TestWithinTheDisorderTheNumberOfSourcePartitionsDoesNotMatter(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			g := of(k.kind, one(k.name, k.kind, onClose, k.disorder))
			g.build()
			var sum tally
			for seed := uint64(1); seed <= uint64(max(1, *seeds/4)) && !t.Failed(); seed++ {
				rng := rand.New(rand.NewPCG(seed, 2))
				s := g.shape(rng)
				s.partitions, s.records, s.beyond = 1, 100, 0
				whole := s.make(rng)
				facts := whole.facts(g.disorder)
				for i := range facts {
					facts[i].birth = unborn // a batch knows no lateness
				}
				want := g.want(facts)
				for _, partitions := range []int{1, 2, 5} {
					in := whole.split(partitions, rng)
					for i, sched := range schedulesOf(rng, []mode{graceful, aborts}, 4) {
						sum.add(t, simulate(g, in, want, sched, seed*1000+uint64(i)), seed)
					}
				}
			}
			t.Log(sum)
		})
	}
}

// A great many windows that close at one time are closed in parts. An instance that stops, or is undone, in the middle goes on where
// it was: each has one final result, whether windows are in memory or aside, or some are.
func TestAStopWhileAGreatManyWindowsCloseLosesNoneAndRepeatsNone(t *testing.T) {
	for i, k := range []struct {
		name string
		kind kind
	}{{"tumbling", tumbling}, {"hopping", hopping}, {"session", session}, {"sliding", sliding}} {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			own := func(v int64) string { return idsOf(v) }
			g := &graph{
				name: k.name, topics: 1, kind: k.kind,
				declare: func(from []stream) {
					shown(k.kind.windows(from[0].GroupBy(own), onClose).Aggregate("windows", listed).Stream(), same).To(results)
				},
				want: k.kind.outcome, partials: folded("windows", k.kind, onClose),
			}
			g.build()
			var values []int64
			for id := range 3000 {
				values = append(values, valueOf(id, 1000+int64(id%2)))
			}
			in := input{{append(values, valueOf(3000, 1_000_000))}}
			facts := rekeyed(in.facts(0), same)
			want := g.want(facts)
			var sum tally
			for seed := uint64(1); seed <= uint64(max(1, *seeds/8)) && !t.Failed(); seed++ {
				for j, m := range []mode{graceful, aborts} {
					s := schedule{mode: m, inner: int32(1 + seed%2), instances: 2, combine: 1 << 20, most: 1000, stir: 200}
					where := (2*i + j + 2*int(seed-1)) % 4
					s.aside, s.memory = where == 1, []int64{0, 0, 100 << 10, 1 << 20}[where]
					sum.add(t, simulate(g, in, want, s, seed*10+uint64(j)), seed)
				}
			}
			t.Log(sum)
		})
	}
}
