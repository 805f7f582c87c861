package framework

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/driver"
)

// App is a topology with its configuration, ready to run once.
type App struct {
	config   Config
	plan     *driver.Plan
	via      connector.Connector
	counters *driver.Counters
	owned    *driver.Owned
	progress *driver.Progress
	ready    chan struct{}
	once     sync.Once
	started  sync.Mutex
}

// Build checks the topology and the configuration and reports every fault at once. What only the brokers can say is
// reported by Run, at once too.
func (t *Topology) Build(c Config) (*App, error) {
	if c.Name == "" && t.factory().Own {
		c.Name = "memory" // nothing is kept under it
	}
	plan, err := t.Plan(c.Name)
	via, connectorErr := t.connector(c)
	if c.Bounded {
		connectorErr = errors.Join(connectorErr, t.checkEnds())
	}
	if connectorErr == nil {
		connectorErr = t.checkGuarantee(c.Guarantee, via)
	}
	if err := errors.Join(c.validate(), err, connectorErr); err != nil {
		return nil, err
	}
	plan.Repartitions = int32(c.RepartitionPartitions)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return &App{config: c, plan: plan, via: via, counters: &driver.Counters{}, owned: &driver.Owned{}, progress: &driver.Progress{}, ready: make(chan struct{})}, nil
}

// connector returns the connector of the topics' kind.
func (t *Topology) connector(c Config) (connector.Connector, error) {
	factory := t.factory()
	if factory.Kind == "" {
		return nil, nil // Plan says what is wrong
	}
	for _, via := range c.Connectors {
		if via.Kind() == factory.Kind {
			return via, nil
		}
	}
	if factory.Own {
		return factory.New(nil)
	}
	return nil, fmt.Errorf("the topics are of the connector %q and Config.Connectors has none of that kind", factory.Kind)
}

// ErrRunTwice: an App runs once; build another one to run again.
var ErrRunTwice = errors.New("the application ran already: build it again to run it again")

// Run runs the application until ctx ends or something fails. It blocks, and returns when everything processed is
// flushed and committed, the group is left and every goroutine and connection of the application is gone; nil after a
// stop by ctx, or, of a bounded run, when the input is used up.
func (a *App) Run(ctx context.Context) error {
	if !a.started.TryLock() {
		return ErrRunTwice
	}
	unregister, err := a.observe()
	if err != nil {
		return err
	}
	folder, budget, err := a.config.openState()
	if err != nil {
		return errors.Join(err, unregister())
	}
	err = driver.Run(ctx, driver.Config{
		Plan: a.plan, Connector: a.via, Workers: a.config.Workers, BudgetBytes: budget, Disk: folder,
		CommitEvery: a.config.CommitInterval, Shutdown: a.config.ShutdownTimeout, PurgeEvery: a.config.PurgeInterval,
		Bounded: a.config.Bounded, Replication: int16(a.config.Replication), Logger: a.config.Logger.With("app", a.config.Name),
		OnState: a.onState, OnRestore: a.config.OnRestore, Counters: a.counters, Owned: a.owned, Progress: a.progress, MaxDrift: a.config.MaxDrift,
		ExactlyOnce: a.config.Guarantee == ExactlyOnce, Instance: a.config.Instance,
	})
	if folder != nil {
		err = errors.Join(err, folder.Close())
	}
	return errors.Join(err, unregister())
}

// Ready is closed when all partitions that this process was given run for the first time, their stores restored.
func (a *App) Ready() <-chan struct{} { return a.ready }

func (a *App) onState(s State) {
	if s == Running {
		a.once.Do(func() { close(a.ready) })
	}
	if a.config.OnState != nil {
		a.config.OnState(s)
	}
}

// Partitions returns which partitions of a topic that the graph reads this process has, in order, and how many the topic
// has; 0 if the graph does not read it or the run has not begun. Internal topics are named in full:
// <application>-<name>-repartition. After Run it tells what the process had at the end. It may be called from any goroutine.
func (a *App) Partitions(topic string) (owned []int32, of int) { return a.owned.Of(topic) }

// Stats is what the application has counted since it began to run, and what it holds now.
type Stats struct {
	In          int64            // records processed
	Out         int64            // records written, changelogs included
	Restored    int64            // changelog records read
	Restoring   int              // tasks that have not all their stores
	RestoreLeft int64            // offsets of changelogs that they are to read yet, where that is known
	Commits     int64            // answered
	Aborts      int64            // times that a worker went back to its last commit; with ExactlyOnce
	Lag         int64            // records not read yet, of the partitions of this process
	Stored      int64            // bytes that stores take in memory, about; the budget does not bound them without StateDir
	Held        int64            // bytes of the budget in use
	Dropped     map[string]int64 // records by reason
	Gap         int64            // offsets skipped since their records were deleted before they were read
	Pauses      map[string]int64 // pauses of partitions by reason
	Controls    int64            // watermarks sent through repartition topics, one a partition
	// Watermark is the lowest of the tasks of this process whose input has not ended; zero: that of one is not known yet, or
	// there is none. Explain says what holds it back.
	Watermark time.Time
}

// Stats may be called at any time from any goroutine.
func (a *App) Stats() Stats {
	c := a.counters
	s := Stats{
		In: c.In.Load(), Out: c.Out.Load(), Restored: c.Restored.Load(), Commits: c.Commits.Load(), Aborts: c.Aborts.Load(), Lag: c.Lag(),
		Held: c.Held.Load(), Stored: c.Stored(), Gap: c.Gap.Load(), Controls: c.Controls.Load(), Watermark: eventTime(lowest(a.progress.Tasks())), Dropped: map[string]int64{}, Pauses: map[string]int64{},
	}
	s.Restoring, s.RestoreLeft = a.restoring()
	for i := range c.Drops {
		if n := c.Drops[i].Load(); n > 0 {
			s.Dropped[dropName(i)] = n
		}
	}
	for i := range c.Pauses {
		if n := c.Pauses[i].Load(); n > 0 {
			s.Pauses[driver.PauseName(i)] = n
		}
	}
	return s
}

// restoring returns how many tasks have not all their stores, and how many offsets of changelogs they are to read yet.
func (a *App) restoring() (tasks int, left int64) {
	for _, t := range a.progress.Tasks() {
		if t.Restoring {
			tasks, left = tasks+1, left+max(0, t.Left)
		}
	}
	return tasks, left
}

// Run builds the topology that build declares and runs it.
func Run(ctx context.Context, c Config, build func(*Topology)) error {
	t := New()
	build(t)
	app, err := t.Build(c)
	if err != nil {
		return err
	}
	return app.Run(ctx)
}

// Start builds the topology and runs it in the background: for graphs in memory, which are emitted into. stop ends it,
// waits until all that was taken in is done with, and returns what Run did. The end of ctx stops it, too. Without a Logger
// only warnings are logged.
func (t *Topology) Start(ctx context.Context, c Config) (stop func() error, err error) {
	if c.Logger == nil {
		c.Logger = slog.New(warnings{slog.Default().Handler()})
	}
	app, err := t.Build(c)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- app.Run(ctx) }() // stop waits for it
	return sync.OnceValue(func() error {
		cancel()
		return <-ended
	}), nil
}

// warnings is a log handler that passes warnings and errors.
type warnings struct{ slog.Handler }

func (w warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}

func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }
