package framework

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/driver"
	"github.com/millrace/millrace/framework/internal/engine"
)

// env is where a task runs.
type env = driver.TaskEnv

// build is a topology made ready: nodes put into sub-topologies, topics and stores numbered. It is made once, and read
// by all tasks.
type build struct {
	topology *Topology
	app      string
	sub      []int // of each node
	names    []string
	topics   map[*topicUse]int32
	stores   map[string]int32 // store name -> changelog topic
	before   []int64          // by node: ms by which what it is given is behind the task's watermark
	plan     *driver.Plan
	class    []Class         // by node, once tasks were opened
	why      []string        // it is no better, by node
	scratch  bool            // tasks are opened to find stores and faults
	said     map[string]bool // faults of codecs
	faults   []error
}

// Plan checks the topology and makes it ready to run as the named application. All faults are in the error, joined.
// Build and the test driver call it.
func (t *Topology) Plan(app string) (*driver.Plan, error) {
	b := newBuild(t, app)
	b.faults = append(b.faults, t.faults...)
	b.check()
	b.divide()
	b.number()
	b.holdBacks()
	b.open()
	if b.classes(); len(b.faults) > 0 {
		return nil, errors.Join(b.faults...)
	}
	h := fnv.New64a()
	h.Write([]byte(t.Describe().String()))
	b.plan.Hash = h.Sum64()
	b.plan.Build = b.task
	b.plan.Operators = b.operators()
	return b.plan, nil
}

func newBuild(t *Topology, app string) *build {
	return &build{topology: t, app: app, topics: map[*topicUse]int32{}, stores: map[string]int32{}, said: map[string]bool{}, plan: &driver.Plan{App: app}}
}

func (b *build) fault(format string, args ...any) {
	b.faults = append(b.faults, fmt.Errorf(format, args...))
}

// divide puts nodes that are linked by streams into one sub-topology, numbered by their first node.
func (b *build) divide() {
	b.sub = make([]int, len(b.topology.nodes))
	for i := range b.sub {
		b.sub[i] = -1
	}
	subs := 0
	var mark func(n *node, sub int)
	mark = func(n *node, sub int) {
		if b.sub[n.id] >= 0 {
			return
		}
		b.sub[n.id] = sub
		for _, up := range n.in {
			mark(up, sub)
		}
		for _, e := range n.out {
			mark(e.to, sub)
		}
		if n.loop != nil {
			mark(n.loop.head, sub)
			for _, end := range n.loop.ends {
				mark(end, sub)
			}
		}
	}
	for _, n := range b.topology.nodes {
		b.names = append(b.names, n.String())
		if b.sub[n.id] < 0 {
			mark(n, subs)
			subs++
		}
	}
	b.plan.Subs = make([]driver.Sub, subs)
}

