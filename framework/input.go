package framework

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/connector/local"
	"github.com/millrace/millrace/framework/internal/driver"
)

// Input is a source in memory that values are emitted into. It belongs to one topology. Nothing of it is kept: what was
// emitted and not done with ends with the process.
type Input[V any] struct {
	name  string
	port  driver.Port
	value V // emitted now; used by whoever has the task's turn
}

// NewInput returns an input; the name stands in descriptions and errors, and is the only one of that name in its graph.
func NewInput[V any](name string) *Input[V] { return &Input[V]{name: name} }

// Emit emits a value and waits until all downstream is done with it: the result is the receipt. Its event time is now.
//
// The value is processed on the caller's goroutine where the task is idle. Emit may be called from many goroutines; their
// values are processed one at a time. It waits while the application has not begun to run, while operators hold the source
// back (a full Buffer, RateLimit), and for what keeps the value for later. Errors of all branches are joined: one that
// fails does not keep the value from the others, and the application goes on. Where ctx ends first the error wraps its
// error, and what becomes of the value is not known. After the end of the application it is ErrEnded, and inside an
// operator of the same graph ErrInside, as far as the value's own processing would be waited for.
//
// Behind a Buffer, and behind a topic that the graph writes and reads, an error is not the receipt's: it stops the application.
//
// A stop of the application is the end of its inputs: event time goes to its end, and windows that are open hand on what they
// have, since nothing of it is there afterwards.
func (i *Input[V]) Emit(ctx context.Context, v V) error { return i.emit(ctx, v, true, 0) }

// EmitAt is Emit with an event time, from 1970 on, to the millisecond.
func (i *Input[V]) EmitAt(ctx context.Context, v V, at time.Time) error {
	if at.Before(time.UnixMilli(0)) || at.After(time.UnixMilli(latestTime)) {
		return fmt.Errorf("emit into %s: the event time %s is before 1970, or beyond what can be counted with", i.name, at.UTC())
	}
	return i.emit(ctx, v, false, at.UnixMilli())
}

func (i *Input[V]) emit(ctx context.Context, v V, now bool, at int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	host, err := i.port.Enter(ctx)
	if err != nil {
		return fmt.Errorf("emit into %s: %w", i.name, err)
	}
	i.value = v
	return host.Emit(ctx, now, at)
}

// ErrEnded: the application that an Input belongs to has ended.
var ErrEnded = driver.ErrEnded

// ErrInside: a function of a graph emits into its own graph.
var ErrInside = driver.ErrInside

const memoryKind = "memory"

func (i *Input[V]) topic() Topic[None, V] {
	return Topic[None, V]{
		name:    i.name,
		factory: connector.Factory{Kind: memoryKind, Own: true, New: func(func(string) string) (connector.Connector, error) { return local.NewBroker(memoryKind), nil }},
		spec:    connector.TopicSpec{Name: i.name, Partitions: 1},
		input: &inputUse{port: &i.port, entry: func(o *opening, n *node) func(m *Meta) error {
			next := downstream[None, V](o, n)
			return func(m *Meta) error { return next(m, None{}, i.value) }
		}},
	}
}

// inputUse is an in-memory input that a source node stands for.
type inputUse struct {
	port  *driver.Port
	entry func(o *opening, n *node) func(m *Meta) error
}

// checkEnds: what a bounded run reads has an end.
func (t *Topology) checkEnds() error {
	var faults []error
	for _, n := range t.nodes {
		if n.reads != nil && n.reads.input != nil {
			faults = append(faults, fmt.Errorf("a bounded run cannot end: input %s has no end; end the context instead", n.name))
		}
	}
	return errors.Join(faults...)
}
