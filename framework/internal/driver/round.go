package driver

import (
	"sync/atomic"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

// round is what a worker makes between two flushes: outputs in one arena, and the positions that stand for them.
// When all its outputs are acknowledged, and the rounds before it done, its changes of state are written; when those are
// acknowledged, its positions may be committed.
type round struct {
	arena     *engine.Arena
	states    states // that wait for what is pending
	positions []partitionPosition
	applying  []applying // changes that folders get when they are committed
	ended     []*task    // that have come to the end of their inputs, with all that was due by it

	// pending counts records written and not acknowledged, and one more while the round is open.
	pending   atomic.Int64
	abandoned atomic.Bool // nothing that becomes of it matters any more
	failed    atomic.Bool // one of them was refused for good: neither this round nor a later one may be committed
	budget    *Budget
	faults    *faults
	wake      func()
	ack       func(bytes int, err error) // acked, as a value that is made once
}

// partitionPosition is a position together with the ownership under which it was reached: a partition that was lost and
// assigned again is another one.
type partitionPosition struct {
	of     *partition
	offset int64
	moment engine.Moment // how far event time had come there
}

// position returns what is committed.
func (p partitionPosition) position() connector.Position {
	return connector.Position{Partition: p.of.at, Offset: p.offset, Metadata: p.moment.Metadata(p.of.task.own)}
}

// acked is called by the connector for each record written.
func (r *round) acked(bytes int, err error) {
	r.budget.produced.Add(-int64(bytes) - recordBytes)
	if err != nil && !r.abandoned.Load() {
		r.failed.Store(true)
		r.faults.set(err)
	}
	r.release()
}

func (r *round) release() {
	if r.pending.Add(-1) == 0 {
		r.wake()
	}
}

// faults keeps the first error that came from outside the worker's goroutine.
type faults struct{ first atomic.Pointer[error] }

func (f *faults) set(err error) { f.first.CompareAndSwap(nil, &err) }

func (f *faults) get() error {
	if err := f.first.Load(); err != nil {
		return *err
	}
	return nil
}
