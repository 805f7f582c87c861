package driver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

// worker owns a set of tasks: one goroutine, one client. Only round.acked, commits in flight and Wake touch it from outside.
type worker struct {
	shared *shared
	index  int
	client connector.Worker
	log    *slog.Logger

	parts  map[connector.Partition]*partition
	tasks  []*task                       // downstream first: their work makes room
	stores map[connector.Partition]*task // changelog partitions being restored

	pool      engine.Pool
	open      *round
	closed    []*round      // flushed, not all acknowledged, oldest first
	processed int64         // records since the last flush
	busyFor   time.Duration // how old the running round gets while there is lag
	dirty     bool          // something was processed since the last flush
	queued    int64         // bytes in the queues of all partitions
	fed       time.Time     // when records were asked for last

	flushed    time.Time           // when the running round began
	settled    []partitionPosition // of the last round that is acknowledged, not committed yet
	commits    chan commitResult   // answers of the one commit in flight
	committing bool
	retrying   bool // the last commit failed: the next one waits for its time
	refused    bool // the last commit was refused in part: letting go does not wait for a better answer
	committed  time.Time
	purged     time.Time
	assigned   bool // it heard of an assignment
	faults     faults
	unanswered []connector.Event // of the last poll, whose Done is still to be called
	closing    context.Context   // ends when a stop has taken too long
	wakeup     chan struct{}
}

func newWorker(s *shared, index int, client connector.Worker) *worker {
	now := time.Now()
	w := &worker{
		shared: s, index: index, client: client, log: s.log.With("worker", index),
		parts: map[connector.Partition]*partition{}, stores: map[connector.Partition]*task{},
		commits: make(chan commitResult, 1), wakeup: make(chan struct{}, 1),
		flushed: now, committed: now, purged: now, busyFor: s.flushBusy,
	}
	w.begin()
	return w
}

// run works until ctx ends or something fails, then lets go in order: stop polling, flush, wait for acknowledgements,
// commit, answer the rebalance that may wait, leave the group, close. closing ends when a stop has taken too long.
func (w *worker) run(ctx, closing context.Context) error {
	w.closing = closing
	err := w.loop(ctx)
	for _, e := range w.unanswered {
		if e.Kind == connector.Lost {
			w.drop(e.Partitions) // before the commit
		}
	}
	deadline, cancel := context.WithTimeout(closing, w.shared.shutdown)
	defer cancel()
	if left := w.drain(deadline); left != nil && !errors.Is(err, left) {
		err = errors.Join(err, left)
	}
	for _, e := range w.unanswered {
		e.Done()
	}
	return errors.Join(err, w.client.Close(deadline))
}

func (w *worker) loop(ctx context.Context) error {
	for {
		wait := w.patience()
		batch, err := w.client.Poll(ctx, wait, w.hungry())
		w.unanswered = batch.Events
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			err = w.faults.get()
		}
		if err != nil {
			return err
		}
		if err := w.take(ctx, batch); err != nil {
			return err
		}
		if err := w.step(ctx); err != nil {
			if ctx.Err() != nil && errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		}
		if err := w.settle(); err != nil {
			return err
		}
		w.press()
		w.count()
	}
}

