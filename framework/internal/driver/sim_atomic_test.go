package driver_test

import (
	"context"
	"fmt"
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
			for seed := uint64(1); seed <= 10; seed++ {
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
	t.Skip("timers fire whatever worker.work waits for")
	g := heldGraph{name: "empty intervals", lines: true, build: func(lines framework.Stream[string, string], keep keeper) {
		keep(lines).To(simTopic(simCopies))
		none := framework.NewTopic(connector.Factory{Kind: "sim"}, connector.TopicSpec{Name: simCounts}, codec.None, codec.Int64)
		lines.KeyBy(func(string) framework.None { return framework.None{} }).
			TimedWindow(100*time.Millisecond, func(lines []string) int64 { return int64(len(lines)) }).To(none)
	}}
	for seed := uint64(1); seed <= 10; seed++ {
		report(t, seed, simulateAtomic(t, g, seed, plantNone, nil))
	}
}

// A record that is kept for an hour keeps its commit that long; the worker sleeps meanwhile.
func TestAWorkerOfAnAtomicConnectorSleepsWhileRecordsAreKept(t *testing.T) {
	t.Skip("worker.patience counts the running round as due")
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

// simulateAtomic runs a seed of a graph on an atomic connector, in a bubble of its own.
func simulateAtomic(t *testing.T, g heldGraph, seed uint64, plant plant, after func(*sim)) (wrong []violation) {
	t.Helper()
	var s *sim
	defer func() {
		if p := recover(); p != nil {
			wrong = append(wrong, violation{nothingIsLeft, fmt.Sprint(p)})
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		s = newSim(ctx, seed)
		s.plant = plant
		newAtomicWorld(t, s, g).run()
		wrong = s.wrong
	})
	if after != nil {
		after(s)
	}
	return wrong
}
