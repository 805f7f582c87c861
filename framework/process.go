package framework

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/internal/engine"
	"github.com/millrace/millrace/framework/state"
)

// Op is what an operator may ask of the framework when it is built for a task.
type Op struct {
	o        *opening
	n        *node
	stateful bool // it opened a store
	clock    *clock
}

// OperatorError says which operator could not go on, and with which record.
type OperatorError = engine.OperatorError

// Context returns the context of the run; it ends when the application is to stop, and behind a Buffer, whose records are finished
// first, when that takes longer than Config.ShutdownTimeout.
func (op *Op) Context() context.Context { return op.o.env.Context }

// OnCommit registers what is to run at the end of each round, before stores are logged and offsets committed: emit
// there what was kept back. It runs upstream first.
func (op *Op) OnCommit(f func() error) {
	op.early("OnCommit")
	entered, id := op.enter()
	op.o.task.OnFlush(func() error {
		*entered = id
		return f()
	})
}

// Store opens the operator's store, once, where the operator is built: in the function that Process is given, not in the one that it
// returns, which panics. The operator is stateful by it: its name must be given.
func (op *Op) Store[K comparable, V any](h Store[K, V]) *KV[K, V] {
	op.early("store " + h.name)
	op.stateful = true
	s := openStore(op.o, op.n, h)
	if h.ends {
		op.expire(h.name, h.ttl, s.Expire)
	}
	return s
}

// Store names a store and the types of its keys and values.
type Store[K comparable, V any] struct {
	_      [0]func(K, V)
	name   string
	keys   any
	values any
	ttl    time.Duration
	ends   bool // ttl was set
}

// KV is a key-value store of one task, in memory and logged to its changelog: Get(k) (v, ok), Put(k, v), Delete(k), All() and
// Range(from, to) in the order of the keys' bytes, Len(). A value that was put in belongs to the store: to change it, put
// another one.
type KV[K comparable, V any] = state.KV[K, V]

// StoreOf names a store, for an operator to open and for tests to look into.
func StoreOf[K comparable, V any](name string) Store[K, V] { return Store[K, V]{name: name} }

// Codecs sets how the store's content is encoded in its changelog. Without it codecs are inferred from the types.
func (s Store[K, V]) Codecs(k codec.Codec[K], v codec.Codec[V]) Store[K, V] {
	s.keys, s.values = k, v
	return s
}

// TTL has entries end d of event time after they were set last: an entry is there for a record whose time, and the watermark of whose
// source partition, are less than d after the highest time of the records that it was set for. So what a record finds under its key
// depends on the records of that key and on nothing else. What no record can find any more is removed from the store, its folder and its
// changelog, a few entries in each round.
//
// d is at least 1 ms, else Build refuses it. Without TTL entries stay until they are deleted.
func (s Store[K, V]) TTL(d time.Duration) Store[K, V] {
	s.ttl, s.ends = d, true
	return s
}

// Name returns the store's name.
func (s Store[K, V]) Name() string { return s.name }

// Process adds an operator of the user's own, see Operator. name may be "" if it keeps no state. An operator whose output
// has another type of key re-keys the stream. With the same type it must keep the key of the record that it emits for: an
// operator behind it that keeps state by key refuses another one.
func (s Stream[K, V]) Process[K2 comparable, V2 any](name string, op Operator[K, V, K2, V2]) Stream[K2, V2] {
	out := apply(s, "process", name, func(o *Op, next Emit[K2, V2]) Emit[K, V] { return guard(o, next, op) })
	rekeyIfTyped[K, K2](s.n, out.n)
	out.n.unchecked = true
	return out
}

// With is Process for an operator that takes an argument first, so that its types are inferred.
func (s Stream[K, V]) With[A any, K2 comparable, V2 any](name string, op func(arg A, op *Op, next Emit[K2, V2]) Emit[K, V], arg A) Stream[K2, V2] {
	out := apply(s, "process", name, func(o *Op, next Emit[K2, V2]) Emit[K, V] {
		return guard(o, next, func(o *Op, next Emit[K2, V2]) Emit[K, V] { return op(arg, o, next) })
	})
	rekeyIfTyped[K, K2](s.n, out.n)
	out.n.unchecked = true
	return out
}

