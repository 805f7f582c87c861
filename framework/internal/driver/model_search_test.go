package driver

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

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
	plan := &Plan{Topics: make([]Topic, 2), Subs: []Sub{{Sources: []int32{0, 1}}}}
	plan.Subs[0].Feeds = []int32{0}
	layout := &Layout{Partitions: []int32{int32(len(c.logs) / 2), int32(len(c.logs) / 2)}, Tasks: []int32{int32(len(c.logs) / 2)}}
	shared := &shared{
		plan: plan, log: slog.New(slog.DiscardHandler), counters: &Counters{}, flow: newFlow(plan), appetite: 1 << 20,
		budget: newBudget(c.high * modelBytes), align: newAlignment(plan, layout, time.Duration(c.drift)*time.Millisecond),
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
		t.Seek(input, int64(s.done[i]), c.times(i, s.done[i]))
		p := &partition{at: at, task: t, input: input, end: int64(len(c.logs[i])), pauses: s.pauses[i], told: s.pauses[i] != 0}
		t.inputs = append(t.inputs, p)
		w.parts[at] = p
		c.bring(w, i, s.done[i], s.fetched[i])
	}
	return w
}

// times returns how far event time has come at a place of a partition.
func (c modelCase) times(i int, done int8) engine.Times {
	highest := int64(engine.NoTime)
	for _, t := range c.logs[i][:done] {
		if t >= 0 {
			highest = max(highest, t)
		}
	}
	return engine.Times{At: []int64{highest}}
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
