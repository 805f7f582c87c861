package driver_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/driver"
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
		plantForgets:  exactlyOnce, // as with a commit while a stage is not idle
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
	words := heldGraph{name: "word count", lines: true, groups: byGroup, inner: []string{"sim-groups-repartition"}, build: func(lines framework.Stream[string, string], keep keeper) {
		keep(lines).To(simTopic(simCopies))
		lines.GroupBy(func(line string) string { return byGroup("", line) }).Count("groups").Stream().To(simNumbers())
	}}
	idle := heldGraph{name: "empty intervals", lines: true, build: func(lines framework.Stream[string, string], keep keeper) {
		keep(lines).To(simTopic(simCopies))
		none := framework.NewTopic(connector.Factory{Kind: "sim"}, connector.TopicSpec{Name: simCounts}, codec.None, codec.Int64)
		lines.KeyBy(func(string) framework.None { return framework.None{} }).
			TimedWindow(100*time.Millisecond, func(lines []string) int64 { return int64(len(lines)) }).To(none)
	}}
	return append(slices.Clone(heldGraphs), words, idle)
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

// atomicWorld is an application on an atomic connector: one process at a time, that crashes and is started again.
type atomicWorld struct {
	*heldWorld
	current *process
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
	w.locked(func() { w.sim.faults = simFaults{} })
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
	c.Connector, c.Counters = &atomicInstance{instance: p.instance}, p.counters
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

// atomicInstance is an instance whose workers write and commit as one.
type atomicInstance struct{ *instance }

func (i *atomicInstance) Capabilities() connector.Capabilities {
	return connector.Capabilities{Atomic: true, Durable: true}
}

func (i *atomicInstance) Open(ctx context.Context, c connector.WorkerConfig) (connector.Worker, error) {
	w, err := i.instance.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	return &atomicMember{member: w.(*member)}, nil
}

// atomicMember keeps what is written until it is committed. Fields are guarded by sim.mu.
type atomicMember struct {
	*member
	unsaved    []connector.Out
	committing bool
	apart      []connector.Position // of the commit before, with plantApart
}

// Write acknowledges after a while, each in a goroutine of its own.
func (m *atomicMember) Write(outs []connector.Out, acked func(int, error)) {
	s := m.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.committing {
		s.violate(nothingInBetween, "%s writes %d records to %s", m, len(outs), m.config.Topics[outs[0].Topic].Name)
	}
	bytes := make([]int, len(outs))
	for i, o := range outs {
		bytes[i] = int(outBytes(&o))
		o.Key, o.Value = clone(o.Key), clone(o.Value)
		m.unsaved = append(m.unsaved, o)
	}
	time.AfterFunc(s.upTo(s.faults.ack), func() {
		for _, n := range bytes {
			acked(n, nil)
		}
	})
}

func (m *atomicMember) Commit(ctx context.Context, positions []connector.Position) error {
	s := m.sim
	s.mu.Lock()
	m.committing = true
	wait := s.upTo(100 * time.Millisecond)
	s.mu.Unlock()
	err := sleep(ctx, wait)
	s.mu.Lock()
	defer s.mu.Unlock()
	m.committing = false
	switch {
	case m.instance.crashed || m.closed:
		if len(m.unsaved) > 0 {
			s.hits["dropped"]++
		}
		return errCrashed
	case err != nil:
		return err
	case s.chance(s.faults.commitRefused):
		s.hits["commit"]++
		return fmt.Errorf("commit: %w", connector.ErrTemporary)
	}
	for _, o := range m.unsaved {
		at := simPlace{m.config.Topics[o.Topic].Name, o.Partition}
		offset := s.append(at, simRecord{time: o.Time, key: o.Key, value: o.Value, headers: o.Headers})
		s.acknowledge(at, &s.log(at).records[offset])
	}
	m.unsaved = nil
	if s.plant == plantApart {
		positions, m.apart = m.apart, positions
	}
	var stored []simPlace
	for _, p := range positions {
		at := m.place(p.Partition)
		s.checkPosition(at, p)
		s.committed[at] = p
		stored = append(stored, at)
	}
	s.onCommit(stored)
	return nil
}

// Poll looks no more often than once a millisecond, so that a worker that only looks does not stop the clock.
func (m *atomicMember) Poll(ctx context.Context, wait time.Duration, records bool) (connector.Batch, error) {
	return m.member.Poll(ctx, max(wait, time.Millisecond), records)
}
