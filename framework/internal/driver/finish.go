package driver

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// leaving is how the workers of a graph with inputs that are emitted into end together: what emitters were told was taken in
// may be in repartition topics yet, and nothing of it is there after the end.
type leaving struct {
	workers atomic.Int32 // that have let go what they had
	failed  atomic.Bool  // one of them could not: nobody waits for it
}

// finish processes what is left in the topics between tasks, until all workers are done or ctx ends. err is with what the worker
// came to its end.
func (w *worker) finish(ctx context.Context, err error) error {
	left := &w.shared.leaving
	if err != nil {
		left.failed.Store(true)
	}
	left.workers.Add(1)
	for err == nil && ctx.Err() == nil && !left.failed.Load() && !w.shared.finished(ctx) {
		batch, pollErr := w.client.Poll(ctx, time.Millisecond, true)
		w.unanswered = batch.Events
		if err = errors.Join(pollErr, w.faults.get()); err == nil {
			err = w.take(ctx, batch)
		}
		if err == nil {
			err = w.work(ctx)
		}
		if err == nil && w.dirty {
			err = w.drain(ctx)
		}
		if err != nil {
			left.failed.Store(true)
		}
	}
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("what is in topics between tasks was not done with in time: %s: %w", w.shared.fate(), ctx.Err())
	}
	return err
}

// fate says what becomes of records that a stop does not wait for.
func (s *shared) fate() string {
	if s.through.used {
		return "it is lost, since nothing of what is emitted is kept"
	}
	return "it is read again at the next start"
}

// finished says that all workers have let go, and that all they put into topics between tasks is processed.
func (s *shared) finished(ctx context.Context) bool {
	if int(s.leaving.workers.Load()) < len(s.ready) {
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
	return true
}
