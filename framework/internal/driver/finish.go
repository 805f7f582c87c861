package driver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"
)

// leaving is how the workers of a graph with inputs that are emitted into end together: what emitters were told was taken in
// may be in repartition topics yet, and nothing of it is there after the end. The stop is the end of those inputs: event time goes
// to its end behind them, so that windows hand on what they have.
type leaving struct {
	workers atomic.Int32 // that have let go what they had
	failed  atomic.Bool  // one of them could not: nobody waits for it
	done    atomic.Bool  // all is processed: one found it, and the others leave, too
	over    atomic.Int32 // tasks that have come to the end of their inputs, of those whose inputs all end
}

// finish processes what is left in the topics between tasks, until all workers are done or ctx ends. err is with what the worker
// came to its end.
func (w *worker) finish(ctx context.Context, err error) error {
	left := &w.shared.leaving
	if err != nil {
		left.failed.Store(true)
	}
	left.workers.Add(1)
	over := int32(0)
	for err == nil && ctx.Err() == nil && !left.failed.Load() && !w.shared.finished(ctx) {
		batch, pollErr := w.client.Poll(ctx, time.Millisecond, true)
		w.unanswered = batch.Events
		if err = errors.Join(pollErr, w.faults.get()); err == nil {
			err = w.take(ctx, batch)
		}
		if err == nil {
			w.endInputs()
			err = w.work(ctx)
		}
		if err == nil && w.unflushed(time.Now()) {
			err = w.drain(ctx)
		}
		now := w.over()
		left.over.Add(now - over)
		over = now
		w.press() // tasks that were given to it just now are read, too
		if err != nil {
			left.failed.Store(true)
		}
	}
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("what is in topics between tasks was not done with in time: %s: %w", w.shared.fate(), ctx.Err())
	}
	return err
}

// endInputs says that nothing more is emitted.
func (w *worker) endInputs() {
	ends := w.shared.plan.endsWithInputs()
	for _, t := range w.tasks {
		if !ends[t.sub] {
			continue
		}
		for i, p := range t.inputs {
			if w.shared.plan.Topics[p.at.Topic].Port != nil && t.runs() && !p.ended {
				p.ended = true
				t.SetEnd(i)
				w.dirty = true
			}
		}
	}
}

// over counts the worker's tasks that have come to the end of their inputs, and whose results are written.
func (w *worker) over() (n int32) {
	ends := w.shared.plan.endsWithInputs()
	for _, t := range w.tasks {
		if ends[t.sub] && t.runs() && t.Ended() && !t.Holding() && idle(t.stages) && !w.dirty && len(w.closed) == 0 {
			n++
		}
	}
	return n
}

// endsWithInputs says of which sub-topologies all that they read comes from inputs that are emitted into, directly or through
// others. A loop may go on for ever, and there are no windows behind one.
func (p *Plan) endsWithInputs() []bool {
	ends := make([]bool, len(p.Subs))
	for range p.Subs { // a chain is at most that long
		for s, sub := range p.Subs {
			ends[s] = !sub.Loops && !slices.ContainsFunc(sub.Sources, func(topic int32) bool {
				t := &p.Topics[topic]
				return t.Port == nil && !(t.between() && ends[t.Like])
			})
		}
	}
	return ends
}

// fate says what becomes of records that a stop does not wait for.
func (s *shared) fate() string {
	if s.through.used {
		return "it is lost, since nothing of what is emitted is kept"
	}
	return "it is read again at the next start"
}

// finished says that all workers have let go, and that all they put into topics between tasks is processed, up to the end of the
// inputs.
func (s *shared) finished(ctx context.Context) bool {
	switch {
	case s.leaving.done.Load():
		return true
	case int(s.leaving.workers.Load()) < len(s.ready):
		return false
	}
	tasks := int32(0)
	for sub, ends := range s.plan.endsWithInputs() {
		if ends {
			tasks += s.layout.Tasks[sub]
		}
	}
	if s.leaving.over.Load() < tasks {
		return false
	}
	for topic, t := range s.plan.Topics {
		if !t.between() {
			continue
		}
		ends, err := s.through.admin.Ends(ctx, []string{t.Name})
		if err != nil || !s.through.past(int32(topic), ends[0]) {
			return err != nil
		}
	}
	s.leaving.done.Store(true)
	return true
}
