package driver

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

// The model of back pressure (ENGINE section 6): a worker with one or two tasks of two inputs each and a small budget,
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

// modelCase is what is explored.
type modelCase struct {
	name    string
	logs    [][]int64 // times of the records of each partition, two of them a task; a negative time is a marker
	fetch   int       // records a fetch
	high    int64     // of the budget, in records
	others  int64     // records that other workers hold of the budget, all the time
	markers bool      // markers are shown to the driver, so that positions reach the end
	held    bool      // the topic downstream may be too far behind, and may catch up, at any time
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

const (
	modelParts = 4
	modelBytes = 4 // of a record
)

// modelState is all that the future depends on.
type modelState struct {
	fetched [modelParts]int8 // the next record that the client fetches
	done    [modelParts]int8 // the position
	pauses  [modelParts]Pause
	held    bool
}

func (s modelState) String() string {
	return fmt.Sprintf("fetched %v, processed %v, paused %v, downstream %v", s.fetched, s.done, s.pauses, s.held)
}

type modelResult struct {
	states, stuck int
	highest       int64 // records held at most
	example       modelState
}

// explore visits all states that can be reached, then finds those from which the end can not.
func explore(c modelCase, rules modelRules) (r modelResult) {
	var begin, end modelState
	before := map[modelState][]modelState{begin: nil}
	for i, log := range c.logs {
		end.done[i] = int8(len(log))
	}
	var ends []modelState
	for todo := []modelState{begin}; len(todo) > 0; {
		s := todo[0]
		todo = todo[1:]
		if s.done == end.done {
			ends = append(ends, s)
		}
		for _, next := range c.turns(s, rules) {
			r.highest = max(r.highest, next.records())
			from, seen := before[next]
			before[next] = append(from, s)
			if !seen {
				todo = append(todo, next)
			}
		}
	}
	finishes := map[modelState]bool{}
	for todo := ends; len(todo) > 0; {
		s := todo[0]
		todo = todo[1:]
		if !finishes[s] {
			finishes[s] = true
			todo = append(todo, before[s]...)
		}
	}
	for s := range before {
		if !finishes[s] {
			r.stuck++
			r.example = s
		}
	}
	r.states = len(before)
	return r
}

func (s modelState) records() (n int64) {
	for i := range s.fetched {
		n += int64(s.fetched[i] - s.done[i])
	}
	return n
}

// turns returns the states after one turn of the loop: for each set of fetches, and each number of choices.
func (c modelCase) turns(s modelState, rules modelRules) (next []modelState) {
	for fetches := range 1 << len(c.logs) {
		if !c.possible(s, fetches) {
			continue
		}
		for chosen := 0; ; chosen++ {
			w := c.worker(s)
			c.poll(w, s, fetches)
			n := 0
			for ; n < chosen && step(w, rules); n++ {
			}
			if n < chosen {
				break
			}
			for _, held := range []bool{s.held, c.held && !s.held} {
				w.shared.flow.held[0].Store(held)
				rules.press(w)
				next = append(next, c.state(w, held))
			}
		}
	}
	return next
}

// possible says whether the client may bring these fetches: of partitions that are not paused and have more.
func (c modelCase) possible(s modelState, fetches int) bool {
	for i, log := range c.logs {
		if fetches&(1<<i) != 0 && (s.pauses[i] != 0 || int(s.fetched[i]) == len(log)) {
			return false
		}
	}
	return true
}

// step lets the first task that can take records do so.
func step(w *worker, rules modelRules) bool {
	for _, t := range w.tasks {
		if p, n := rules.choose(t); p != nil {
			if err := w.process(p, n); err != nil {
				panic(err)
			}
			return true
		}
	}
	return false
}

// worker makes the worker that is in a state.
func (c modelCase) worker(s modelState) *worker {
	plan := &Plan{Topics: make([]Topic, 2), Subs: []Sub{{Feeds: []int32{0}}}}
	shared := &shared{
		plan: plan, log: slog.New(slog.DiscardHandler), counters: &Counters{}, flow: newFlow(plan), appetite: 1 << 20,
		budget: newBudget(c.high * modelBytes),
	}
	shared.budget.fetched.Store(c.others * modelBytes)
	w := newWorker(shared, 0, modelClient{})
	for i := range c.logs {
		if i%2 == 0 {
			w.tasks = append(w.tasks, &task{Task: engine.NewTask(0, int32(i/2), nil), chunk: 1})
		}
		t := w.tasks[i/2]
		at := connector.Partition{Topic: int32(i % 2), Partition: int32(i / 2)}
		input := t.AddInput(engine.Input{
			Topic: at.Topic, Partition: at.Partition,
			Handle: func(*engine.Meta, *connector.Record) error { return nil },
		})
		t.Seek(input, int64(s.done[i]), engine.Times{})
		p := &partition{at: at, task: t, input: input, end: int64(len(c.logs[i])), pauses: s.pauses[i], told: s.pauses[i] != 0}
		t.inputs = append(t.inputs, p)
		w.parts[at] = p
		c.bring(w, i, s.done[i], s.fetched[i])
	}
	return w
}

// poll brings fetches.
func (c modelCase) poll(w *worker, s modelState, fetches int) {
	for i, log := range c.logs {
		if fetches&(1<<i) != 0 {
			c.bring(w, i, s.fetched[i], min(s.fetched[i]+int8(c.fetch), int8(len(log))))
		}
	}
}

// bring puts records of a partition into its queue.
func (c modelCase) bring(w *worker, i int, from, to int8) {
	for offset := from; offset < to; offset++ {
		t := c.logs[i][offset]
		if t < 0 && !c.markers {
			continue
		}
		err := w.take(context.Background(), connector.Batch{Runs: []connector.Run{{
			Partition: connector.Partition{Topic: int32(i % 2), Partition: int32(i / 2)}, Bytes: modelBytes, End: int64(len(c.logs[i])),
			Records: []connector.Record{{Offset: int64(offset), Time: t, Control: t < 0}},
		}}})
		if err != nil {
			panic(err)
		}
	}
}

// state reads the state of a worker.
func (c modelCase) state(w *worker, held bool) (s modelState) {
	s.held = held
	for i := range c.logs {
		p := w.tasks[i/2].inputs[i%2]
		s.done[i], s.pauses[i] = int8(p.position()), p.pauses
		s.fetched[i] = s.done[i]
		for _, run := range p.queue {
			s.fetched[i] = int8(run.Records[0].Offset) + 1
		}
	}
	return s
}

// modelClient is the client of the model: what it would fetch is decided by the search.
type modelClient struct{ connector.Worker }

func (modelClient) Pause([]connector.Partition)             {}
func (modelClient) Resume([]connector.Partition)            {}
func (modelClient) Recycle([]connector.Record)              {}
func (modelClient) Wake()                                   {}
func (modelClient) Close(context.Context) error             { return nil }
func (modelClient) Purge([]connector.Position)              {}
func (modelClient) Write([]connector.Out, func(int, error)) {}
