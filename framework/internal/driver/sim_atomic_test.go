package driver_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
)

const (
	exactlyOnce            = "outputs are those of a batch"
	nothingInBetween       = "nothing is written while a commit is in flight"
	plantApart       plant = "positions are stored with the commit after their outputs" // as with a step between flush and commit
)

// Crashes drop what was written since the last commit: what is there at the end is what a batch would have made.
func TestAnAtomicConnectorHasTheOutputsOfABatchWhateverCrashes(t *testing.T) {
	seeds, first := *simSeeds/8, uint64(1)
	if *simSeed > 0 {
		first, seeds = *simSeed, 1
	}
	var mu sync.Mutex
	hits := map[string]int{}
	t.Run("graphs", func(t *testing.T) {
		for _, g := range atomicGraphs() {
			t.Run(g.name, func(t *testing.T) {
				t.Parallel()
				for seed := first; seed < first+uint64(seeds); seed++ {
					report(t, seed, simulateAtomic(t, g, seed, plantNone, func(s *sim) {
						mu.Lock()
						defer mu.Unlock()
						for name, n := range s.hits {
							hits[name] += n
						}
					}))
				}
			})
		}
	})
	for _, fault := range []string{"crash", "stop", "commit", "dropped", "hole", "restored"} {
		if hits[fault] == 0 && seeds > 1 {
			t.Errorf("no seed hit %q: the run proves nothing about it", fault)
		}
	}
	t.Log("hits:", hits)
}

func TestEachInvariantOfAnAtomicConnectorIsBrokenByAPlantedBug(t *testing.T) {
	for plant, invariant := range map[plant]string{
		plantApart:    exactlyOnce,
		plantForgets:  commitsFollowAcks, // as with a commit while a stage is not idle
		plantNeverOut: lagGoesToZero,
	} {
		t.Run(string(plant), func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= 300; seed++ {
				for _, g := range atomicGraphs() {
					for _, v := range simulateAtomic(t, g, seed, plant, nil) {
						if v.invariant == invariant {
							return
						}
					}
				}
			}
			t.Errorf("nothing broke %q", invariant)
		})
	}
}

// atomicGraphs are the graphs that keep records, and a word count.
func atomicGraphs() []heldGraph {
	return append(slices.Clone(heldGraphs), heldGraph{
		name: "word count", lines: true, groups: byGroup, inner: []string{"sim-groups-repartition"},
		build: func(lines framework.Stream[string, string], keep keeper) {
			keep(lines).To(simTopic(simCopies))
			lines.GroupBy(func(line string) string { return byGroup("", line) }).Count("groups").Stream().To(simNumbers())
		},
	})
}

// An interval in which nothing came is a record, too: its time may come while a commit is in flight.
func TestTimersWriteNothingWhileAnAtomicCommitIsInFlight(t *testing.T) {
	g := heldGraph{name: "empty intervals", lines: true, build: func(lines framework.Stream[string, string], keep keeper) {
		keep(lines).To(simTopic(simCopies))
		none := framework.NewTopic(connector.Factory{Kind: "sim"}, connector.TopicSpec{Name: simCounts}, codec.None, codec.Int64)
		lines.KeyBy(func(string) framework.None { return framework.None{} }).
			TimedWindow(100*time.Millisecond, func(lines []string) int64 { return int64(len(lines)) }).To(none)
	}}
	for seed := uint64(1); seed <= 300; seed++ {
		report(t, seed, simulateAtomic(t, g, seed, plantNone, nil))
	}
}

// A record that is kept for an hour keeps its commit that long; the worker sleeps meanwhile.
func TestAWorkerOfAnAtomicConnectorSleepsWhileRecordsAreKept(t *testing.T) {
	g := heldGraph{name: "an hour", lines: true, build: func(lines framework.Stream[string, string], _ keeper) {
		lines.TimedWindow(time.Hour, func(lines []string) string { return strings.Join(lines, " ") }).To(simTopic(simCopies))
	}}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := newSim(ctx, 1)
		w := newAtomicWorld(t, s, g)
		w.config.Workers = 1
		w.lines.produce()
		w.begin()
		time.Sleep(10 * time.Second)
		before := w.polls.Load()
		time.Sleep(10 * time.Second)
		if n := w.polls.Load() - before; n > 100 {
			t.Errorf("it polled %d times in 10 s", n)
		}
		w.over(nil)
	})
}

// Each task nearly always keeps a record, and their times differ: there must be a moment at which none of them does.
func TestTasksThatKeepRecordsInTurnAreCommittedAllTheSame(t *testing.T) {
	for name, build := range map[string]func(lines framework.Stream[string, string]) framework.Stream[string, string]{
		"a rate limit in each": func(lines framework.Stream[string, string]) framework.Stream[string, string] {
			return lines.RateLimit(10, time.Second)
		},
		"a rate limit and intervals": func(lines framework.Stream[string, string]) framework.Stream[string, string] {
			return lines.RateLimit(10, time.Second).TimedWindow(3*time.Second, func(lines []string) string { return strings.Join(lines, " ") })
		},
		"intervals of two lengths": func(lines framework.Stream[string, string]) framework.Stream[string, string] {
			lines.TimedWindow(2100*time.Millisecond, func(lines []string) int { return len(lines) }).ForEach(func(context.Context, int) error { return nil })
			return lines.RateLimit(10, time.Second).TimedWindow(1300*time.Millisecond, func(lines []string) string { return strings.Join(lines, " ") })
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := heldGraph{lines: true, build: func(lines framework.Stream[string, string], _ keeper) { build(lines).To(simTopic(simCopies)) }}
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				s := newSim(ctx, 5)
				w := newAtomicWorld(t, s, g)
				w.config.Workers, w.config.CommitEvery, s.faults = 1, time.Second, simFaults{}
				for range 1000 {
					w.lines.produce()
				}
				w.begin()
				time.Sleep(20 * time.Second)
				w.locked(func() {
					if left := s.lag(simLines); left == 1000 {
						t.Errorf("%d tasks, and nothing was committed in 20 s", w.partitions)
					}
				})
				w.over(nil)
				for _, v := range s.wrong {
					t.Error(v)
				}
			})
		})
	}
}

// The records behind the buffer are kept by a timer, not by work: no use to wait for them with all the input.
func TestIntervalsBehindABufferDoNotStopTheInput(t *testing.T) {
	g := heldGraph{lines: true, build: func(lines framework.Stream[string, string], _ keeper) {
		lines.Buffer(10).TimedWindow(time.Hour, func(lines []string) string { return strings.Join(lines, " ") }).To(simTopic(simCopies))
	}}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := newSim(ctx, 4)
		w := newAtomicWorld(t, s, g)
		w.config.Workers, w.config.CommitEvery, s.faults = 1, time.Second, simFaults{}
		w.begin()
		for range 20 {
			w.lines.produce()
			time.Sleep(time.Second)
		}
		if in := w.current.counters.In.Load(); in < 19 {
			t.Errorf("of 20 lines %d were taken", in)
		}
		w.over(nil)
	})
}

// simulateAtomic runs a seed of a graph on an atomic connector.
func simulateAtomic(t *testing.T, g heldGraph, seed uint64, plant plant, after func(*sim)) []violation {
	t.Helper()
	return simulateIn(t, seed, plant, after, func(t *testing.T, s *sim) { newAtomicWorld(t, s, g).run() })
}
