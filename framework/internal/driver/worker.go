package driver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

// worker owns a set of tasks: one goroutine, one client. From outside it is touched by round.acked, commits in flight, Wake
// and by emitters into its tasks, which take turns with it.
type worker struct {
	shared *shared
	index  int
	client connector.Worker
	log    *slog.Logger
	turn   chan struct{} // capacity 1: full while somebody uses what follows; the worker itself, but for its polls

	parts  map[connector.Partition]*partition
	tasks  []*task                       // downstream first: their work makes room
	stores map[connector.Partition]*task // changelog partitions being restored
	loads  []*load                       // stores that take their entries from folders

	joined      time.Time // when it began to wait for partitions
	toldWaiting bool

	pool        engine.Pool
	open        *round
	closed      []*round // flushed, not all acknowledged, oldest first
	spares      [][]connector.Out
	uncommitted []*round      // acknowledged, not committed yet, with changes that folders are to get after that
	processed   int64         // records since the last flush
	written     int64         // bytes, since the last flush; of an atomic connector since the last commit
	busyFor     time.Duration // how old the running round gets while there is lag
	dirty       bool          // something was processed since the last flush
	queued      int64         // bytes in the queues of all partitions
	fed         time.Time     // when records were asked for last

	flushed    time.Time           // when the running round began
	settled    []partitionPosition // of the last round that is acknowledged, not committed yet
	ended      []*task             // that an atomic connector has not committed yet at the end of their inputs
	commits    chan commitResult   // answers of the one commit in flight
	committing bool
	retrying   bool         // the last commit failed: the next one waits for its time
	refused    bool         // the last commit was refused in part: letting go does not wait for a better answer
	unsaved    bool         // an atomic connector has got something since the last commit
	controls   atomic.Int64 // ns between two control records to a partition; stages read it
	waits      atomic.Bool  // a partition of its is ahead of others
	barrier    bool         // of an atomic connector: nothing is processed until what is processed is committed
	committed  time.Time
	purged     time.Time
	told       time.Time // when it told how far its tasks are
	assigned   bool      // it heard of an assignment
	faults     faults
	unanswered []connector.Event // of the last poll, whose Done is still to be called
	closing    context.Context   // ends when a stop has taken too long
	wakeup     chan struct{}
	retired    [][]*stage // of tasks that were let go; their goroutines are about to end
}

func newWorker(s *shared, index int, client connector.Worker) *worker {
	now := time.Now()
	w := &worker{
		shared: s, index: index, client: client, log: s.log.With("worker", index),
		parts: map[connector.Partition]*partition{}, stores: map[connector.Partition]*task{},
		commits: make(chan commitResult, 1), wakeup: make(chan struct{}, 1), turn: make(chan struct{}, 1),
		joined: now, flushed: now, committed: now, purged: now, busyFor: s.flushBusy,
	}
	w.controls.Store(int64(controlEvery))
	w.begin()
	return w
}

// run works until ctx ends or something fails, then lets go in order: stop polling, flush, wait for acknowledgements,
// commit, answer the rebalance that may wait, leave the group, close. closing ends when a stop has taken too long.
func (w *worker) run(ctx, closing context.Context) error {
	w.closing = closing
	w.turn <- struct{}{}
	err := w.loop(ctx)
	for _, e := range w.unanswered {
		if e.Kind == connector.Lost {
			w.drop(e.Partitions) // before the commit
		}
	}
	deadline, cancel := context.WithTimeout(closing, w.shared.shutdown)
	defer cancel()
	left := err // of what is undone nothing is committed
	if !errors.Is(err, connector.ErrAborted) {
		left = w.drain(deadline)
	}
	if errors.Is(left, connector.ErrAborted) { // nothing is lost by that
		w.log.Warn("the last transaction is given up: the brokers have it as a whole, or what it held is done again at the next start", "error", left)
		if left = nil; errors.Is(err, connector.ErrAborted) && ctx.Err() != nil { // without a stop it is what an abort failed by
			err = nil
		}
	}
	if err == nil || errors.Is(left, err) {
		err = left
	} else {
		err = errors.Join(err, left)
	}
	if w.shared.through.used {
		err = w.finish(deadline, err)
	}
	for _, e := range w.unanswered {
		e.Done()
	}
	for _, t := range w.tasks {
		w.retire(t)
	}
	<-w.turn
	for _, stages := range w.retired {
		wait(stages)
	}
	return errors.Join(err, w.client.Close(deadline))
}

