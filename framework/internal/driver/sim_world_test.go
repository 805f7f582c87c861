package driver_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/driver"
)

// world is a simulated application: what its instances are, and what happens to them.
type world struct {
	sim        *sim
	words      *words
	plan       *driver.Plan
	rng        *rand.Rand // of the events, apart from the cluster's
	graceful   bool
	config     driver.Config
	partitions int32
	running    []*process
	started    int
	via        func(*instance) connector.Connector // nil: the instance itself
	disks      bool                                // stores are on disk
	machines   []*machine
}

// process is a running instance.
type process struct {
	*instance
	cancel   context.CancelFunc
	ended    chan error
	counters *driver.Counters
	machine  *machine // nil: stores are in memory
}

func newWorld(t *testing.T, s *sim) *world {
	rng := rand.New(rand.NewPCG(s.seed, 2))
	pick := func(of ...time.Duration) time.Duration { return of[rng.IntN(len(of))] }
	w := &world{sim: s, rng: rng, graceful: s.seed%2 == 0, partitions: 1 + rng.Int32N(4)}
	s.create(simLines, 1+rng.Int32N(w.partitions))
	s.create(simMore, w.partitions)
	s.create(simCopies, 1+rng.Int32N(3))
	s.create(simCounts, 1+rng.Int32N(3))
	w.words = watchWords(s)
	s.faults = simFaults{
		ack: pick(0, 5*time.Millisecond, 50*time.Millisecond, time.Second, 3*time.Second), fetch: pick(0, 10*time.Millisecond, 200*time.Millisecond),
		hole: 0.05, commitRefused: 0.2, adminFails: 0.1,
	}
	if !w.graceful {
		s.faults.notNow = 0.1
	} else if s.faults.ack > time.Second {
		s.faults.commitRefused = 0 // a stop has 20 s, too little for several such commits
	}
	w.plan = wordsPlan(t, pick(0, 0, time.Millisecond, 20*time.Millisecond))
	w.config = driver.Config{
		Plan: w.plan, Workers: 1 + rng.IntN(3), BudgetBytes: 4 << 10 << rng.IntN(6), CommitEvery: pick(50*time.Millisecond, time.Second),
		PurgeEvery: 2 * time.Second, Logger: slog.New(slog.DiscardHandler),
	}
	if *simVerbose {
		w.config.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return w
}

// run lets things happen for a while, then waits until all is done, stops, and compares.
func (w *world) run() {
	for range w.rng.IntN(200) {
		w.words.produce()
	}
	w.start()
	for range 4 + w.rng.IntN(8) {
		time.Sleep(time.Duration(w.rng.Int64N(int64(3 * time.Second))))
		w.happen()
	}
	w.calm()
	for len(w.running) > 0 {
		w.stop(0)
	}
	w.sim.mu.Lock()
	defer w.sim.mu.Unlock()
	w.words.final(w.graceful)
}

// happen does one thing to the application.
func (w *world) happen() {
	for range w.rng.IntN(60) {
		w.words.produce()
	}
	w.reap()
	choices := []func(){
		w.start, w.start,
		func() { w.stop(w.rng.IntN(len(w.running))) },
		func() { w.hit("move"); w.locked(w.sim.group.rebalance) },
		func() { w.locked(func() { w.sim.ahead = 1<<30 - w.sim.ahead }) },
	}
	if !w.graceful {
		choices = append(choices, w.crash, w.crash, w.lose, w.refuse)
	}
	if len(w.running) > 0 {
		choices[w.rng.IntN(len(choices))]()
	}
	if len(w.running) == 0 {
		w.start()
	}
}

func (w *world) hit(name string) { w.locked(func() { w.sim.hits[name]++ }) }

func (w *world) locked(f func()) {
	w.sim.mu.Lock()
	defer w.sim.mu.Unlock()
	f()
}

func (w *world) start() {
	if len(w.running) == 3 {
		return
	}
	w.hit("start")
	w.started++
	p := &process{
		instance: &instance{sim: w.sim, name: fmt.Sprintf("instance %d", w.started)},
		ended:    make(chan error, 1), counters: &driver.Counters{},
	}
	// What the driver promises: its budget, and one fetch, which may be a record too long, for each partition.
	p.bound = w.config.BudgetBytes + 3*int64(w.partitions)*(simFetch+256)
	ctx, cancel := context.WithCancel(w.sim.ctx)
	p.cancel = cancel
	c := w.config
	c.Connector, c.Counters = p.instance, p.counters
	if w.via != nil {
		c.Connector = w.via(p.instance)
	}
	if w.disks {
		w.boot(p)
		c.Disk = p.machine.open
	}
	go func() { p.ended <- driver.Run(ctx, c) }() // end waits for it
	w.running = append(w.running, p)
}

// stop stops the i-th instance as a signal would.
func (w *world) stop(i int) {
	w.hit("stop")
	w.end(i, nil)
}

func (w *world) crash() {
	w.hit("crash")
	i := w.rng.IntN(len(w.running))
	w.running[i].instance.crash()
	w.end(i, errCrashed)
}

// refuse lets the next write to a topic be refused for good: its writer must end with that error.
func (w *world) refuse() {
	topics := []string{simCopies, simCounts, simRepartition, simChangelog}
	w.locked(func() { w.sim.refuse = topics[w.rng.IntN(len(topics))] })
}

// reap removes the instances that ended by themselves.
func (w *world) reap() {
	for i := len(w.running) - 1; i >= 0; i-- {
		if p := w.running[i]; len(p.ended) > 0 {
			w.end(i, nil)
		}
	}
}

func (w *world) end(i int, want error) {
	p := w.running[i]
	if want == nil {
		p.cancel()
	}
	err := <-p.ended
	p.cancel()
	w.halt(p)
	refused := false
	w.locked(func() { refused = p.refused })
	late := !w.graceful && errors.Is(err, context.Canceled) // commits that fail again and again may take longer than a stop
	if !errors.Is(err, want) && !late && !(refused && errors.Is(err, errWriteRefused)) || err == nil && refused && want == nil {
		w.locked(func() { w.sim.violate(runEndsWell, "%s ended with %v, not %v", p.name, err, want) })
	}
	w.locked(func() {
		w.sim.hits["memory"] += int(p.counters.Pauses[0].Load())
		w.sim.hits["downstream"] += int(p.counters.Pauses[2].Load())
		w.sim.hits["restored"] += int(p.counters.Restored.Load())
		if held := p.held; held != 0 && !p.crashed {
			w.sim.violate(recycledOnce, "%s ended and holds %d bytes", p.name, held)
		}
	})
	w.running = slices.Delete(w.running, i, i+1)
}

// lose takes all partitions from a member.
func (w *world) lose() {
	w.locked(func() {
		members := w.sim.group.members
		if len(members) > 0 {
			m := members[w.rng.IntN(len(members))]
			m.losing = true
			m.wakeLocked()
		}
	})
}

// calm ends all faults and waits for everything to be committed.
func (w *world) calm() {
	w.locked(func() { // the last commits of what stands still are refused, too
		w.sim.faults, w.sim.refuse, w.sim.ahead = simFaults{notNow: w.sim.faults.notNow}, "", 0
	})
	time.Sleep(5 * time.Second)
	w.locked(func() {
		w.sim.faults = simFaults{}
		for _, l := range w.sim.topics[simMore] { // a transaction that was aborted is the last thing in the log
			l.records = append(l.records, simRecord{hidden: true}, simRecord{control: true})
		}
		w.sim.group.notify()
	})
	const patience = 10 * time.Minute
	lag := int64(0)
	for range patience / (100 * time.Millisecond) {
		if w.reap(); len(w.running) == 0 {
			w.start()
		}
		time.Sleep(100 * time.Millisecond)
		w.locked(func() { lag = w.sim.lag(simLines) + w.sim.lag(simMore) + w.sim.lag(simRepartition) })
		if lag == 0 && w.sim.topics[simRepartition] != nil {
			return
		}
	}
	w.locked(func() {
		w.sim.violate(lagGoesToZero, "%d records are not committed after %s: %v", lag, patience, slices.Collect(maps.Values(w.sim.committed)))
	})
}
