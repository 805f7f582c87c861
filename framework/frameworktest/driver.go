// Package frameworktest runs a topology in a test: in memory, on the test's own goroutine, without a broker, without
// waiting for anything. What is piped in has gone through the whole graph, repartition topics included, when the call
// returns.
package frameworktest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/driver"
	"github.com/millrace/millrace/framework/internal/engine"
)

// Driver runs one topology. It is used by one goroutine. The same calls give the same results in the same order.
//
// It is as strict as a connector: the bytes of a record, its headers' too, are overwritten when its processing is
// over, so that an operator which keeps them instead of a copy shows; a graph that changes them fails the test.
type Driver struct {
	tb     testing.TB
	plan   *driver.Plan
	config Config
	layout *driver.Layout
	topics []*topicLog // by index in the plan
	tasks  []*task     // by sub-topology, then by partition
	ctx    context.Context

	now      int64 // the virtual wall clock, ns since the epoch
	inside   bool  // functions of the graph are running
	late     error // of a record whose emitter did not wait
	batching bool
	piped    int                   // records since the topology was at rest
	err      error                 // the application stopped with it
	dropped  [engine.Reasons]int64 // counted by tasks that Rebuild let go
}

// Config says how a topology is run. Its zero value works.
type Config struct {
	// Name is the application's; "": "test".
	Name string
	// Partitions is how many partitions each topic has that is not internal; 0: 1.
	Partitions int
	// PartitionsOf sets the number for some topics, by name.
	PartitionsOf map[string]int
	// RepartitionPartitions is how many partitions a repartition topic has that sets no number of its own; 0: as many as
	// there are tasks before it.
	RepartitionPartitions int
	// CombineBytes is what each combiner may hold before it is emptied between two flushes; 0: 1 MiB.
	CombineBytes int64
}

// New builds the topology and runs it with one partition a topic. A topology with faults fails the test with all of
// them.
//
// tb may be nil, in an Example: what would fail the test panics then.
func New(tb testing.TB, build func(*framework.Topology)) *Driver {
	if tb != nil {
		tb.Helper()
	}
	return Config{}.New(tb, build)
}

// New is the function New with a configuration.
func (c Config) New(tb testing.TB, build func(*framework.Topology)) *Driver {
	d := &Driver{tb: tb, config: c, ctx: context.Background()}
	if tb != nil {
		tb.Helper()
		d.ctx = tb.Context()
	}
	if c.Name == "" {
		c.Name = "test"
	}
	t := framework.New()
	build(t)
	plan, err := t.Plan(c.Name)
	if err != nil {
		d.fatal(err)
	}
	d.plan = plan
	plan.Repartitions = int32(c.RepartitionPartitions)
	if d.layout, err = layOut(plan, c); err != nil {
		d.fatal(err)
	}
	for i, topic := range plan.Topics {
		d.topics = append(d.topics, newTopicLog(topic.Name, d.layout.Partitions[i]))
	}
	if d.tasks, err = d.open(); err != nil {
		d.fatal(err)
	}
	return d
}

// Batch runs f and holds back what f pipes; when f returns, all of it is processed and flushed once. Without it each
// record is flushed on its own.
func (d *Driver) Batch(f func()) {
	d.helper()
	if err := d.TryBatch(f); err != nil {
		d.fatal(err)
	}
}

// TryBatch is Batch that returns the error with which the application stops.
func (d *Driver) TryBatch(f func()) error {
	d.batching = true
	f()
	d.batching = false
	return d.settle()
}

// Rebuild discards all tasks and makes them anew, as a restart does: stores come back from their changelogs, inputs go
// on where they were flushed last. After an error this is how to go on: records that were not flushed are
// processed again, so that outputs may repeat.
func (d *Driver) Rebuild() {
	d.helper()
	old := d.tasks
	d.err = nil
	var err error
	if d.tasks, err = d.open(); err != nil {
		d.fatal(err)
	}
	for i, t := range d.tasks {
		_, drops := old[i].Counts()
		for reason, n := range drops {
			d.dropped[reason] += n
		}
		if err := d.resume(t, old[i].committed); err != nil {
			d.fatal(err)
		}
	}
	if err := d.settle(); err != nil {
		d.fatal(err)
	}
}

// resume puts a task where another one was: its inputs at their positions, its stores as their changelogs say.
func (d *Driver) resume(t *task, at []connector.Position) error {
	for input, p := range at {
		times, err := engine.DecodeTimes(p.Metadata)
		if err != nil {
			return err
		}
		t.Seek(input, p.Offset, times)
	}
	t.committed = at
	var faults []error
	t.Stores(func(s engine.Store, topic int32) {
		for _, r := range d.topics[topic].partitions[t.Partition] {
			if err := t.Restore(topic, r.Key, r.Value, r.Time); err != nil {
				faults = append(faults, fmt.Errorf("restore store %s: %w", s.Name(), err))
			}
		}
	})
	return errors.Join(faults...)
}

// topic returns the topic of that name, if it has one of the roles.
func (d *Driver) topic(name string, roles connector.Role, what string) *topicLog {
	d.helper()
	var known []string
	for i, t := range d.plan.Topics {
		if t.Spec.Role&roles == 0 {
			continue
		}
		if t.Name == name {
			return d.topics[i]
		}
		known = append(known, t.Name)
	}
	slices.Sort(known)
	d.fatal(fmt.Errorf("the topology %s no topic %q; it %s %s", what, name, what, strings.Join(known, ", ")))
	return nil
}

func (d *Driver) fatal(err error) {
	if d.tb == nil {
		panic(err)
	}
	d.tb.Helper()
	d.tb.Fatal(err)
}

func (d *Driver) helper() {
	if d.tb != nil {
		d.tb.Helper()
	}
}
