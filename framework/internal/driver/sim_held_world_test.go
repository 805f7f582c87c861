package driver_test

import (
	"log/slog"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/millrace/millrace/framework/internal/driver"
)

// heldWorld is a simulated application that keeps records for later. What happens to its instances is as in world.
type heldWorld struct {
	*world
	graph heldGraph
	lines *heldLines
}

func newHeldWorld(t *testing.T, s *sim, g heldGraph) *heldWorld {
	rng := rand.New(rand.NewPCG(s.seed, 3))
	pick := func(of ...time.Duration) time.Duration { return of[rng.IntN(len(of))] }
	w := &heldWorld{world: &world{sim: s, rng: rng, graceful: s.seed%2 == 0, partitions: 1 + rng.Int32N(3)}, graph: g}
	s.create(simLines, w.partitions)
	s.create(simCopies, 1+rng.Int32N(2))
	s.create(simCounts, 1+rng.Int32N(2))
	w.lines = watchLines(s, g)
	s.faults = simFaults{
		ack: pick(0, 5*time.Millisecond, 50*time.Millisecond, time.Second), fetch: pick(0, 10*time.Millisecond, 200*time.Millisecond),
		hole: 0.05, commitRefused: 0.2, adminFails: 0.1,
	}
	if !w.graceful {
		s.faults.notNow = 0.1
	}
	w.plan = g.plan(t, pick(0, 0, time.Millisecond, 5*time.Millisecond), s.plant)
	w.config = driver.Config{
		Plan: w.plan, Workers: 1 + rng.IntN(3), BudgetBytes: 4 << 10 << rng.IntN(6), CommitEvery: pick(50*time.Millisecond, time.Second),
		PurgeEvery: 2 * time.Second, Logger: slog.New(slog.DiscardHandler),
	}
	if *simVerbose {
		w.config.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return w
}

// run lets things happen for a while, then waits until all is done, stops, and compares; then the same to a bounded run.
func (w *heldWorld) run() {
	w.produce(100)
	w.start()
	for range 4 + w.rng.IntN(4) {
		time.Sleep(time.Duration(w.rng.Int64N(int64(2 * time.Second))))
		w.happen()
	}
	w.calm()
	for len(w.running) > 0 {
		w.stop(0)
	}
	w.bounded()
	w.locked(func() {
		if !w.config.ExactlyOnce {
			w.lines.final(w.graceful)
			return
		}
		before := len(w.sim.wrong)
		w.lines.final(true)
		for i := before; i < len(w.sim.wrong); i++ {
			w.sim.wrong[i].invariant = exactlyOnce
		}
	})
}

func (w *heldWorld) produce(upTo int) {
	for range w.rng.IntN(upTo) {
		w.lines.produce()
	}
}

// happen does one thing to the application.
func (w *heldWorld) happen() {
	w.produce(60)
	w.reap()
	choices := []func(){
		w.start, w.start,
		func() { w.stop(w.rng.IntN(len(w.running))) },
		func() { w.hit("move"); w.locked(w.sim.group.rebalance) },
	}
	if !w.graceful {
		choices = append(choices, w.crash, w.crash, w.lose)
	}
	if !w.graceful && !w.config.ExactlyOnce {
		choices = append(choices, w.refuse)
	}
	if len(w.running) > 0 {
		choices[w.rng.IntN(len(choices))]()
	}
	if len(w.running) == 0 {
		w.start()
	}
}

func (w *heldWorld) refuse() {
	w.locked(func() { w.sim.refuse = []string{simCopies, simCounts}[w.rng.IntN(2)] })
}

// calm ends all faults and waits for everything to be committed.
func (w *heldWorld) calm() {
	w.locked(func() {
		w.sim.faults, w.sim.refuse = simFaults{}, ""
		w.sim.group.notify()
	})
	const patience = 5 * time.Minute
	lag := int64(0)
	for range patience / (100 * time.Millisecond) {
		if w.reap(); len(w.running) == 0 {
			w.start()
		}
		time.Sleep(100 * time.Millisecond)
		w.locked(func() {
			lag = w.sim.lag(simLines)
			for _, topic := range w.graph.inner {
				lag += w.sim.lag(topic)
			}
		})
		if lag == 0 {
			return
		}
	}
	w.locked(func() { w.sim.violate(lagGoesToZero, "%d records are not committed after %s", lag, patience) })
}

// bounded lets a run work off what there is: it ends by itself.
func (w *heldWorld) bounded() {
	w.produce(40)
	w.config.Bounded = true
	w.start()
	w.hit("bounded")
	for range 600 {
		time.Sleep(100 * time.Millisecond)
		if len(w.running[0].ended) > 0 {
			w.end(0, nil)
			return
		}
	}
	w.locked(func() { w.sim.violate(lagGoesToZero, "a bounded run has not ended after a minute") })
	w.stop(0)
}