// guard enters a user's operator, so that its panics and errors have its name, and sees to its keys.
func guard[K comparable, V any, K2 comparable, V2 any](o *Op, next Emit[K2, V2], op Operator[K, V, K2, V2]) Emit[K, V] {
	if _, same := any((*K)(nil)).(*K2); !same {
		next = rekeying(next)
	}
	return entering(o, 0, op(o, next))
}

// entering takes one input of a user's operator.
func entering[K comparable, V any](o *Op, port int, in Emit[K, V]) Emit[K, V] {
	entered, id := o.enter()
	if o.stateful {
		in = checking(o, port, in)
	}
	clock := o.clock
	return func(m *Meta, k K, v V) error {
		*entered = id
		if clock != nil {
			clock.note(m)
		}
		if err := in(m, k, v); err != nil {
			return o.fail(m, err)
		}
		return nil
	}
}

// rekeying tells with each record whether it has a key, where an operator gave it another type.
func rekeying[K comparable, V any](next Emit[K, V]) Emit[K, V] {
	unkeyed := isNone[K]()
	var scratch Meta
	return func(m *Meta, k K, v V) error {
		scratch = *m
		scratch.NoKey = unkeyed
		return next(&scratch, k, v)
	}
}

// checking holds what comes to an operator with state to the key that was read.
func checking[K comparable, V any](o *Op, port int, in Emit[K, V]) Emit[K, V] {
	kept := keptKeyOf[K](o, port)
	if kept == nil {
		return in
	}
	return func(m *Meta, k K, v V) error {
		if err := kept(k); err != nil {
			return err
		}
		return in(m, k, v)
	}
}

func openStore[K comparable, V any](o *opening, n *node, h Store[K, V]) *KV[K, V] {
	keys, values := o.codecs[K, V](n, h.keys, h.values)
	s := state.NewKV(h.name, keys, flushing[V]{values, o.task.Enter(), int32(n.id)}, o.task.EventTime())
	types := typesOf[K, V]()
	o.task.AddStore(o.keep(s, s.OnDisk, strings.Join([]string{"a table", types, keys.Name(), values.Name()}, ", ")), "a table", o.build.store(n, h.name, types))
	return s
}

// flushing is the codec of a store's values. They are encoded at the end of a round, when another operator was entered
// last: it enters the store's own, for errors.
type flushing[V any] struct {
	codec.Codec[V]
	entered *int32
	id      int32
}

func (c flushing[V]) Append(dst []byte, v V) ([]byte, error) {
	*c.entered = c.id
	return c.Codec.Append(dst, v)
}

const (
	dropNullKey   = engine.DropNullKey
	dropNullValue = engine.DropNullValue
	dropNoWindow  = engine.DropNoWindow
)

// enter returns where an operator notes that it is the one at work, and what it notes.
func (op *Op) enter() (*int32, int32) { return op.o.task.Enter(), int32(op.n.id) }

// early panics once the operator's task is built: what is asked for then would be in no changelog and at no commit.
func (op *Op) early(what string) {
	if *op.o.built {
		panic(fmt.Errorf("%s: ask for it where the operator is built, not where a record is processed: in the function that Process is given, before it returns", what))
	}
}

// drop counts a record that goes no further.
func (op *Op) drop(r engine.Reason) { op.o.task.Drop(r) }

// fail says that the operator could not go on with the record. An error that names an operator already stays as it is.
func (op *Op) fail(m *Meta, err error) error {
	var named *OperatorError
	if errors.As(err, &named) {
		return err
	}
	return &OperatorError{Operator: op.n.String(), At: engine.Origin{Topic: m.Topic, Partition: m.Partition, Offset: m.Offset}, Err: err}
}
