package driver

import (
	"slices"
	"testing"

	"github.com/millrace/millrace/framework/internal/engine"
)

// The model of back pressure: a worker with one or two tasks of two inputs each and a small budget,
// explored exhaustively. A step is one turn of the worker's loop: a poll that brings any of the fetches that
// the client may bring, any number of choices, then the pauses. The worker, its tasks, queues, choices and pauses
// are the driver's own (take, choose, awaited, process, press, tell, Budget); the model adds the client, that
// fetches what it was not told to pause, and the search.
//
// A state is stuck when no way leads from it to the end, where every record is processed.

// modelRules are the rules, each of which can be left out.
type modelRules struct {
	press  func(*worker)
	choose func(*task) (*partition, int)
}

func builtRules() modelRules {
	return modelRules{press: (*worker).press, choose: (*task).choose}
}

// pressWithoutB1 resumes only when memory is relaxed: a partition may be paused and empty.
func pressWithoutB1(w *worker) {
	for _, p := range w.parts {
		switch {
		case w.shared.budget.relaxed():
			w.resume(p, PauseMemory)
		case w.shared.budget.tight() && !p.empty():
			w.pause(p, PauseMemory)
		}
	}
	w.tell()
}

// pressOneByOne pauses the largest only, one a turn.
func pressOneByOne(w *worker) {
	var largest *partition
	for _, p := range w.parts {
		if w.shared.budget.relaxed() || p.empty() {
			w.resume(p, PauseMemory)
		} else if p.pauses&PauseMemory == 0 && (largest == nil || p.bytes > largest.bytes) {
			largest = p
		}
	}
	if w.shared.budget.tight() && largest != nil {
		w.pause(largest, PauseMemory)
	}
	w.tell()
}

// chooseWithoutB2 waits for every input that is empty, whether or not anything is to come.
func chooseWithoutB2(t *task) (*partition, int) {
	for _, p := range t.inputs {
		if p.empty() {
			return nil, 0
		}
	}
	return t.choose()
}

// pressWithoutB4 compares with all partitions, those that are read to their ends too.
func pressWithoutB4(w *worker) {
	a := w.shared.align
	w.shared.align = nil
	w.press()
	w.shared.align = a
	slowest := int64(noMark)
	for _, p := range w.parts {
		slowest = min(slowest, p.watermark())
	}
	for _, p := range w.parts {
		if at := p.watermark(); at != engine.NoTime && at > engine.Later(slowest, a.drift) {
			w.pause(p, PauseAlignment)
		} else {
			w.resume(p, PauseAlignment)
		}
	}
	w.tell()
}

// chooseWithAhead takes records by their times alone: those of an input that is ahead wait, and so do the others of its task.
func chooseWithAhead(t *task) (*partition, int) {
	ahead := map[*partition]bool{}
	for _, p := range t.inputs {
		if ahead[p] = p.pauses&PauseAlignment != 0; ahead[p] {
			if p.empty() && p.lag() > 0 {
				return nil, 0
			}
			p.pauses &^= PauseAlignment
		}
	}
	best, n := t.choose()
	for p, is := range ahead {
		if is {
			p.pauses |= PauseAlignment
		}
	}
	if best != nil && ahead[best] {
		return nil, 0
	}
	return best, n
}

// modelCase is what is explored.
type modelCase struct {
	name    string
	logs    [][]int64 // times of the records of each partition, two of them a task; a negative time is a marker
	fetch   int       // records a fetch
	high    int64     // of the budget, in records
	others  int64     // records that other workers hold of the budget, all the time
	markers bool      // markers are shown to the driver, so that positions reach the end
	held    bool      // the topic downstream may be too far behind, and may catch up, at any time
	drift   int64     // ms that a partition may be ahead; 0: nothing is aligned
}

// limit is the budget and one fetch for each partition, in records.
func (c modelCase) limit() int64 { return c.high + int64(len(c.logs)*c.fetch) }

