package driver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// commitRetry is how long a worker that is letting go waits before it tries a failed commit again.
const commitRetry = 100 * time.Millisecond

// commitRefusals is how often it tries where the group refuses the offsets: while a rebalance lasts, which is seconds.
const commitRefusals = 30

type commitResult struct {
	positions []partitionPosition
	err       error
}

// commitAfter is how long after the last commit the next one is due. A transaction is an end for what is being processed: with more than
// two seconds of lag it lasts as long as a round does then, see busyFor.
func (w *worker) commitAfter() time.Duration {
	if w.shared.ending != nil && w.idle() && !w.retrying {
		return 0
	}
	if w.shared.ending != nil && w.shared.atomic && w.caughtUp() {
		return 0
	}
	if w.shared.transactional && w.busyFor == w.shared.flushBehind {
		return max(w.shared.commitEvery, w.busyFor)
	}
	return w.shared.commitEvery
}

func (w *worker) commitDue(now time.Time) bool {
	return len(w.settled) > 0 && !w.committing && now.Sub(w.committed) >= w.commitAfter()
}

// idle says that all that was fetched is processed and acknowledged.
func (w *worker) idle() bool {
	for _, p := range w.parts {
		if !p.empty() {
			return false
		}
	}
	return !w.dirty && len(w.closed) == 0
}

// caughtUp says that all is processed that is known to be there.
func (w *worker) caughtUp() bool {
	for _, p := range w.parts {
		if !p.empty() || p.lag() > 0 {
			return false
		}
	}
	return true
}

// commit sends the positions that are settled. One commit at a time is in flight; its answer is taken by answer.
func (w *worker) commit(ctx context.Context) {
	if len(w.settled) == 0 && !w.unsaved || w.committing {
		return
	}
	latest := map[*partition]int{}
	var ours []partitionPosition
	var positions []connector.Position
	for _, p := range w.settled {
		if w.parts[p.of.at] != p.of {
			continue
		}
		if at, ok := latest[p.of]; ok {
			ours[at] = p
			continue
		}
		latest[p.of] = len(ours)
		ours = append(ours, p)
	}
	for _, p := range ours {
		positions = append(positions, p.position())
	}
	w.settled = w.settled[:0]
	w.committed = time.Now()
	if len(positions) == 0 && !w.unsaved {
		return
	}
	if w.committing, w.unsaved = true, false; w.shared.atomic {
		w.written = 0
	}
	go func() { // answer, or drain, waits for it
		err := w.client.Commit(ctx, positions)
		w.commits <- commitResult{ours, err}
		w.wake()
	}()
}

// answer takes the answer of the commit in flight, if it is there.
func (w *worker) answer() error {
	if !w.committing {
		return nil
	}
	var r commitResult
	select {
	case r = <-w.commits:
	default:
		return nil
	}
	w.committing, w.retrying, w.refused = false, false, false
	var refused *connector.CommitError
	switch {
	case r.err == nil:
	case errors.As(r.err, &refused):
		w.log.Warn("offsets were refused: the group is being rebalanced", "error", r.err)
		var again []partitionPosition
		for _, p := range r.positions {
			if refused.Has(p.of.at) {
				again = append(again, p) // drop takes it out where the partition goes
			}
		}
		w.settled = append(again, w.settled...)
		w.retrying, w.refused = true, true
	case errors.Is(r.err, connector.ErrTemporary) || errors.Is(r.err, context.Canceled) || errors.Is(r.err, context.DeadlineExceeded):
		w.log.Warn("offsets could not be committed, trying again", "error", r.err)
		w.settled = append(r.positions, w.settled...)
		w.retrying = true
		return nil
	default:
		return fmt.Errorf("commit offsets of group %s: %w", w.shared.plan.App, r.err)
	}
	w.shared.counters.Commits.Add(1)
	w.applyCommitted()
	var done []connector.Position
	for _, p := range r.positions {
		if w.parts[p.of.at] == p.of && !refused.Has(p.of.at) {
			p.of.committed = p.offset
			done = append(done, connector.Position{Partition: p.of.at, Offset: p.offset})
		}
	}
	w.shared.ending.ended(w.ended, w.index)
	w.ended = w.ended[:0]
	w.shared.ending.committed(done)
	return nil
}

// purgeDue purges when it is time to.
func (w *worker) purgeDue(now time.Time) {
	if now.Sub(w.purged) > w.shared.purgeEvery {
		w.purge()
		w.purged = now
	}
}

// purge deletes what was consumed from repartition topics.
func (w *worker) purge() {
	var positions []connector.Position
	for _, p := range w.parts {
		if w.shared.plan.Topics[p.at.Topic].Spec.Role&connector.RoleRepartition != 0 && p.committed > p.purged {
			positions = append(positions, connector.Position{Partition: p.at, Offset: p.committed})
			p.purged = p.committed
		}
	}
	if len(positions) > 0 {
		w.client.Purge(positions)
	}
}
