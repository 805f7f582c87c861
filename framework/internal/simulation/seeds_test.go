package simulation_test

import (
	"flag"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	engineSeeds = flag.Int("engine.seeds", engineSeedsDefault, "how many seeds of the engine alone to run, each of another graph, input and schedule")
	engineFrom  = flag.Uint64("engine.from", 1, "the first of them: a long run may be made of parts")
	engineSeed  = flag.Uint64("engine.seed", 0, "run this one only")
)

// Each seed is a little world of its own: a graph, an input and a schedule in which something happens to an instance again and again.
// There is one goroutine: what a seed does, it does again.
func TestTheEngineSurvivesWhateverASeedDoesToIt(t *testing.T) {
	first, last := *engineFrom, *engineFrom+uint64(*engineSeeds)-1
	if *engineSeed > 0 {
		first, last = *engineSeed, *engineSeed
	}
	var (
		next          atomic.Uint64
		mu            sync.Mutex
		sum           tally
		again, checks int
	)
	t.Run("seeds", func(t *testing.T) {
		for half := range 2 {
			t.Run(fmt.Sprint(half), func(t *testing.T) {
				t.Parallel()
				graphs := smallGraphs() // a graph's plan is written to by the world that it is in
				for seed := first + next.Add(1) - 1; seed <= last && !t.Failed(); seed = first + next.Add(1) - 1 {
					w := little(graphs, seed)
					twice := seed%50 == 1
					if twice && w.trace() != little(graphs, seed).trace() {
						w.fault("it is another run the second time")
					}
					mu.Lock()
					sum.add(t, w, seed)
					checks += w.checked()
					if twice {
						again++
					}
					mu.Unlock()
					if t.Failed() {
						t.Logf("again: -run %s -engine.seed=%d", strings.Split(t.Name(), "/")[0], seed)
					}
				}
			})
		}
	})
	t.Logf("seeds %d to %d, %d of them twice, %d records checked, faults %v", first, last, again, checks, sum.hits)
	if checks == 0 {
		t.Error("no record was checked: it proves nothing")
	}
	for _, fault := range []string{"aborts", "crashes", "torn", "graceful", "lost", "move", "restart", "wiped"} {
		if sum.hits[fault] == 0 && last-first > 100 {
			t.Errorf("no seed hit %q: it proves nothing about that", fault)
		}
	}
}

func smallGraphs() []*graph {
	graphs := tornGraphs()
	for _, g := range graphs {
		g.build()
	}
	return graphs
}

// little runs a seed.
func little(graphs []*graph, seed uint64) *world {
	rng := rand.New(rand.NewPCG(seed, 3))
	g := graphs[rng.IntN(len(graphs))]
	s := g.shape(rng)
	s.records = 2 + rng.IntN(8)
	if g.partitions == 0 {
		s.partitions = 1 + rng.IntN(2)
	}
	in := s.make(rng)
	var want outcome
	if !g.loose {
		want = g.want(in.facts(g.disorder))
	}
	sched := schedulesOf(rng, []mode{graceful, aborts, crashes, torn}, 1+rng.IntN(16))
	last := sched[len(sched)-1]
	last.inner, last.stir = 1+rng.Int32N(3), []int{10, 20, 60}[rng.IntN(3)]
	return simulate(g, in, want, last, seed)
}

// checked returns how many results there are.
func (w *world) checked() int {
	o := w.outputs()
	return len(o.results) + len(o.late)
}

var traces = maphash.MakeSeed()

// trace tells a run from another one: all that was written anywhere, in its order.
func (w *world) trace() uint64 {
	var h maphash.Hash
	h.SetSeed(traces)
	fmt.Fprint(&h, w.steps, w.hits, w.now)
	for _, logs := range w.logs {
		for _, log := range logs {
			for _, e := range log.entries {
				fmt.Fprint(&h, e.r.Time, e.r.Key, e.r.Value, e.r.Control, e.from, e.state)
			}
		}
	}
	return h.Sum64()
}