var modelCases = []modelCase{
	{name: "interleaved", logs: [][]int64{{1, 3, 5, 7, 9, 11}, {2, 4, 6, 8, 10, 12}}, fetch: 1, high: 2, markers: true},
	{name: "one after the other", logs: [][]int64{{1, 2, 3, 4, 5, 6}, {7, 8, 9, 10, 11, 12}}, fetch: 2, high: 2, markers: true},
	{name: "one is short", logs: [][]int64{{5}, {1, 2, 6, 7, 8, 9}}, fetch: 2, high: 3, markers: true},
	{name: "one is empty", logs: [][]int64{{}, {1, 2, 6, 7, 8, 9}}, fetch: 2, high: 3, markers: true},
	{name: "markers at the end", logs: [][]int64{{1, 3, -1}, {2, 4, 6, -1}}, fetch: 1, high: 2, markers: true},
	{name: "others hold it all", logs: [][]int64{{1, 3, 5, 7}, {2, 4, 6, 8}}, fetch: 2, high: 2, others: 9, markers: true},
	{name: "downstream comes and goes", logs: [][]int64{{1, 3, 5, 7}, {2, 4, 6, 8}}, fetch: 1, high: 2, markers: true, held: true},
	{name: "aligned, one is fast", logs: [][]int64{{1, 2, 3, 4}, {1, 9, 17, 25}, {2, 3, 5}, {}}, fetch: 1, high: 3, markers: true, drift: 4},
	{name: "aligned, one is empty", logs: [][]int64{{}, {1, 6, 11, 16}, {2, 7, 12}, {}}, fetch: 2, high: 3, markers: true, drift: 4},
	{name: "aligned, one jumps", logs: [][]int64{{1, 90}, {2, 3, 91}, {1, 4, 92}, {95}}, fetch: 1, high: 3, markers: true, drift: 4},
	{name: "aligned, markers only", logs: [][]int64{{-1, -1}, {1, 9, 17}, {2, 10, -1}, {}}, fetch: 1, high: 2, markers: true, drift: 4},
	{name: "aligned, downstream comes and goes", logs: [][]int64{{1, 5, 9}, {2, 4, 6}, {20, 21}, {}}, fetch: 1, high: 3, markers: true, held: true, drift: 4},
	{name: "two tasks", logs: [][]int64{{1, 3, 5}, {2, 4, 6}, {7, 8}, {1, 9}}, fetch: 1, high: 3, markers: true},
}

func TestNoStateOfBackPressureIsStuck(t *testing.T) {
	for _, c := range modelCases {
		t.Run(c.name, func(t *testing.T) {
			r := explore(c, builtRules())
			if r.stuck > 0 {
				t.Errorf("%d of %d states can never finish, for example %v", r.stuck, r.states, r.example)
			}
			if r.highest > c.limit() {
				t.Errorf("up to %d records are held, the budget and one fetch for each partition are %d", r.highest, c.limit())
			}
			t.Logf("%d states, up to %d records held", r.states, r.highest)
		})
	}
}

// The model is trusted because it finds what the rules are for.
func TestWithoutItsRulesBackPressureGetsStuck(t *testing.T) {
	for name, test := range map[string]struct {
		rules func(*modelRules)
		turn  func(*modelCase)
		cases []string // where it must be found
	}{
		"B1: an empty partition stays paused": {
			rules: func(r *modelRules) { r.press = pressWithoutB1 },
			cases: []string{"interleaved", "one after the other", "others hold it all", "two tasks"},
		},
		"B2: an input without lag is waited for": {
			rules: func(r *modelRules) { r.choose = chooseWithoutB2 },
			cases: []string{"interleaved", "one is short", "one is empty"},
		},
		"B4: partitions are aligned with those that are read to their ends": {
			rules: func(r *modelRules) { r.press = pressWithoutB4 },
			cases: []string{"aligned, one is fast", "aligned, one is empty"},
		},
		"B2: what is ahead of others is waited for": {
			rules: func(r *modelRules) { r.choose = chooseWithAhead },
			cases: []string{"aligned, one jumps"},
		},
		"B2: markers are not counted": {
			turn:  func(c *modelCase) { c.markers = false },
			cases: []string{"markers at the end"},
		},
	} {
		for _, c := range modelCases {
			if !slices.Contains(test.cases, c.name) {
				continue
			}
			t.Run(name+"/"+c.name, func(t *testing.T) {
				rules := builtRules()
				if test.rules != nil {
					test.rules(&rules)
				}
				if test.turn != nil {
					test.turn(&c)
				}
				r := explore(c, rules)
				if r.stuck == 0 {
					t.Errorf("none of %d states is stuck", r.states)
				}
				t.Logf("%d of %d states can never finish, for example %v", r.stuck, r.states, r.example)
			})
		}
	}
}

func TestPausingOneByOneOverrunsTheBudget(t *testing.T) {
	c := modelCases[len(modelCases)-1]
	r := explore(c, modelRules{press: pressOneByOne, choose: (*task).choose})
	if r.stuck > 0 || r.highest <= c.limit() {
		t.Errorf("%d states are stuck, up to %d records are held of %d that are allowed: this rule was thought to be worse than the one that is built", r.stuck, r.highest, c.limit())
	}
}
