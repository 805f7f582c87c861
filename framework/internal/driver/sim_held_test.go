package driver_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
)

// Plants of what keeps records back: operators that stand in the place of the real ones.
const (
	plantForgets  plant = "what is kept is not held"
	plantNoDrain  plant = "what is kept is not handed on before a stop"
	plantReversed plant = "what is kept is handed on in reverse"
	plantNeverOut plant = "what is kept is never handed on"
)

// Even seeds only move work gracefully and must be exact; odd ones crash, lose partitions and refuse commits.
func TestWhatIsKeptForLaterSurvivesWhateverASeedDoesToIt(t *testing.T) {
	seeds := *simSeeds / 8
	first := uint64(1)
	if *simSeed > 0 {
		first, seeds = *simSeed, 1
	}
	var mu sync.Mutex
	hits := map[string]int{}
	t.Run("graphs", func(t *testing.T) {
		for _, g := range heldGraphs {
			t.Run(g.name, func(t *testing.T) {
				t.Parallel()
				for seed := first; seed < first+uint64(seeds); seed++ {
					report(t, seed, simulateHeld(t, g, seed, plantNone, func(s *sim) {
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
	for _, fault := range []string{"commit", "lost", "hole", "crash", "stop", "start", "move", "refused", "not now", "restored", "bounded"} {
		if hits[fault] == 0 && seeds > 1 {
			t.Errorf("no seed hit %q: the run proves nothing about it", fault)
		}
	}
	t.Log("hits:", hits)
}

func TestEachInvariantOfWhatIsKeptIsBrokenByAPlantedBug(t *testing.T) {
	for plant, invariant := range map[plant]string{
		plantForgets:     commitsFollowAcks,
		plantNoDrain:     gracefulIsExact,
		plantReversed:    orderPerKeyIsKept,
		plantNeverOut:    lagGoesToZero,
		plantEarlyAck:    commitsFollowAcks,
		plantNoRestore:   countsAreNotTooLow,
		plantNoCommit:    gracefulIsExact,
		plantLeak:        nothingIsLeft,
		plantUnasked:     memoryIsBounded,
		plantReusedBytes: bytesStayUntilAcked,
	} {
		if plantsRace && (plant == plantEarlyAck || plant == plantReusedBytes) {
			continue
		}
		t.Run(string(plant), func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= 300; seed++ {
				for _, g := range heldGraphs {
					for _, v := range simulateHeld(t, g, seed, plant, nil) {
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

// simulateHeld runs a seed of a graph.
func simulateHeld(t *testing.T, g heldGraph, seed uint64, plant plant, after func(*sim)) []violation {
	t.Helper()
	return simulateIn(t, seed, plant, after, func(t *testing.T, s *sim) { newHeldWorld(t, s, g).run() })
}

// simulateIn runs a seed of a world in a bubble of its own.
func simulateIn(t *testing.T, seed uint64, plant plant, after func(*sim), run func(*testing.T, *sim)) (wrong []violation) {
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
		run(t, s)
		wrong = s.wrong
	})
	if after != nil {
		after(s)
	}
	return wrong
}
