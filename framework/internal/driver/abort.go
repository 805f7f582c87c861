package driver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// abort goes back to the last commit after what was written since then was undone: all that tasks have in memory goes with them, and
// they are made anew where their partitions come again.
func (w *worker) abort(ctx context.Context, cause error) error {
	aborter, ok := w.client.(connector.Aborter)
	if !ok {
		return cause
	}
	w.log.Warn("going back to the last commit", "error", cause)
	w.shared.counters.Aborts.Add(1)
	for _, e := range w.unanswered {
		e.Done() // its partitions are given up, too
	}
	w.unanswered = nil
	if w.committing {
		<-w.commits // it ends by itself
	}
	for _, r := range append(w.closed, w.open) {
		r.abandoned.Store(true)
	}
	var all []connector.Assignment
	for at := range w.parts {
		all = append(all, connector.Assignment{Partition: at})
	}
	w.drop(all)
	for _, stages := range w.retired {
		wait(stages)
	}
	w.retired = nil
	if err := aborter.Abort(ctx, cause); err != nil {
		return fmt.Errorf("go on after an abort: %w", err)
	}
	for _, r := range slices.Concat(w.uncommitted, w.closed, []*round{w.open}) {
		r.arena.Release()
	}
	w.uncommitted, w.closed, w.settled, w.ended = nil, nil, nil, nil
	w.committing, w.retrying, w.refused, w.unsaved, w.barrier, w.dirty = false, false, false, false, false, false
	w.processed, w.written, w.assigned, w.joined, w.toldWaiting = 0, 0, false, time.Now(), false
	w.faults.first.Store(nil)
	w.begin()
	w.shared.report(w.index, false)
	return nil
}

// undone marks an error of a worker whose connector can go back to the last commit as one after which it does.
func (w *worker) undone(err error) error {
	if _, ok := w.client.(connector.Aborter); !ok || errors.Is(err, connector.ErrAborted) {
		return err
	}
	return fmt.Errorf("%w: %w", connector.ErrAborted, err)
}
