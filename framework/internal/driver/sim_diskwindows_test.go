package driver_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/millrace/millrace/framework/internal/driver"
)

// Machines crash while windows are open, and tasks move from one to the other: what their folders have of windows is never what it
// should not be, and each window has the result of a batch, once.
func TestWindowsOnDiskSurviveCrashes(t *testing.T) {
	hits := map[string]int{}
	for seed := range uint64(60) {
		inBubble(t, seed, func(t *testing.T, s *sim) {
			s.cluster(3)
			s.faults = simFaults{ack: 200 * time.Millisecond, fetch: 100 * time.Millisecond, hole: 0.05, notNow: []float64{0, 0.05}[seed%2]}
			w := &world{sim: s, rng: rand.New(rand.NewPCG(seed, 9)), disks: true}
			plan := events{stages: 1 + int(seed%3)}.plan(t)
			want := map[string]int{}
			type running struct {
				*eventsRun
				p *process
			}
			var runs []running
			start := func() {
				p := &process{instance: &instance{name: "a machine's process"}}
				w.boot(p)
				r := s.begin(plan, func(c *driver.Config) {
					c.Connector, c.Disk = transactionalInstance{c.Connector.(*instance)}, p.machine.open
					c.ExactlyOnce, c.Workers, c.PurgeEvery = true, 1+w.rng.IntN(2), time.Second
				})
				p.instance = r.instance
				runs = append(runs, running{r, p})
			}
			end := func(crash bool) {
				r := runs[0]
				runs = runs[1:]
				if crash {
					s.hits["crash"]++
					r.crash()
					<-r.ended
				} else {
					r.end(t)
				}
				w.halt(r.p)
			}
			for second := range 100 {
				for p := range int32(3) {
					key := string(rune('a' + w.rng.IntN(4)))
					s.at(p, float64(second), key)
					want[fmt.Sprintf("%s %d", key, second/10*10)]++
				}
				switch n := w.rng.IntN(12); {
				case len(runs) == 0 || n == 0 && len(runs) < 3:
					start()
				case n == 1:
					end(false)
				case n == 2:
					end(true)
				}
				time.Sleep(time.Duration(w.rng.IntN(500)) * time.Millisecond)
			}
			if len(runs) == 0 {
				start()
			}
			for p := range int32(3) {
				s.at(p, 200, "z")
			}
			s.mu.Lock()
			s.faults = simFaults{}
			s.mu.Unlock()
			time.Sleep(time.Minute)
			for len(runs) > 0 {
				end(false)
			}
			var lines []string
			for window, n := range want {
				if seed%3 > 0 {
					n = 1 // of a later stage: the results of the one before
				}
				lines = append(lines, fmt.Sprintf("%s=%d", window, n))
			}
			wantFinals(t, s, lines...)
			for _, v := range s.wrong {
				t.Errorf("%s: %s", v.invariant, v.what)
			}
			for name, n := range s.hits {
				hits[name] += n
			}
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		})
	}
	for _, fault := range []string{"crash", "tail", "abort"} {
		if hits[fault] == 0 {
			t.Errorf("no seed hit %q: the run proves nothing about it", fault)
		}
	}
	t.Log("hits:", hits)
}