// hungry says whether to take more records. Those in the queues last for a while, and more would only fill memory; but
// an input that a task waits for must come, and no partition waits long for another's backlog.
func (w *worker) hungry() bool {
	now := time.Now()
	patience := 100 * time.Millisecond
	if w.queued > 4*w.shared.appetite {
		patience = time.Second
	}
	hungry := w.queued < w.shared.appetite || now.Sub(w.fed) > patience
	for _, p := range w.parts {
		hungry = hungry || p.awaited()
	}
	if hungry {
		w.fed = now
	}
	return hungry
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
		if p == nil {
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

// step processes queued records for at most a slice.
func (w *worker) step(ctx context.Context) error {
	began := time.Now()
	for now := began; ; {
		progress := false
		for _, t := range w.tasks {
			if t.failed || len(t.restoring) > 0 || w.shared.budget.blocked() {
				continue
			}
			p, n := t.choose()
			if p == nil {
				continue
			}
			if err := w.process(p, n); err != nil {
				return err
			}
			progress = true
			after := time.Now()
			t.pace(n, after.Sub(now))
			w.shared.slow(t, n, after.Sub(now))
			if now = after; now.Sub(began) > sliceTime || ctx.Err() != nil {
				return nil
			}
		}
		if !progress {
			return nil
		}
	}
}

// process gives n records of a partition to its task and writes what comes of them.
func (w *worker) process(p *partition, n int) error {
	run := &p.queue[0]
	done, err := p.task.Step(p.input, run.Records[p.next:p.next+n])
	w.dirty = true
	w.processed += int64(done)
	if p.next += done; p.next == len(run.Records) {
		w.client.Recycle(run.Records)
		p.bytes -= run.Bytes
		w.queued -= run.Bytes
		w.shared.budget.fetched.Add(-run.Bytes)
		p.queue = slices.Delete(p.queue, 0, 1)
		p.next = 0
	}
	if err != nil {
		p.task.failed = true
		return err
	}
	w.write(p.task)
	return nil
}

// write hands over what a task has ready: the changelog first, then the outputs.
func (w *worker) write(t *task) {
	ready := t.Ready()
	for _, outs := range [][]connector.Out{ready.Changelog, ready.Outputs} {
		if len(outs) == 0 {
			continue
		}
		bytes := w.weigh(outs)
		w.shared.budget.produced.Add(bytes + recordBytes*int64(len(outs)))
		w.open.pending.Add(int64(len(outs)))
		w.shared.counters.Out.Add(int64(len(outs)))
		w.client.Write(outs, w.open.acked)
	}
	t.Done()
}

// weigh returns the bytes of outs and notes them by topic.
func (w *worker) weigh(outs []connector.Out) (total int64) {
	flow := w.shared.flow
	for i := 0; i < len(outs); {
		topic, bytes, n := outs[i].Topic, int64(0), int64(0)
		for ; i < len(outs) && outs[i].Topic == topic; i++ {
			bytes += int64(len(outs[i].Key) + len(outs[i].Value))
			n++
		}
		flow.bytes[topic].Add(bytes)
		flow.records[topic].Add(n)
		total += bytes
	}
	return total
}

// begin opens a round.
func (w *worker) begin() {
	w.open = &round{arena: w.pool.NewArena(), budget: w.shared.budget, faults: &w.faults, wake: w.wake}
	w.open.pending.Store(1)
	for _, t := range w.tasks {
		t.Begin(w.open.arena)
	}
}

func (w *worker) wake() {
	select {
	case w.wakeup <- struct{}{}:
	default:
	}
	w.client.Wake()
}

// flush ends the running round.
func (w *worker) flush() error {
	for _, t := range w.tasks {
		if t.failed || len(t.restoring) > 0 {
			continue
		}
		if err := t.Flush(); err != nil {
			t.failed = true
			return err
		}
		w.write(t)
	}
	r := w.open
	for _, t := range w.tasks {
		if t.failed || len(t.restoring) > 0 {
			continue
		}
		for i, p := range t.inputs {
			if in := t.Inputs()[i]; in.Position() != p.flushed {
				r.positions = append(r.positions, partitionPosition{p, in.Position(), in.Time()})
				p.flushed = in.Position()
			}
		}
	}
	w.closed = append(w.closed, r)
	w.begin()
	r.release()
	now := time.Now()
	w.busyFor = w.shared.busyFor(w.processed, now.Sub(w.flushed), w.lag())
	w.dirty, w.flushed, w.processed = false, now, 0
	return nil
}

// lag returns the records that are still to be read of the worker's partitions.
func (w *worker) lag() (lag int64) {
	for _, p := range w.parts {
		lag += p.lag()
	}
	return lag
}

// busyFor returns how old the next round gets while there is lag, from what the last one did. With more than two seconds of
// lag results are late whatever a round does, and longer rounds catch up faster: they fold more records before the
// repartition and log each key less often.
func (s *shared) busyFor(processed int64, took time.Duration, lag int64) time.Duration {
	if processed == 0 || took <= 0 {
		return s.flushBusy
	}
	if behind := float64(lag) / float64(processed) * took.Seconds(); behind > 2 {
		return s.flushBehind
	}
	return s.flushBusy
}

// settle flushes and commits when it is time to.
func (w *worker) settle() error {
	now := time.Now()
	w.acknowledge()
	if w.flushDue(now) {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.acknowledge()
	if err := w.answer(); err != nil {
		return err
	}
	if w.commitDue(now) {
		w.commit(w.closing) // a stop lets it end
	}
	if now.Sub(w.purged) > w.shared.purgeEvery {
		w.purge()
		w.purged = now
	}
	return nil
}

func (w *worker) flushDue(now time.Time) bool {
	return w.dirty && now.Sub(w.flushed) >= w.flushAfter()
}

// flushAfter is how old a round gets. While there is lag more is to come, even if the queues are empty now.
// While an earlier round is not acknowledged the brokers are what everything waits for: this one goes on folding.
func (w *worker) flushAfter() time.Duration {
	if len(w.closed) > 0 {
		return w.shared.flushSlow
	}
	for _, p := range w.parts {
		if !p.empty() || p.lag() > 0 && p.pauses&^PauseMemory == 0 {
			return w.busyFor
		}
	}
	return w.shared.flushIdle
}

// acknowledge takes the rounds that are acknowledged, oldest first.
func (w *worker) acknowledge() {
	for len(w.closed) > 0 && w.closed[0].pending.Load() == 0 && !w.closed[0].failed.Load() {
		w.settled = append(w.settled, w.closed[0].positions...)
		w.closed[0].arena.Release()
		w.closed = slices.Delete(w.closed, 0, 1)
	}
}

// patience returns how long a poll may wait: until the next thing to do by time, not at all if there are records to process.
func (w *worker) patience() time.Duration {
	if !w.shared.budget.blocked() {
		for _, t := range w.tasks {
			if t.failed || len(t.restoring) > 0 {
				continue
			}
			if p, _ := t.choose(); p != nil {
				return 0
			}
		}
	}
	now := time.Now()
	wait := time.Second
	if w.dirty {
		wait = min(wait, w.flushAfter()-now.Sub(w.flushed))
	}
	if len(w.settled) > 0 && !w.committing {
		wait = min(wait, w.commitAfter()-now.Sub(w.committed))
	}
	return max(0, wait)
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
	}
	(*c.lag.Load())[w.index].Store(w.lag())
	c.Held.Store(w.shared.budget.used())
}

func (s *shared) readError(run connector.Run) error {
	return fmt.Errorf("topic %s, partition %d: %w", s.plan.Topics[run.Topic].Name, run.Partition.Partition, run.Err)
}