// number gives topics their indices and says what sub-topologies read and write.
func (b *build) number() {
	byName := map[string]int32{}
	add := func(u *topicUse, role connector.Role, sub int) int32 {
		name := b.fullName(u)
		at, ok := byName[name]
		if !ok {
			at = int32(len(b.plan.Topics))
			byName[name] = at
			b.plan.Topics = append(b.plan.Topics, driver.Topic{Name: name, Spec: u.spec, Like: -1})
		}
		topic := &b.plan.Topics[at]
		roles := topic.Spec.Role | role
		if u.spec.Partitions > 0 {
			topic.Spec = u.spec
		}
		if role == connector.RoleRepartition {
			topic.Spec = driver.RepartitionSpec(name)
		}
		topic.Spec.Role = roles
		if role == connector.RoleRepartition && topic.Like < 0 {
			topic.Like = sub
		}
		b.topics[u] = at
		return at
	}
	for _, n := range b.topology.nodes { // writers first: a repartition topic is like the sub-topology that writes it
		if n.writes != nil && !n.dead {
			role := connector.RoleSink
			if n.writes.internal {
				role = connector.RoleRepartition
			}
			at := add(n.writes, role, b.sub[n.id])
			b.plan.Topics[at].Partitions = n.writes.partitions
		}
	}
	for _, n := range b.topology.nodes { // after other sinks: files keep their state beside the first one
		if n.dead {
			at := add(n.writes, connector.RoleSink, b.sub[n.id])
			b.plan.Topics[at].Like = b.sub[n.id]
		}
	}
	for _, n := range b.topology.nodes {
		if n.reads == nil {
			continue
		}
		role := connector.RoleSource
		if n.reads.internal {
			role = connector.RoleRepartition
		}
		at := add(n.reads, role, b.sub[n.id])
		if n.reads.input != nil {
			b.plan.Topics[at].Port = n.reads.input.port
		}
		b.plan.Topics[at].Idle = n.reads.source.idle
		b.plan.Topics[at].Disorder = n.reads.source.disorderMs()
		b.plan.Topics[at].Start, b.plan.Topics[at].SkipGap = n.reads.source.start, n.reads.source.gap == Skip
		sub := &b.plan.Subs[b.sub[n.id]]
		sub.Sources = append(sub.Sources, at)
	}
	for _, n := range b.topology.nodes {
		sub := &b.plan.Subs[b.sub[n.id]]
		if n.writes != nil {
			if at := b.topics[n.writes]; b.plan.Topics[at].Spec.Role&(connector.RoleRepartition|connector.RoleSource) != 0 {
				sub.Feeds = append(sub.Feeds, at)
			}
		}
		if n.stateful {
			b.together(sub, n)
		}
		sub.Loops = sub.Loops || n.loop != nil
	}
}

// together notes which sources must be partitioned alike: those that reach an operator that keeps state by key.
func (b *build) together(sub *driver.Sub, n *node) {
	var topics []int32
	for _, source := range n.sources() {
		topics = append(topics, b.topics[source.reads])
		if source.unkeyed {
			sub.Unkeyed = n.String()
		}
	}
	if len(topics) > 1 {
		sub.Together = append(sub.Together, driver.Together{Operator: n.String(), Topics: topics})
	}
}

// open builds one scratch task a sub-topology: operators run, and what they need becomes known.
func (b *build) open() {
	b.scratch = true
	for _, n := range b.topology.nodes {
		n.stores = nil
	}
	for sub := range b.plan.Subs {
		partitions := make([]int32, len(b.plan.Topics))
		for i := range partitions {
			partitions[i] = 1
		}
		_, err := b.task(env{Context: context.Background(), Closing: context.Background(), Sub: sub, Partitions: partitions, Tasks: 1})
		if err != nil {
			b.faults = append(b.faults, err)
		}
	}
	b.scratch = false
}

// task makes a task of a sub-topology.
func (b *build) task(e env) (task *engine.Task, err error) {
	o := &opening{task: engine.NewTask(e.Sub, e.Partition, b.names), build: b, env: e, emits: make([]any, len(b.topology.nodes)), by: make([]*opening, len(b.topology.nodes)), loops: map[*loopUse]*loopQueue{}, counts: map[int]*int64{}, built: new(bool)}
	o.task.Of = e.Tasks
	defer func() {
		if p := recover(); p != nil {
			var refused stateError
			if fault, ok := p.(error); ok && errors.As(fault, &refused) {
				task, err = nil, fmt.Errorf("task %s: operator %s: %w", o.task.ID, o.node, refused.error)
				return
			}
			task, err = nil, fmt.Errorf("task %s: operator %s panicked while it was built: %v", o.task.ID, o.node, p)
		}
	}()
	for _, n := range b.topology.nodes {
		if n.reads == nil || b.sub[n.id] != e.Sub {
			continue
		}
		at := b.topics[n.reads]
		if e.Partition >= e.Partitions[at] {
			continue
		}
		o.node = n
		in := engine.Input{
			Topic: at, Name: b.plan.Topics[at].Name, Partition: e.Partition, Upstream: b.upstream(at, e),
			Disorder: n.reads.source.disorderMs(), Extracts: !n.reads.internal,
		}
		if input := n.reads.input; input != nil {
			in.Receipts, in.Entry = true, input.entry(o, n)
		} else {
			in.Handle = n.source(o)
		}
		o.task.AddInput(in)
	}
	*o.built = true
	return o.task, nil
}

