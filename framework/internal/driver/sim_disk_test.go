package driver_test

import (
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/state/disk"
)

// machine is where a process runs: its files stay when the process ends, but for what was not forced to the disk when it crashes.
type machine struct {
	files *vfs.MemFS
	open  *disk.DB // of the process that runs there; nil: none
}

// boot finds a machine for a process, and opens its folder.
func (w *world) boot(p *process) {
	for _, m := range w.machines {
		if m.open == nil {
			p.machine = m
		}
	}
	if p.machine == nil {
		p.machine = &machine{files: vfs.NewCrashableMem()}
		w.machines = append(w.machines, p.machine)
	}
	db, err := disk.Open("state", disk.Options{App: "sim", MemoryBytes: 16 << 10, FS: p.machine.files})
	if err != nil {
		w.locked(func() { w.sim.violate(runEndsWell, "%s cannot open its folder: %v", p.name, err) })
	}
	p.machine.open = db
}

// halt ends what boot began.
func (w *world) halt(p *process) {
	m := p.machine
	if m == nil || m.open == nil {
		return
	}
	files := m.files
	if p.crashed {
		files = m.files.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: w.rng.IntN(101), RNG: w.rng})
	}
	if err := m.open.Close(); err != nil {
		w.locked(func() { w.sim.violate(runEndsWell, "%s cannot close its folder: %v", p.name, err) })
	}
	m.open, m.files = nil, files
}

// What is true of stores in memory is true of those on disk: machines crash and come back with what they had forced to the disk.
func TestStoresOnDiskSurviveWhateverASeedDoesToThem(t *testing.T) {
	seeds, first := *simSeeds/8, uint64(1)
	if *simSeed > 0 {
		first, seeds = *simSeed, 1
	}
	var mu sync.Mutex
	hits := map[string]int{}
	count := func(s *sim) {
		mu.Lock()
		defer mu.Unlock()
		for name, n := range s.hits {
			hits[name] += n
		}
	}
	t.Run("graphs", func(t *testing.T) {
		for _, g := range atomicGraphs() {
			t.Run(g.name, func(t *testing.T) {
				t.Parallel()
				for seed := first; seed < first+uint64(seeds); seed++ {
					report(t, seed, simulateOnDisk(t, g, seed, plantNone, count))
				}
			})
		}
		t.Run("at least once", func(t *testing.T) {
			t.Parallel()
			for seed := first; seed < first+uint64(seeds); seed++ {
				report(t, seed, simulateIn(t, seed, plantNone, count, func(t *testing.T, s *sim) {
					w := newWorld(t, s)
					w.disks = true
					w.run()
				}))
			}
		})
	})
	for _, fault := range []string{"crash", "stop", "start", "move", "lost", "abort", "aborted", "fenced", "restored", "tail", "purge"} {
		if hits[fault] == 0 && seeds > 20 { // fewer hit not all of them
			t.Errorf("no seed hit %q: the run proves nothing about it", fault)
		}
	}
	t.Log("hits:", hits)
}

func simulateOnDisk(t *testing.T, g heldGraph, seed uint64, plant plant, after func(*sim)) []violation {
	t.Helper()
	return simulateIn(t, seed, plant, after, func(t *testing.T, s *sim) {
		w := newHeldWorld(t, s, g)
		w.config.ExactlyOnce, w.graceful, w.disks = true, false, true
		w.via = func(i *instance) connector.Connector { return transactionalInstance{i} }
		s.faults.notNow, s.faults.commitRefused = []float64{0, 0.1}[s.seed%2], 0
		w.run()
	})
}
