package framework

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/driver"
	"go.opentelemetry.io/otel/metric"
)

// Config says how an application runs. Only Name and a connector are needed; every other field's zero value works.
type Config struct {
	// Name is the application's: its consumer group, and the prefix of its internal topics. Instances with the same name
	// share the work. 1 to 100 of a-z, A-Z, 0-9, '.', '_' and '-'.
	Name string
	// Connectors reach the topics; the one of the topics' kind is used.
	Connectors []connector.Connector
	// Guarantee is what holds after a crash; the default is AtLeastOnce.
	Guarantee Guarantee
	// Workers is how many goroutines process, each with a client of its own; 0: one a core. Never more than tasks.
	Workers int
	// BudgetBytes is the memory for records in flight: fetched and not processed, produced and not acknowledged.
	// 0: a quarter of GOMEMLIMIT or of the container's limit, else 256 MiB. At least 1 MiB.
	BudgetBytes int64
	// Instance names this process among those of its application, so that what it left open when it was killed ends when it starts again,
	// not only after 15 s, for which readers wait otherwise; the name of a pod of a StatefulSet is one. No two that run may have the same:
	// they end each other's transactions, and after three times in a minute one of them stops, maybe the one that was there first. The
	// partitions of what was killed are given to others when its session times out, all the same.
	// "": a random one. It is used with ExactlyOnce.
	Instance string
	// StateDir is a folder where tables, and the stores of Process and With, keep their content, in a folder of the application's name;
	// "": in memory. Half of BudgetBytes is theirs then. What is there is brought up to date from the changelogs at the start, so that
	// the folder may be lost, at the cost of a longer one. No two processes may have the same. Windows have a copy there, from which all of them
	// are read at the start; those that were not used for a while, and that nothing is to be done about yet, are on disk alone. Timers, and
	// tables behind a Buffer, are in memory as a whole, with a copy in the folder.
	StateDir string
	// CommitInterval is how often offsets are committed; 0: 1 s, with ExactlyOnce 100 ms. A crash repeats at most that much. With
	// ExactlyOnce on Kafka it is at least 500 ms while there are more than two seconds of lag: nothing is processed while a transaction
	// ends, and results are late by more than that in any case.
	CommitInterval time.Duration
	// ShutdownTimeout is how long a stop may take to flush and commit; 0: 20 s.
	ShutdownTimeout time.Duration
	// PurgeInterval is how often consumed records of repartition topics are deleted; 0: 30 s.
	PurgeInterval time.Duration
	// Replication is the number of replicas of internal topics, and of those for dead letters; 0: the brokers' default.
	Replication int
	// RepartitionPartitions is the number of partitions of each repartition topic, and so of tasks that share the work
	// behind it, where RepartitionInto sets no other; 0: as many as there are tasks before it. It is fixed when the
	// application starts for the first time: start refuses another number later.
	RepartitionPartitions int
	// Bounded ends the run when all that the sources held at its start is processed, by this process or by others of the
	// same name. Those have to be bounded, too: behind a repartition the end of the input comes from all tasks before it.
	Bounded bool
	// MaxDrift is how far, in event time, a partition of a source may be ahead of the slowest that has records to be read: further on it is
	// not read until the others come up. Where sources are read from their beginning, windows would else stay open for as long as
	// one of them runs ahead. Partitions are compared where their records can come together; those of other processes by what
	// they commit, so that a drift of less than some seconds slows down what runs in several of them. 0: any distance.
	MaxDrift time.Duration
	// Logger gets what happens, values of records never; nil: slog.Default().
	Logger *slog.Logger
	// OnState is called when the application's state changes, one call at a time. It must return soon. A start may go from Running back
	// to Restoring, when another worker joins and gets its share: see App.Ready.
	OnState func(State)
	// OnRestore is called when a task begins and ends to restore its stores, and each second meanwhile, one call at a time. It must
	// return soon.
	OnRestore func(RestoreEvent)
	// MeterProvider gets the metrics; nil: OpenTelemetry's global one, which costs nothing until an SDK is wired.
	MeterProvider metric.MeterProvider
}