// idles says that some source is left out of the watermark when it is silent.
func (b *build) idles() bool {
	return slices.ContainsFunc(b.plan.Topics, func(t driver.Topic) bool { return t.Idle > 0 })
}

// upstream returns how many tasks write a repartition topic, 0 of another one.
func (b *build) upstream(topic int32, e env) int {
	switch {
	case b.plan.Topics[topic].Spec.Role&connector.RoleRepartition == 0:
		return 0
	case e.TasksOf == nil:
		return int(e.Tasks)
	}
	return int(e.TasksOf[b.plan.Topics[topic].Like])
}

// fullName returns what a topic is called outside of the graph.
func (b *build) fullName(u *topicUse) string {
	if u.internal {
		return b.app + "-" + u.name + "-repartition"
	}
	return u.name
}

// topic returns the index of a topic.
func (b *build) topic(u *topicUse) int32 { return b.topics[u] }

// store returns the index of the changelog of a store. While scratch tasks are opened it makes it.
func (b *build) store(n *node, name, types string) int32 {
	if !b.scratch {
		return b.stores[name]
	}
	if !n.stateful && len(n.stores) == 0 { // a user's operator that turns out to keep state
		b.together(&b.plan.Subs[b.sub[n.id]], n)
		if n.name == "" {
			b.fault("%s%s: it keeps state and needs a name", n, b.after(n))
		}
		if slices.ContainsFunc(n.in, func(up *node) bool { return up.rekeyed }) {
			b.fault("%s: it keeps state by key, and the key changed before it: put Repartition(name) between", n)
		}
	}
	for _, other := range b.topology.nodes {
		for _, s := range other.stores {
			if s.name == name {
				b.fault("%s and %s have a store of the same name %q: each store has its own", other, n, name)
			}
		}
	}
	if err := driver.CheckName(name); err != nil && name != n.name {
		b.fault("%s: name of its store: %w", n, err)
	}
	n.stores = append(n.stores, &storeUse{name: name, types: types})
	at := int32(len(b.plan.Topics))
	full := b.app + "-" + name + "-changelog"
	b.plan.Topics = append(b.plan.Topics, driver.Topic{Name: full, Spec: driver.ChangelogSpec(full), Like: b.sub[n.id]})
	b.plan.Subs[b.sub[n.id]].Stores = append(b.plan.Subs[b.sub[n.id]].Stores, at)
	b.stores[name] = at
	return at
}

// codecs returns the codecs of an internal topic; what is wrong with them is a fault of the build.
func (o *opening) codecs[K comparable, V any](n *node, keys, values any) (codec.Codec[K], codec.Codec[V]) {
	k, err := keyCodec[K](keys)
	if err != nil {
		o.build.faultOnce(n, "keys", err)
		k = broken[K](err)
	}
	v, err := codecOf[V](values)
	if err != nil {
		o.build.faultOnce(n, "values", err)
		v = broken[V](err)
	}
	return k, v
}

// broken stands in for a codec that there is none of, so that the build can go on and find other faults.
func broken[T any](err error) codec.Codec[T] {
	return codec.New("none",
		func(dst []byte, _ T) ([]byte, error) { return dst, err },
		func([]byte) (v T, _ error) { return v, err })
}

// connector returns the factory of the graph's topics.
func (t *Topology) factory() connector.Factory {
	for _, n := range t.nodes {
		for _, u := range []*topicUse{n.reads, n.writes} {
			if u != nil && !u.internal {
				return u.factory
			}
		}
	}
	return connector.Factory{}
}
