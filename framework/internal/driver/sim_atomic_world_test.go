package driver_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/framework/internal/driver"
)

// atomicWorld is an application on an atomic connector: one process at a time, that crashes and is started again.
type atomicWorld struct {
	*heldWorld
	current *process
	polls   *atomic.Int64 // of current
}

func newAtomicWorld(t *testing.T, s *sim, g heldGraph) *atomicWorld {
	w := &atomicWorld{heldWorld: newHeldWorld(t, s, g)}
	s.faults.commitRefused, s.faults.notNow = 0.1*float64(s.seed%2), 0
	return w
}

func (w *atomicWorld) run() {
	w.produce(100)
	for range 3 + w.rng.IntN(6) {
		w.begin()
		time.Sleep(time.Duration(w.rng.Int64N(int64(3 * time.Second))))
		w.produce(40)
		time.Sleep(time.Duration(w.rng.Int64N(int64(3 * time.Second))))
		if w.rng.IntN(3) > 0 {
			w.hit("crash")
			w.current.crash()
			w.over(errCrashed)
		} else {
			w.hit("stop")
			w.over(nil)
		}
	}
	w.locked(func() { w.sim.faults = simFaults{commitRefused: w.sim.faults.commitRefused} }) // of the last commit, too
	w.config.Bounded = true
	w.begin()
	for range 600 {
		if time.Sleep(100 * time.Millisecond); len(w.current.ended) > 0 {
			break
		}
	}
	if len(w.current.ended) == 0 {
		w.locked(func() { w.sim.violate(lagGoesToZero, "a bounded run has not ended after a minute") })
	}
	w.over(nil)
	w.locked(w.final)
}

func (w *atomicWorld) begin() {
	w.started++
	p := &process{
		instance: &instance{sim: w.sim, name: fmt.Sprintf("instance %d", w.started)},
		ended:    make(chan error, 1), counters: &driver.Counters{},
	}
	ctx, cancel := context.WithCancel(w.sim.ctx)
	p.cancel = cancel
	c := w.config
	via := &atomicInstance{instance: p.instance}
	c.Connector, c.Counters, w.polls = via, p.counters, &via.polls
	go func() { p.ended <- driver.Run(ctx, c) }() // over waits for it
	w.current = p
}

func (w *atomicWorld) over(want error) {
	p := w.current
	if want == nil {
		p.cancel()
	}
	err := <-p.ended
	p.cancel()
	w.locked(func() {
		w.sim.hits["restored"] += int(p.counters.Restored.Load())
		if (err == nil) != (want == nil) {
			w.sim.violate(runEndsWell, "%s ended with %v, not %v", p.name, err, want)
		}
		for _, m := range p.members { // the next process finds no member of the one before
			w.sim.group.leave(m)
		}
	})
}

// final: each line is there once, in order, and nothing is counted twice.
func (w *atomicWorld) final() {
	before := len(w.sim.wrong)
	w.lines.final(true)
	for i := before; i < len(w.sim.wrong); i++ {
		w.sim.wrong[i].invariant = exactlyOnce
	}
}
