// Package driver runs a plan: workers poll, step, flush and commit. One worker is one goroutine with one client of the
// connector; workers share nothing but the memory budget and counters.
package driver

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/state/disk"
)

// Config is what a run needs beside its plan. Zero fields take the defaults given.
type Config struct {
	Plan        *Plan
	Connector   connector.Connector
	Workers     int           // 0: GOMAXPROCS; never more than there are tasks
	BudgetBytes int64         // > 0
	CommitEvery time.Duration // 0: 1 s, or 100 ms for ExactlyOnce
	ExactlyOnce bool          // the connector commits what was written with the positions, where it can if it is asked to
	Instance    string        // names this process among those of the group; "": a random name
	Shutdown    time.Duration // 0: 20 s
	PurgeEvery  time.Duration // 0: 30 s
	MaxDrift    time.Duration // how far a source partition may be ahead of the slowest in event time; 0: any distance
	Bounded     bool          // end when all that the sources hold at the start is processed
	Replication int16         // of internal topics; 0: the brokers' default
	Disk        *disk.DB      // where stores keep their content; nil: in memory
	Logger      *slog.Logger
	OnState     func(State)        // called from one goroutine at a time
	OnRestore   func(RestoreEvent) // called from one goroutine at a time
	Counters    *Counters
	Owned       *Owned
	Progress    *Progress // nil: nobody wants to know
}

// State is what an application is doing.
type State string

// The states, in the order in which they come; Running and Restoring alternate with rebalances.
const (
	Starting  State = "starting"  // topics are checked, workers join
	Restoring State = "restoring" // some stores are not complete yet; other tasks run
	Running   State = "running"   // all tasks of this process run
	Stopping  State = "stopping"  // what was processed is flushed and committed
	Stopped   State = "stopped"
)

// RestoreEvent says that a task begins or has ended to restore its stores, and each second how far it is.
type RestoreEvent struct {
	Worker  int
	Task    string
	Done    bool
	Entries int64 // that the task's stores got so far, from changelogs and from the folder
	Left    int64 // offsets of its changelogs that are to be read yet, of which compaction has left fewer records; -1: not known
	Total   int64 // changelog records restored in this process so far
}

// shared is what the workers of a process have in common. After Run has made it, only what is atomic or behind mu changes.
type shared struct {
	plan     *Plan
	layout   *Layout
	log      *slog.Logger
	budget   *Budget
	counters *Counters
	owned    *Owned
	progress *Progress
	ending   *ending // nil: unbounded
	combine  int64   // bytes for each combiner
	appetite int64   // bytes in its queues with which a worker asks for no more
	flow     *flow
	through  *through
	align    *alignment // nil: nothing is aligned
	leaving  leaving
	atomic   bool // the connector commits what was written with the positions
	// transactional: it does since that was asked for. Then it can go back to the last commit, and does not wait for what operators hold.
	transactional bool
	instance      string
	disk          *disk.DB // nil: stores are in memory
	graph         uint32   // number of this run in its process
	process       string   // what the group calls this one

	heavy atomic.Bool // it was said that stores take more than the budget

	flushIdle, flushBusy, flushBehind, flushSlow time.Duration
	commitEvery, purgeEvery                      time.Duration
	shutdown, rebalance                          time.Duration

	mu        sync.Mutex // guards what follows and is held over callbacks, so that they come one at a time
	workers   []*worker
	ready     []bool
	state     State
	onState   func(State)
	onRestore func(RestoreEvent)
}

// Run runs the plan until ctx ends, or, bounded, until its input is used up. It returns when all workers have let go.
func Run(ctx context.Context, c Config) (err error) {
	defer func() {
		for _, t := range c.Plan.Topics {
			if t.Port != nil {
				t.Port.end(err)
			}
		}
	}()
	admin, err := c.Connector.Admin(ctx)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	s, err := newShared(ctx, c, admin)
	if err == nil {
		err = s.run(ctx, c, admin)
	} else {
		err = unlessStopped(ctx, err)
	}
	return errors.Join(err, admin.Close())
}