// loop works until ctx ends or something fails for good.
func (w *worker) loop(ctx context.Context) error {
	for {
		err := w.pass(ctx)
		if errors.Is(err, connector.ErrAborted) && ctx.Err() == nil {
			err = w.abort(ctx, err)
		}
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// pass takes what there is, and does what there is to do.
func (w *worker) pass(ctx context.Context) error {
	wait, hungry := w.patience(), w.hungry()
	<-w.turn
	batch, err := w.client.Poll(ctx, wait, hungry)
	w.turn <- struct{}{}
	w.unanswered = batch.Events
	if ctx.Err() != nil {
		if w.shared.through.used { // finish needs what was read
			return w.take(ctx, connector.Batch{Runs: batch.Runs})
		}
		return nil
	}
	if err == nil {
		err = w.faults.get()
	}
	if err == nil {
		err = w.take(ctx, batch)
	}
	if err == nil {
		err = w.load()
	}
	if err == nil {
		err = w.work(ctx)
	}
	if err == nil {
		err = w.settle()
	}
	if err != nil {
		return err
	}
	w.press()
	w.count()
	w.tellWaiting()
	return nil
}

// waitTold is how long a worker has no answer from the group before it says so.
const waitTold = 3 * time.Second

// tellWaiting says once that the worker waits to be given partitions.
func (w *worker) tellWaiting() {
	if !w.assigned && !w.toldWaiting && time.Since(w.joined) > waitTold {
		w.toldWaiting = true
		w.log.Info("waiting for the group: a member that was killed counts until its session time-out, and one that is busy is waited for")
	}
}

// take puts what a poll brought where it belongs.
func (w *worker) take(ctx context.Context, b connector.Batch) error {
	for i, e := range b.Events {
		w.unanswered = b.Events[i+1:]
		if err := w.rebalance(ctx, e); err != nil {
			return err
		}
	}
	for _, run := range b.Runs {
		if run.Restore {
			if err := w.restore(run); err != nil {
				return err
			}
			continue
		}
		p := w.parts[run.Partition]
		if p == nil || p.ended {
			w.client.Recycle(run.Records)
			continue
		}
		if run.Err != nil {
			return w.shared.readError(run)
		}
		if run.End >= 0 {
			p.end = run.End
		}
		if run.SkippedTo > 0 {
			w.skipped(p, run.SkippedTo)
		}
		if len(run.Records) > 0 {
			p.active = time.Now()
			p.queue = append(p.queue, run)
			p.bytes += run.Bytes
			w.queued += run.Bytes
			w.shared.budget.fetched.Add(run.Bytes)
		}
	}
	return nil
}

// skipped counts records that were deleted before they were read.
func (w *worker) skipped(p *partition, to int64) {
	from := p.position()
	if n := len(p.queue); n > 0 {
		records := p.queue[n-1].Records
		from = records[len(records)-1].Offset + 1
	}
	w.gap(p.at, to-from)
}

func (w *worker) gap(at connector.Partition, records int64) {
	if records <= 0 {
		return
	}
	w.shared.counters.Gap.Add(records)
	w.log.Warn("records were deleted before they were read", "topic", w.shared.plan.Topics[at.Topic].Name, "partition", at.Partition, "records", records)
}

func (w *worker) wake() {
	select {
	case w.wakeup <- struct{}{}:
	default:
	}
	w.client.Wake()
}

// count publishes the worker's counts.
func (w *worker) count() {
	c := w.shared.counters
	for _, t := range w.tasks {
		records, drops := t.Counts()
		c.In.Add(records - t.records)
		t.records = records
		for i, n := range drops {
			if n != t.drops[i] {
				c.Drops[i].Add(n - t.drops[i])
			}
		}
		t.drops = drops
		controls := t.controls()
		c.Controls.Add(controls - t.told)
		t.told = controls
	}
	w.progress(time.Now())
	(*c.lag.Load())[w.index].Store(w.lag())
	c.Held.Store(w.shared.budget.used())
}

func (s *shared) readError(run connector.Run) error {
	return fmt.Errorf("topic %s, partition %d: %w", s.plan.Topics[run.Topic].Name, run.Partition.Partition, run.Err)
}
