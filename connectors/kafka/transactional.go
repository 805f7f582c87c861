package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kerr"
)

// transactional is an exactly-once worker. After an abort it is another client: whatever became of the transaction, the one that
// opens next under its id ends it first, and reads the group's offsets afterwards.
type transactional struct {
	cluster *cluster
	config  connector.WorkerConfig
	// implicit: the cluster has transactions as of Kafka 4.0.
	implicit bool
	current  atomic.Pointer[worker] // only Wake comes from other goroutines
	fenced   []time.Time            // when another client had taken the id
	going    goingBack
}

// openTransactional opens a worker that commits by transactions.
func (c *cluster) openTransactional(ctx context.Context, config connector.WorkerConfig) (connector.Worker, error) {
	implicit, err := c.implicitTransactions(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask which transactions the brokers have: %w", err)
	}
	if !implicit && config.Index == 0 {
		config.Logger.Warn("the brokers have the transactions of before Kafka 4.0: the end of one that is delayed on its way can end the next one; bring them to 4.0, with transaction.version 2")
	}
	t := &transactional{cluster: c, config: config, implicit: implicit}
	return t, t.begin(ctx)
}

// ErrSameInstance: another process uses the same id.
var ErrSameInstance = errors.New("another process runs under the same instance id, and the two end each other's transactions: give each its own Config.Instance")

// fencesAMinute is how often a worker is fenced within a minute before it stops.
const fencesAMinute = 3

func (t *transactional) worker() *worker { return t.current.Load() }

// begin makes a client, once more where another one took its id meanwhile.
func (t *transactional) begin(ctx context.Context) error {
	for {
		err := t.reopen(ctx)
		if !fencing(err) {
			return err
		}
		if same := t.fence(err); same != nil {
			return same
		}
	}
}

// fencing says that an error is that of a client whose id another one took.
func fencing(err error) bool {
	return errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch)
}

// fence notes that another client took the id. It returns ErrSameInstance where that goes on.
func (t *transactional) fence(cause error) error {
	now := time.Now()
	t.fenced = append(t.fenced, now)
	if n := len(t.fenced) - fencesAMinute; n >= 0 && now.Sub(t.fenced[n]) < time.Minute {
		return fmt.Errorf("instance %q of %s: %w; %w", t.config.Instance, t.config.Group, ErrSameInstance, cause)
	}
	return nil
}

// reopen makes a client and fences what ran under its id before.
func (t *transactional) reopen(ctx context.Context) error {
	w, err := t.cluster.open(ctx, t.config, newTransaction(&t.config, t.implicit))
	if err != nil {
		return err
	}
	if _, _, err := w.client.ProducerID(ctx); err != nil {
		return errors.Join(fmt.Errorf("begin with transactions as %s: %w", w.tx.id, explain(err)), w.Close(ctx))
	}
	t.current.Store(w)
	return nil
}

// Abort gives up what was written since the last commit, and the partitions. Those come again, from their committed positions.
func (t *transactional) Abort(ctx context.Context, cause error) error {
	if fencing(cause) {
		if same := t.fence(cause); same != nil {
			return same
		}
	}
	if err := t.going.back(cause, time.Now()); err != nil {
		return err
	}
	old := t.worker()
	old.abort(ctx)
	if err := old.Close(ctx); err != nil {
		old.log.Warn("leaving the group after an abort", "error", err)
	}
	if err := old.patiently(ctx, func() error { return t.begin(ctx) }); err != nil {
		return afterAbort{err}
	}
	return nil
}

// afterAbort is an error of a worker that was aborted and has not begun again: nothing is left of it to be committed. Of what was undone
// the abort has told.
type afterAbort struct{ error }

func (a afterAbort) Unwrap() []error { return []error{a.error, connector.ErrAborted} }

func (t *transactional) Poll(ctx context.Context, wait time.Duration, records bool) (connector.Batch, error) {
	return t.worker().Poll(ctx, wait, records)
}

func (t *transactional) Recycle(records []connector.Record)      { t.worker().Recycle(records) }
func (t *transactional) Pause(partitions []connector.Partition)  { t.worker().Pause(partitions) }
func (t *transactional) Resume(partitions []connector.Partition) { t.worker().Resume(partitions) }

func (t *transactional) Restore(of []connector.Restoration) { t.worker().Restore(of) }

func (t *transactional) RestoreStop(partitions []connector.Partition) {
	t.worker().RestoreStop(partitions)
}
func (t *transactional) Purge(positions []connector.Position) { t.worker().Purge(positions) }
func (t *transactional) Wake()                                { t.worker().Wake() }

func (t *transactional) Write(outs []connector.Out, acked func(int, error)) {
	t.worker().Write(outs, acked)
}

func (t *transactional) Commit(ctx context.Context, positions []connector.Position) error {
	return t.worker().commitTransaction(ctx, positions)
}

func (t *transactional) Close(ctx context.Context) error {
	w := t.worker()
	if w.ctx.Err() == nil {
		w.abort(ctx)
	}
	return w.Close(ctx)
}
