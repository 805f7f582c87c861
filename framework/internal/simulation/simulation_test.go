package simulation_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

var (
	seeds = flag.Int("seeds", seedsDefault, "how many seeds to simulate of each graph")
	seed  = flag.Uint64("seed", 0, "simulate this seed only")
)

// schedulesOf returns the schedules of a seed, which differ in all that must not matter.
func schedulesOf(rng *rand.Rand, modes []mode, n int) (schedules []schedule) {
	for i := range n {
		schedules = append(schedules, schedule{
			mode:      modes[i%len(modes)],
			inner:     []int32{1, 4, 16, 0}[i/len(modes)%4],
			instances: 1 + rng.IntN(3),
			combine:   []int64{1 << 20, 1, 0, 300}[rng.IntN(4)],
			most:      []int{1, 3, 20, 1000}[rng.IntN(4)],
			byTime:    rng.IntN(3) == 0,
			every:     []int64{0, 100e6}[rng.IntN(2)],
			stir:      []int{0, 10, 60}[min(2, rng.IntN(4))],
			aside:     rng.IntN(4) == 0,
		})
	}
	return schedules
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// outputs is what a run gave.
type outputs struct {
	results []result // of each partition in order
	late    map[refusal]int
	drops   [engine.Reasons]int64
}

func (w *world) outputs() (o outputs) {
	o.late = map[refusal]int{}
	for i, t := range w.graph.plan.Topics {
		for _, log := range w.logs[i] {
			for _, e := range log.content() {
				switch {
				case t.Spec.Role&connector.RoleSink == 0:
				case t.Name == "late":
					r := resultOf(e.r)
					o.late[refusal{r.value, r.start, r.end}]++
				case t.Name == "results":
					o.results = append(o.results, resultOf(e.r))
				}
			}
		}
	}
	for _, t := range w.tasks {
		_, drops := t.Counts()
		for r := range drops {
			o.drops[r] += drops[r] + t.drops[r]
		}
	}
	return o
}

// compare says how a run differs from what is wanted.
func (w *world) compare(got outputs, want outcome) {
	g := w.graph
	if w.compareDrops(got); g.loose {
		return
	}
	content := map[frame]string{}
	finals := map[frame]int{}
	ends := map[string]int64{}
	for _, r := range got.results {
		if r.deleted {
			delete(content, r.frame)
			continue
		}
		if g.emit == onClose {
			if r.time != g.kind.finalTime(r.end) {
				w.fault("the final result of %v has the time %d", r.frame, r.time)
			}
			if finals[r.frame]++; finals[r.frame] > 1 && w.schedule.mode.exact() {
				w.fault("%v has %d final results", r.frame, finals[r.frame])
			}
			if w.schedule.mode.exact() && r.end < ends[r.key] {
				w.fault("of key %s the window that ends at %d comes after the one that ends at %d", r.key, r.end, ends[r.key])
			}
			ends[r.key] = r.end
		}
		content[r.frame] = r.value
	}
	for _, f := range slices.SortedFunc(maps.Keys(want.content), frame.compare) {
		should := g.text(want.content[f])
		if has, ok := content[f]; !ok {
			w.fault("%v is missing: it should have %q", f, should)
		} else if !w.equal(has, should) {
			w.fault("%v has %q, it should have %q", f, has, should)
		}
	}
	for _, f := range slices.SortedFunc(maps.Keys(content), frame.compare) {
		if _, ok := want.content[f]; !ok && !w.stale(f, want) {
			w.fault("%v is too many: it has %q", f, content[f])
		}
	}
	w.compareLate(got, want)
}

// stale says that an update is of a session that another one took in: a crash may lose that it was handed on, and then nothing takes it
// back.
func (w *world) stale(f frame, want outcome) bool {
	if w.schedule.mode != torn || w.graph.kind.gap == 0 || w.graph.emit == onClose {
		return false
	}
	for g := range want.content {
		if g.key == f.key && g.start <= f.start && f.end <= g.end {
			w.hits["stale"]++
			return true
		}
	}
	return false
}

func (w *world) compareLate(got outputs, want outcome) {
	refused := int64(0)
	for r, n := range want.late {
		refused += int64(n)
		if has := got.late[r]; has != n && (w.schedule.mode.exact() || has < n) {
			w.fault("%x is refused %d times from %d to %d, it should be %d times", r.ids, has, r.start, r.end, n)
		}
	}
	for r, n := range got.late {
		if want.late[r] == 0 {
			w.fault("%x is refused %d times from %d to %d, and is not late", r.ids, n, r.start, r.end)
		}
	}
	if n := got.drops[engine.DropLate]; w.schedule.mode == graceful && n != refused && !w.graph.uncounted {
		w.fault("%d records are counted as late, not %d", n, refused)
	}
}

// equal compares values. After crashes what is read again is folded again: nothing is missing then, and nothing is another window's.
func (w *world) equal(has, should string) bool {
	switch {
	case w.schedule.mode.exact():
		return has == should
	case w.graph.number:
		a, _ := strconv.Atoi(has)
		b, _ := strconv.Atoi(should)
		return a >= b
	}
	return distinct(has) == distinct(should)
}

// compareDrops: a record that is not late finds its window open.
func (w *world) compareDrops(got outputs) {
	if !w.schedule.mode.exact() {
		return
	}
	if n := got.drops[engine.DropReplayed] + got.drops[engine.DropLateIdle]; n > 0 {
		w.fault("%d records found their window closed", n)
	}
}

func (f frame) compare(other frame) int {
	for _, d := range []int64{f.start - other.start, f.end - other.end, int64(strings.Compare(f.key, other.key))} {
		if d != 0 {
			return int(d)
		}
	}
	return 0
}

// simulate runs an input under a schedule and returns what is wrong.
func simulate(g *graph, in input, want outcome, s schedule, seed uint64) (w *world) {
	combinations.Add(1)
	w = newWorld(g, in, s, rand.New(rand.NewPCG(seed, 77)))
	defer w.end()
	defer func() {
		if p := recover(); p != nil {
			panic(fmt.Sprintf("%s, seed %d, %+v: %v", g.name, seed, s, p))
		}
	}()
	if err := w.run(); err != nil {
		w.fault("%v", err)
	}
	if len(w.wrong) == 0 {
		w.compare(w.outputs(), want)
	}
	return w
}

func (g *graph) shape(rng *rand.Rand) shape {
	s := shape{
		topics: g.topics, partitions: 1 + rng.IntN(4), records: 10 + rng.IntN(50), pace: 5, disorder: g.disorder,
		beyond: 600, from: []int64{0, 1000}[rng.IntN(2)],
	}
	s.byKey, s.coarse = g.byKey, []int64{0, 10}[rng.IntN(2)]
	if g.partitions > 0 {
		s.partitions = g.partitions
	}
	if g.pace > 0 {
		s.pace, s.beyond, s.from = g.pace, 40*g.pace, g.from
		s.coarse *= g.pace / 20
	}
	return s
}

// check simulates seeds of a graph, each under several schedules.
func check(t *testing.T, g *graph, seeds, schedules int) {
	t.Helper()
	checkIn(t, g, seeds, schedules, graceful, aborts, crashes)
}

func checkIn(t *testing.T, g *graph, seeds, schedules int, modes ...mode) {
	t.Helper()
	g.build()
	first := uint64(1)
	if *seed > 0 {
		first, seeds = *seed, 1
	}
	var sum tally
	for s := first; s < first+uint64(seeds) && !t.Failed(); s++ {
		rng := seeded(s)
		in := g.shape(rng).make(rng)
		var want outcome
		if !g.loose {
			want = g.want(in.facts(g.disorder))
		}
		sum.late += len(want.late)
		for i, sched := range schedulesOf(rng, modes, schedules) {
			sum.add(t, simulate(g, in, want, sched, s*1000+uint64(i)), s)
		}
	}
	t.Logf("seeds %d to %d, %v", first, first+uint64(seeds)-1, sum)
}

// tally is what was simulated.
type tally struct {
	runs, late int
	hits       map[string]int
}

func (s tally) String() string { return fmt.Sprintf("%d runs, %d late, %v", s.runs, s.late, s.hits) }

// add counts a run, and fails the test where something is wrong with it.
func (s *tally) add(t *testing.T, w *world, seed uint64) {
	t.Helper()
	s.runs++
	if s.hits == nil {
		s.hits = map[string]int{}
	}
	for name, n := range w.hits {
		s.hits[name] += n
	}
	if len(w.wrong) > 0 && !t.Failed() {
		t.Errorf("%s, seed %d, %+v:\n%s", w.graph.name, seed, w.schedule, strings.Join(w.wrong[:min(8, len(w.wrong))], "\n"))
	}
}