// unlessStopped returns an error of the start, nil where the stop cut it short.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func newShared(ctx context.Context, c Config, admin connector.Admin) (*shared, error) {
	s := &shared{
		plan: c.Plan, log: c.Logger, counters: c.Counters, owned: c.Owned, budget: newBudget(c.BudgetBytes),
		flushIdle: 5 * time.Millisecond, flushBusy: 100 * time.Millisecond, flushBehind: 500 * time.Millisecond, flushSlow: time.Second,
		commitEvery: or(c.CommitEvery, time.Second), purgeEvery: or(c.PurgeEvery, 30*time.Second),
		shutdown: or(c.Shutdown, 20*time.Second), rebalance: time.Minute,
		onState: c.OnState, onRestore: c.OnRestore,
	}
	s.enter(Starting)
	var err error
	var create []connector.TopicSpec
	if s.layout, create, err = prepare(ctx, admin, c.Plan, c.Replication); err != nil {
		return nil, err
	}
	if c.Connector.Capabilities().Shared { // else topics and offsets are kept together, and are there together or not at all
		if err := lost(ctx, admin, c.Plan, create, c.Logger); err != nil {
			return nil, err
		}
	}
	if err := admin.Create(ctx, create); err != nil {
		return nil, err
	}
	s.flow = newFlow(c.Plan)
	s.through = newThrough(c.Plan, admin)
	s.align = newAlignment(c.Plan, s.layout, c.MaxDrift)
	s.atomic = c.Connector.Capabilities().Atomic
	if c.ExactlyOnce && !s.atomic {
		s.atomic, s.transactional = true, true
		s.commitEvery = or(c.CommitEvery, 100*time.Millisecond)
	}
	s.instance, s.disk = c.Instance, c.Disk
	s.graph = graphs.Add(1)
	s.process = processID()
	if s.owned == nil {
		s.owned = &Owned{}
	}
	s.owned.begin(c.Plan, s.layout)
	if s.progress = c.Progress; s.progress == nil {
		s.progress = &Progress{}
	}
	s.progress.begin(c.Plan, s.layout)
	if c.Bounded {
		if s.ending, err = newEnding(c.Plan, s.layout, s.owned, s.process); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *shared) run(ctx context.Context, c Config, admin connector.Admin) error {
	n := c.Workers
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	tasks := 0
	for _, t := range s.layout.Tasks {
		tasks += int(t)
	}
	n = min(n, tasks)
	s.combine = c.BudgetBytes / int64(n) / 8
	s.appetite = min(c.BudgetBytes/int64(n)/4, 8<<20)
	s.counters.begin(n)
	tasksBy := make([]atomic.Pointer[[]TaskProgress], n)
	s.progress.byWorker.Store(&tasksBy)
	s.ready = make([]bool, n)
	for i := range n {
		client, err := c.Connector.Open(ctx, s.workerConfig(i, n, c.BudgetBytes))
		if err != nil {
			for _, w := range s.workers {
				err = errors.Join(err, w.client.Close(ctx))
			}
			return unlessStopped(ctx, err)
		}
		s.workers = append(s.workers, newWorker(s, i, client))
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	closing, expire := context.WithCancel(context.WithoutCancel(ctx))
	defer expire()
	context.AfterFunc(running, func() { time.AfterFunc(s.shutdown, expire) })
	ended := make(chan error, n)
	for _, w := range s.workers {
		go func() { s.within(func() { ended <- w.run(running, closing) }) }() // await waits for it
	}
	var supervision sync.WaitGroup
	var boundedErr error
	supervision.Go(func() { s.flow.watch(running, admin, s) })
	supervision.Go(func() { s.align.watch(running, admin, s) })
	if s.ending != nil {
		s.ending.workers = s.workers
		supervision.Go(func() { boundedErr = s.ending.wait(running, admin); stop() })
	}
	err := s.await(running, stop, ended, n)
	stop()
	supervision.Wait()
	s.enter(Stopped)
	return errors.Join(err, boundedErr)
}

// await waits for the workers; the first one that fails stops the others. One that does not stop in time is named.
func (s *shared) await(running context.Context, stop func(), ended <-chan error, n int) error {
	var errs []error
	stopping := running.Done()
	var deadline <-chan time.Time
	for n > 0 {
		select {
		case err := <-ended:
			n--
			errs = append(errs, err)
			if err != nil {
				stop()
			}
		case <-stopping:
			stopping = nil
			s.enter(Stopping)
			deadline = time.After(s.shutdown + s.shutdown/4)
		case <-deadline:
			errs = append(errs, fmt.Errorf("%d workers did not stop within %s: a function of the application does not return; functions that take a context must end with it", n, s.shutdown))
			n = 0
		}
	}
	return errors.Join(errs...)
}

func (s *shared) workerConfig(index, workers int, budget int64) connector.WorkerConfig {
	c := connector.WorkerConfig{
		Group: s.plan.App, Process: s.process, Instance: cmp.Or(s.instance, s.process), Atomic: s.transactional, Index: index, Hash: s.plan.Hash,
		Bounded: s.ending != nil, Budget: budget / int64(workers), MaxWrite: budget, Rebalance: s.rebalance,
		Logger: s.log.With("worker", index),
	}
	for i, t := range s.plan.Topics {
		c.Topics = append(c.Topics, t.Spec)
		for _, sub := range s.plan.Subs {
			for _, topic := range sub.Sources {
				if topic == int32(i) {
					c.Sources = append(c.Sources, connector.Source{Topic: topic, Start: t.Start, SkipGap: t.SkipGap})
				}
			}
		}
	}
	for _, sub := range s.plan.Subs {
		c.Groups = append(c.Groups, sub.Sources)
	}
	return c
}

// enter changes the state and says so.
func (s *shared) enter(state State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set(state)
}

func (s *shared) set(state State) {
	if s.state == state || s.state == Stopping && state != Stopped {
		return
	}
	s.state = state
	s.log.Info("state", "state", string(state))
	if s.onState != nil {
		s.onState(state)
	}
}

// report notes whether a worker has all that it was assigned, and says what follows for the process.
func (s *shared) report(worker int, ready bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready[worker] = ready
	for _, is := range s.ready {
		if !is {
			if s.state == Running {
				s.set(Restoring)
			}
			return
		}
	}
	s.set(Running)
}

// restoring tells that a task begins or has ended to restore, or how far it is.
func (s *shared) restoring(worker int, t *task, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := RestoreEvent{worker, t.ID, done, t.restored, t.remaining(), s.counters.Restored.Load()}
	level := slog.LevelDebug
	if !done && e.Entries > 0 { // it takes its time
		level = slog.LevelInfo
	}
	s.log.Log(context.Background(), level, "restore", "worker", worker, "task", t.ID, "done", done, "entries", e.Entries, "left", e.Left)
	if s.state == Starting && !done {
		s.set(Restoring)
	}
	if s.onRestore != nil {
		s.onRestore(e)
	}
}

// slow reports a function of the user's that holds the worker longer than half the time that a rebalance may take.
func (s *shared) slow(t *task, records int, took time.Duration) {
	if took > s.rebalance/2 {
		s.log.Warn("a function of the application takes so long that the group may take its partitions away",
			"operator", t.Operator(), "task", t.ID, "records", records, "took", took)
	}
}

func or(d, otherwise time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return otherwise
}

func processID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
