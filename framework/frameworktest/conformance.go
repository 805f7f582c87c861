package frameworktest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"testing"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// Connector tells [Conformance] how to try a connector. Open is needed; the rest has defaults.
type Connector struct {
	// Open makes a place for topics that nobody else has: a cluster, a folder, the memory of a connector. It is called
	// once for each check, and cleans up by tb.Cleanup.
	Open func(tb testing.TB) Place
	// Without says what the connector cannot carry or the author cannot do, with the reason, which is printed. What is not
	// in it is tried.
	Without map[Feature]string
	// Patience is how long the checks wait for what must come; 0: 15 s. They do not wait for what must not come.
	Patience time.Duration
}

// Place is where the topics of one check are. Its functions are called from one goroutine at a time.
type Place struct {
	// Connector is the connector that is tried.
	Connector connector.Connector
	// Application is the name of the application that is run: its group, and the prefix of its internal topics. "":
	// "conformance".
	Application string
	// Source makes a topic to be read, with that many partitions, and returns its name; name is letters.
	Source func(name string, partitions int32) (topic string, err error)
	// Put appends records to a partition of a source: their values, and their times, keys and headers where the
	// connector carries them. The connector gives them their offsets.
	Put func(topic string, partition int32, records ...connector.Record) error
	// Sink returns the name of a topic to be written, which the connector's Admin creates; nil: the name as it is.
	Sink func(name string) (topic string)
	// Take returns what a reader sees in a sink, by partition.
	Take func(topic string) ([][]connector.Record, error)
	// Reopen returns a new connector on the same place, as another process has it; nil where there is no such thing
	// (Reopening).
	Reopen func() connector.Connector
	// Expel makes the group throw the worker out, so that its partitions are lost; nil where that cannot be done
	// (Expelling).
	Expel func(w connector.Worker) error
}

// Feature is what a connector may not carry, or what its author cannot do in a test. Keys, headers, times, null and
// empty values are those of sources and sinks; repartition topics and changelogs must carry all of a record.
type Feature string

// The features.
const (
	Keys        Feature = "keys"
	Headers     Feature = "headers"
	Times       Feature = "times"
	NullValues  Feature = "null values"
	EmptyValues Feature = "empty values"
	// Refusing: commits of partitions that are not the worker's, while it is in the group. The driver makes none.
	Refusing  Feature = "refusing commits"
	Expelling Feature = "expelling"
	Reopening Feature = "reopening"
)

// Conformance runs the checks that every connector must pass, each as a subtest on a place of its own. What
// [Connector.Without] leaves out is skipped with its reason.
//
//	func TestTheConnectorConforms(t *testing.T) {
//		frameworktest.Conformance(t, frameworktest.Connector{Open: func(tb testing.TB) frameworktest.Place { ... }})
//	}
func Conformance(t *testing.T, c Connector) {
	t.Helper()
	for _, k := range checks() {
		t.Run(k.name, func(t *testing.T) {
			if reason := c.without(k); reason != "" {
				t.Skip(reason)
			}
			err := c.try(t, k)
			if s, ok := err.(skipped); ok {
				t.Skip(s.reason)
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// check is one thing that every connector does. It returns what is wrong.
type check struct {
	name  string // a sentence
	run   func(*trial) error
	needs []Feature
}

func checks() []check {
	var all []check
	for _, some := range [][]check{readingChecks(), groupChecks(), writingChecks(), restoringChecks(), closingChecks(), adminChecks(), capabilityChecks()} {
		all = append(all, some...)
	}
	return all
}

// without returns the reason to leave out a check.
func (c Connector) without(k check) string {
	for _, f := range k.needs {
		if reason := c.Without[f]; reason != "" {
			return fmt.Sprintf("without %s: %s", f, reason)
		}
	}
	return ""
}

func (c Connector) carries(f Feature) bool { return c.Without[f] == "" }

// skipped is an error of a check that finds out that it does not concern the connector.
type skipped struct{ reason string }

func (s skipped) Error() string { return s.reason }

// try runs a check on a fresh place. A check that does not come back is an error, too.
func (c Connector) try(tb testing.TB, k check) error {
	if c.Patience <= 0 {
		c.Patience = 15 * time.Second
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	t := &trial{Place: c.Open(tb), author: c, ctx: ctx, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	if err := t.complete(k); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { // waited for below, unless it hangs, which is an error
		err := errors.New("ended early: a function of the Place failed the test; let it return an error")
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panics: %v\n%s", p, debug.Stack())
			}
			ended <- err
		}()
		err = k.run(t)
	}()
	select {
	case err := <-ended:
		if left := t.end(); err == nil {
			err = left
		}
		return err
	case <-time.After(4 * c.Patience):
		return fmt.Errorf("hangs: a call did not return for %s", 4*c.Patience)
	}
}