// Guarantee is what holds after a crash.
type Guarantee int8

const (
	// AtLeastOnce: no record is lost; after a crash, records since the last commit are processed again.
	AtLeastOnce Guarantee = iota
	// ExactlyOnce: what is written, the state and the offsets are committed as one. What readers see that read only what is committed
	// (isolation.level read_committed, which is not Kafka's default), and the state, are as if each record had been processed once.
	// Each commit is an end for what is on its way, so that results come when it does. Side effects of the application's functions are
	// not covered: they are repeated with the records.
	ExactlyOnce
)

// State is what an application is doing.
type State = driver.State

// The states of an application.
const (
	Starting  = driver.Starting
	Restoring = driver.Restoring
	Running   = driver.Running
	Stopping  = driver.Stopping
	Stopped   = driver.Stopped
)

// RestoreEvent says that a task begins or has ended to restore its stores, and each second how far it is. Its fields: Worker, the number
// of the goroutine; Task, the sub-topology and the partition, as 0_2; Done; Entries, what the task's stores got so far from changelogs
// and, of those that are in memory as a whole, from the folder: what stays on disk is not counted; Left, offsets of its changelogs that are to be
// read yet, -1: not known; Total, changelog records that this process has restored so far.
type RestoreEvent = driver.RestoreEvent

const (
	minBudget     = 1 << 20
	defaultBudget = 256 << 20
)

// validate returns all that is wrong with the configuration.
func (c Config) validate() error {
	var faults []error
	if c.Guarantee != AtLeastOnce && c.Guarantee != ExactlyOnce {
		faults = append(faults, fmt.Errorf("guarantee %d is not known: AtLeastOnce and ExactlyOnce are", c.Guarantee))
	}
	if len(c.Instance) > 100 || strings.ContainsFunc(c.Instance, unicode.IsSpace) {
		faults = append(faults, fmt.Errorf("instance %q: at most 100 characters without spaces", c.Instance))
	}
	if c.BudgetBytes < 0 || c.BudgetBytes > 0 && c.BudgetBytes < minBudget {
		faults = append(faults, fmt.Errorf("a budget of %d bytes is too small: at least %d, or 0 for the default", c.BudgetBytes, minBudget))
	}
	if c.RepartitionPartitions < 0 || c.RepartitionPartitions > math.MaxInt32 {
		faults = append(faults, fmt.Errorf("repartition topics are to have %d partitions each: at least 1, or 0 for the default", c.RepartitionPartitions))
	}
	if c.Workers < 0 || c.CommitInterval < 0 || c.ShutdownTimeout < 0 || c.PurgeInterval < 0 || c.Replication < 0 || c.MaxDrift < 0 {
		faults = append(faults, errors.New("a number of the configuration is negative; 0 stands for the default"))
	}
	if c.MaxDrift > 0 && c.MaxDrift < time.Millisecond {
		faults = append(faults, fmt.Errorf("a drift of %s is too small: event time is in whole milliseconds", c.MaxDrift))
	}
	return errors.Join(faults...)
}

// budget returns the budget in bytes.
func (c Config) budget() int64 {
	if c.BudgetBytes > 0 {
		return c.BudgetBytes
	}
	limit := debug.SetMemoryLimit(-1) // -1 only asks
	if limit == math.MaxInt64 {
		limit = containerLimit(os.ReadFile)
	}
	if limit <= 0 || limit == math.MaxInt64 {
		return defaultBudget
	}
	return max(limit/4, minBudget)
}

// containerLimit returns the memory limit of the control group that the process is in, 0 if there is none.
func containerLimit(read func(string) ([]byte, error)) int64 {
	for _, file := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		b, err := read(file)
		if err != nil {
			continue
		}
		limit, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
		if err == nil && limit < 1<<50 { // version 1 says "no limit" with a very large number
			return limit
		}
	}
	return 0
}
