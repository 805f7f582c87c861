package framework

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/internal/engine"
)

// Stream is a stream of records with key K and value V: a handle on a node of the graph. Using it twice branches: every
// branch gets every record, and their errors are joined.
type Stream[K comparable, V any] struct {
	_ [0]func(K, V) // keeps Stream[A, B] from being converted to Stream[C, D]
	n *node
}

// Meta is what travels with a record beside its key and value: Time (event time, ms since the epoch), Headers, where it was
// read (Topic, Partition, Offset), NoKey (it has no key, whatever the key says) and Deleted (a tombstone, whatever the value
// says); Birth and Win belong to watermarks and windows. It belongs to the operator that hands it
// on and is reused: copy what is to be kept.
type Meta = engine.Meta

// Window is a span of event time.
type Window = engine.Window

// Emit hands a record on. It returns when everything downstream is done with the record, with the first reason why
// something was not; an operator returns that error as it is. It is called on the task's goroutine only.
type Emit[K comparable, V any] func(m *Meta, k K, v V) error

// Operator builds an operator for one task: it gets the Emit of what is downstream and returns the Emit that takes its
// input. It runs once for each task, and once when the topology is built, so it has no side effects.
type Operator[K comparable, V any, K2 comparable, V2 any] = func(op *Op, next Emit[K2, V2]) Emit[K, V]

// Then applies a function from stream to stream: what a method of Stream cannot say stands in the chain all the same.
func (s Stream[K, V]) Then[K2 comparable, V2 any](f func(Stream[K, V]) Stream[K2, V2]) Stream[K2, V2] {
	return f(s)
}

// Named gives the node a name for descriptions, logs and errors. All uses of the handle share the node. What stores and
// internal topics are called stays as it is.
func (s Stream[K, V]) Named(name string) Stream[K, V] {
	s.n.label = name
	return s
}

// Codecs sets how keys and values of this stream are encoded where they go through a repartition topic or into a store.
// Without it a codec is inferred from the type.
func (s Stream[K, V]) Codecs(k codec.Codec[K], v codec.Codec[V]) Stream[K, V] {
	s.n.keys, s.n.values = k, v
	return s
}

// apply adds an operator with one input that keeps the key; callers set what else differs.
func apply[K comparable, V any, K2 comparable, V2 any](s Stream[K, V], kind, name string, op Operator[K, V, K2, V2]) Stream[K2, V2] {
	n := s.n.topology.add(kind, name, s.n)
	describe[K2, V2](n)
	n.unkeyed = isNone[K2]()
	n.rekeyed, n.unchecked, n.keys = s.n.rekeyed, s.n.unchecked, s.n.keys
	n.open = func(o *opening) any {
		next := downstream[K2, V2](o, n)
		return op(&Op{o: o, n: n}, next)
	}
	return Stream[K2, V2]{n: n}
}

// opening is the building of one task: the Emits of the nodes opened so far.
type opening struct {
	task  *engine.Task
	build *build
	env   env
	emits []any      // by node
	by    []*opening // that opened it, by node: this one, or that of a stage behind it
	node  *node      // that is being opened, for messages
	cells []any      // *K: where sources note the key that they read
	loops map[*loopUse]*loopQueue
	// counts are where sources of partial results note how many records each is of, by node.
	counts map[int]*int64
	staged bool  // its task is a stage: it has a goroutine of its own
	built  *bool // the task is built: what operators ask for only then is too late
}

// behind returns the opening of a stage of this one's task.
func (o *opening) behind(task *engine.Task) *opening {
	e := o.env
	e.Context = e.Closing // what was taken in is finished
	return &opening{task: task, build: o.build, env: e, emits: o.emits, by: o.by, node: o.node, loops: map[*loopUse]*loopQueue{}, counts: map[int]*int64{}, staged: true, built: o.built}
}

// ports are the Emits of a node that tells its inputs apart, by port.
type ports []any

// emit returns the Emit that the edge leads to, opening its node where it is not open yet.
func (o *opening) emit(e edge) any {
	n := e.to
	if o.emits[n.id] == nil {
		before := o.node
		o.node = n
		o.by[n.id] = o
		o.emits[n.id] = n.open(o)
		o.node = before
	}
	if o.by[n.id] != o && o.build.scratch {
		o.build.meets(n)
	}
	if in, ok := o.emits[n.id].(ports); ok {
		return in[e.port]
	}
	return o.emits[n.id]
}

// downstream returns the Emit that reaches all nodes behind n. They open before n does.
func downstream[K comparable, V any](o *opening, n *node) Emit[K, V] { return fan[K, V](o, n.out) }

// fan returns the Emit that reaches all nodes that edges lead to.
func fan[K comparable, V any](o *opening, edges []edge) Emit[K, V] {
	var outs []Emit[K, V]
	for _, out := range edges {
		if !out.to.dead {
			outs = append(outs, o.emit(out).(Emit[K, V]))
		}
	}
	switch len(outs) {
	case 0:
		return func(*Meta, K, V) error { return nil }
	case 1:
		return outs[0]
	}
	return func(m *Meta, k K, v V) error {
		var errs []error
		for _, out := range outs {
			if err := out(m, k, v); err != nil {
				errs = append(errs, err)
			}
		}
		if len(errs) == 1 {
			return errs[0]
		}
		return errors.Join(errs...)
	}
}

func describe[K comparable, V any](n *node) {
	n.keyType, n.valueType = typeName[K](), typeName[V]()
}

func typeName[T any]() string { return reflect.TypeFor[T]().String() }

func typesOf[K comparable, V any]() string {
	return fmt.Sprintf("[%s, %s]", typeName[K](), typeName[V]())
}

func isNone[K comparable]() bool { return reflect.TypeFor[K]() == reflect.TypeFor[None]() }

// keyCodec returns the codec that was set for K, or the one that its type implies, checked to be one for keys.
func keyCodec[K comparable](set any) (codec.Codec[K], error) {
	c, err := codecOf[K](set)
	if err != nil {
		return nil, err
	}
	if err := codec.Key(c); err != nil {
		return nil, err
	}
	return codec.KeyCodec(c), nil
}

// codecOf returns the codec that was set for T, or the one that its type implies.
func codecOf[T any](set any) (codec.Codec[T], error) {
	if c, ok := set.(codec.Codec[T]); ok {
		return c, nil
	}
	return codec.Infer[T]()
}

// needKey records the fault of a node that needs a key where the stream has none.
func needKey(n, in *node, why, use string) {
	if in.unkeyed {
		n.topology.fault(fmt.Errorf("%s: %s, but the stream of %s has no key: use %s", n, why, in, use))
	}
}

// sources returns the source nodes that reach n without a topic between, by number.
func (n *node) sources() (found []*node) {
	seen := map[*node]bool{}
	var visit func(*node)
	visit = func(n *node) {
		if seen[n] {
			return
		}
		seen[n] = true
		if n.reads != nil {
			found = append(found, n)
		}
		for _, up := range n.in {
			visit(up)
		}
	}
	visit(n)
	slices.SortFunc(found, func(a, b *node) int { return a.id - b.id })
	return found
}
