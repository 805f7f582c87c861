package driver_test

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
)

var (
	simSeeds   = flag.Int("sim.seeds", simDefault, "how many seeds to simulate")
	simSeed    = flag.Uint64("sim.seed", 0, "simulate this seed only")
	simVerbose = flag.Bool("sim.log", false, "print the driver's log")
)

// Even seeds only move work gracefully and must be exact; odd ones crash, lose partitions and refuse commits.
func TestWordCountSurvivesWhateverASeedDoesToIt(t *testing.T) {
	if *simSeed > 0 {
		report(t, *simSeed, simulate(t, *simSeed, plantNone, nil))
		return
	}
	var mu sync.Mutex
	hits := map[string]int{}
	t.Run("seeds", func(t *testing.T) {
		for half := range 2 {
			t.Run(fmt.Sprint(half), func(t *testing.T) {
				t.Parallel()
				for seed := 1 + half; seed <= *simSeeds; seed += 2 {
					// Halves take turns in being graceful, so that they take the same time.
					seed := uint64(seed)
					report(t, seed, simulate(t, seed, plantNone, func(s *sim) {
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
	for _, fault := range []string{"commit", "admin", "lost", "hole", "crash", "stop", "start", "move", "purge", "memory", "refused", "not now", "downstream", "restored"} {
		if hits[fault] == 0 {
			t.Errorf("no seed hit %q: the run proves nothing about it", fault)
		}
	}
	t.Log("hits:", hits)
}

// An invariant is trusted because a planted bug breaks it.
func TestEachInvariantIsBrokenByAPlantedBug(t *testing.T) {
	for plant, invariant := range map[plant]string{
		plantEarlyAck:    commitsFollowAcks,
		plantHideRevoke:  commitsAreOwners,
		plantUnasked:     memoryIsBounded,
		plantOldPause:    lagGoesToZero,
		plantNoMarkers:   lagGoesToZero,
		plantNoRestore:   countsAreNotTooLow,
		plantNoCommit:    gracefulIsExact,
		plantReorder:     orderPerKeyIsKept,
		plantLeak:        nothingIsLeft,
		plantEarlyPurge:  purgesFollowCommits,
		plantReusedBytes: bytesStayUntilAcked,
	} {
		if plantsRace && (plant == plantEarlyAck || plant == plantReusedBytes) {
			continue
		}
		t.Run(string(plant), func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= 1000; seed++ { // most are found within three, some by one seed of ten
				for _, v := range simulate(t, seed, plant, nil) {
					if v.invariant == invariant {
						return
					}
				}
			}
			t.Errorf("nothing broke %q", invariant)
		})
	}
}

func report(t *testing.T, seed uint64, wrong []violation) {
	t.Helper()
	for _, v := range wrong {
		t.Errorf("seed %d: %s: %s (again: -run %s -sim.seed=%d)", seed, v.invariant, v.what, strings.Split(t.Name(), "/")[0], seed)
	}
}

// simulate runs a seed in a bubble of its own.
func simulate(t *testing.T, seed uint64, plant plant, after func(*sim)) (wrong []violation) {
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
		newWorld(t, s).run()
		wrong = s.wrong
	})
	if after != nil {
		after(s)
	}
	return wrong
}
