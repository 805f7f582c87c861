package simulation_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/driver"
	"github.com/millrace/millrace/framework/internal/engine"
	"github.com/millrace/millrace/framework/state/disk"
)

// mode is what happens to instances.
type mode int8

const (
	// graceful: tasks move and instances restart when all that they did is committed.
	graceful mode = iota
	// aborts: what an instance wrote since its last commit, with its positions, is undone at any moment.
	aborts
	// crashes: an instance is gone at any moment, and what it wrote since its last commit is there.
	crashes
	// torn: likewise, and of what was on its way to the brokers some is there and some is not, in each partition a beginning.
	torn
)

func (m mode) String() string { return [...]string{"graceful", "aborts", "crashes", "torn"}[m] }

// exact says that nothing is repeated.
func (m mode) exact() bool { return m == graceful || m == aborts }

// schedule is how a run differs from another one of the same input.
type schedule struct {
	mode      mode
	inner     int32 // partitions of repartition topics; 0: as many as tasks before them
	instances int
	combine   int64
	most      int  // records of a step
	byTime    bool // the input whose head is the earliest goes first
	every     int64
	stir      int   // how often something happens to an instance, of 1000
	aside     bool  // windows that nothing is to be done about are never in memory
	memory    int64 // or as many of them as there is memory for, bytes for all stores
	// plantTime is a bug: source partitions keep over an abort the times that they had come to.
	plantTime bool
	// plantOrder is a bug: what changed in stores is written beside what was made of it.
	plantOrder bool
}

// world is an application on its topics.
type world struct {
	graph     *graph
	schedule  schedule
	folder    *disk.DB // where windows are put aside; nil: nowhere
	rng       *rand.Rand
	layout    *driver.Layout
	logs      [][]*partitionLog // by topic, partition
	tasks     []*task
	instances []*instance
	now       int64
	steps     int
	watch     watch
	hits      map[string]int
	wrong     []string
}

// instance is a process.
type instance struct {
	open    []*entry // of its transaction
	touched map[*partitionLog]bool
}

// task is a task wherever it runs.
type task struct {
	*engine.Task
	world     *world
	sub       int
	partition int32
	at        *instance
	committed []connector.Position // by input
	settled   []connector.Position // at the last flush
	ended     bool                 // it had come to the end of what it reads at the last flush
	finished  bool                 // likewise, when its positions were committed last
	drops     [engine.Reasons]int64
	arenas    engine.Pool
	seen      seen

	// Where a crash tears what is on its way: what changed in stores, which is written when what was made of it is acknowledged.
	stores  []int32    // changelog topics, those behind first
	changed [][]change // in this round, by store
	kept    [][]change // of rounds that ended, in the order in which it is written
}

// change is a record for a changelog.
type change struct {
	topic int32
	r     connector.Record
}

func newWorld(g *graph, in input, s schedule, rng *rand.Rand) *world {
	w := &world{graph: g, schedule: s, rng: rng, hits: map[string]int{}, now: 1e18}
	switch {
	case s.memory > 0:
		w.folder = newFolder(s.memory)
	case s.aside:
		w.folder = <-folders()
	}
	partitions := make([]int32, len(g.plan.Topics))
	g.plan.Repartitions = s.inner
	for i, t := range g.plan.Topics {
		if t.Spec.Role&connector.RoleSource != 0 {
			partitions[i] = int32(len(in[w.source(i)]))
		} else if !t.Spec.Role.Internal() {
			partitions[i] = 2
		}
	}
	var err error
	if w.layout, err = driver.LayOut(g.plan, partitions); err != nil {
		panic(err)
	}
	for i, n := range w.layout.Partitions {
		logs := make([]*partitionLog, n)
		for p := range logs {
			logs[p] = &partitionLog{}
			if g.plan.Topics[i].Spec.Role&connector.RoleSource != 0 {
				for _, v := range in[w.source(i)][p] {
					logs[p].add(g.record(v, rng), -1, written)
				}
			}
		}
		w.logs = append(w.logs, logs)
	}
	w.watch = newWatch(w)
	for range s.instances {
		w.instances = append(w.instances, &instance{touched: map[*partitionLog]bool{}})
	}
	for sub, n := range w.layout.Tasks {
		for p := range n {
			t := &task{world: w, sub: sub, partition: p, at: w.instances[rng.IntN(s.instances)]}
			w.tasks = append(w.tasks, t)
			w.start(t)
		}
	}
	return w
}

// folders has folders without memory for entries of stores, one for each world that runs.
var folders = sync.OnceValue(func() chan *disk.DB {
	all := make(chan *disk.DB, 16)
	for range cap(all) {
		all <- newFolder(0)
	}
	return all
})

func newFolder(memory int64) *disk.DB {
	db, err := disk.Open("state", disk.Options{App: "simulation", FS: vfs.NewMem(), MemoryBytes: memory})
	if err != nil {
		panic(err)
	}
	return db
}

// end gives the folder back.
func (w *world) end() {
	switch {
	case w.folder == nil:
	case w.schedule.memory == 0:
		folders() <- w.folder
	default:
		if err := w.folder.Close(); err != nil {
			panic(err)
		}
	}
}

// source returns which of the input's topics a topic is.
func (w *world) source(topic int) (n int) {
	if _, err := fmt.Sscanf(w.graph.plan.Topics[topic].Name, "in%d", &n); err != nil {
		panic(err)
	}
	return n
}

// record is how a value stands in a source topic.
func (g *graph) record(v int64, rng *rand.Rand) connector.Record {
	value, err := codec.Int64.Append(nil, v)
	if err != nil {
		panic(err)
	}
	r := connector.Record{Time: timeIn(v), Key: []byte(keyOf(v)), Value: value}
	if g.inValues {
		r.Time = rng.Int64N(1e6)
	}
	return r
}

// start makes a task where its positions are committed.
func (w *world) start(t *task) {
	env := driver.TaskEnv{
		Context: context.Background(), Closing: context.Background(), Sub: t.sub, Partition: t.partition,
		Partitions: w.layout.Partitions, Tasks: w.layout.Tasks[t.sub], TasksOf: w.layout.Tasks, Combine: w.schedule.combine, Disk: w.folder,
	}
	inner, err := w.graph.plan.Build(env)
	if err != nil {
		panic(err)
	}
	if t.Task != nil {
		_, drops := t.Counts()
		for r, n := range drops {
			t.drops[r] += n
		}
	}
	t.Task, t.ended, t.finished = inner, false, false
	inner.ControlEvery = w.schedule.every
	inner.Clock(w.now)
	t.Begin(t.arenas.NewArena())
	w.begin(inner.Stages())
	first := t.committed == nil
	for i, in := range inner.Inputs() {
		if first {
			t.committed = append(t.committed, connector.Position{Partition: connector.Partition{Topic: in.Topic, Partition: in.Partition}})
		}
		times, err := engine.DecodeTimes(t.committed[i].Metadata)
		if err != nil {
			panic(err)
		}
		t.Seek(i, t.committed[i].Offset, times)
	}
	t.settled = append(t.settled[:0], t.committed...)
	t.stores, t.changed, t.kept = nil, nil, nil
	inner.Stores(func(s engine.Store, topic int32) {
		t.stores, t.changed = append(t.stores, topic), append(t.changed, nil)
		entries := w.logs[topic][t.partition].content()
		if w.rng.IntN(2) == 0 {
			entries = compacted(entries, w.rng.IntN(2) == 0)
		}
		for _, e := range entries {
			r := clone(e.r)
			if err := inner.Restore(topic, r.Key, r.Value, r.Time); err != nil {
				w.fault("restore store %s of task %s: %v", s.Name(), t.ID, err)
			}
			poison(r)
		}
	})
	w.watch.started(t)
}

func (w *world) begin(stages []*engine.Stage) {
	for _, s := range stages {
		s.ControlEvery = w.schedule.every
		s.Begin(new(engine.Pool).NewArena())
		w.begin(s.Stages())
	}
}

func (w *world) fault(format string, args ...any) {
	w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
}

var errEndless = errors.New("it does not come to its end")

// run lets the world go on until all is done.
func (w *world) run() error {
	for ; len(w.wrong) == 0; w.steps++ {
		if w.steps > 200_000 {
			return fmt.Errorf("%w: %s", errEndless, w.where())
		}
		if w.over() {
			return nil
		}
		t := w.tasks[w.rng.IntN(len(w.tasks))]
		if err := w.turn(t); err != nil {
			return fmt.Errorf("task %s: %w", t.ID, err)
		}
		if w.steps < 1000 && w.rng.IntN(1000) < w.schedule.stir {
			if err := w.stir(t); err != nil {
				return fmt.Errorf("task %s: %w", t.ID, err)
			}
		}
	}
	return nil
}

// where says what the tasks wait for that are not done.
func (w *world) where() (text string) {
	for _, t := range w.tasks {
		if t.finished || len(text) > 1000 {
			continue
		}
		text += fmt.Sprintf("\n%s: watermark %d, ended %t, holding %t, closing %t, looping %t, idle %t", t.ID, t.Watermark(), t.Ended(), t.Holding(), t.Closing(), t.Looping(), idle(t.Task))
		for i, in := range t.Inputs() {
			text += fmt.Sprintf(", %s/%d is read to %d of %d and committed to %d, watermark %d", in.Name, in.Partition, in.Position(), len(w.log(in).entries), t.committed[i].Offset, in.Watermark())
		}
	}
	return text
}

func (w *world) log(in *engine.Input) *partitionLog { return w.logs[in.Topic][in.Partition] }

// turn lets a task do a little.
func (w *world) turn(t *task) error {
	switch n := w.rng.IntN(20); {
	case n < 14:
		return w.work(t)
	case n < 17:
		return w.flush(t)
	case n < 18:
		w.now += w.rng.Int64N([]int64{20e6, 200e6, 2e9}[w.rng.IntN(3)])
		return w.work(t)
	}
	return w.commit(t.at, false)
}

// work is timers, what stages do, what is due, or a step.
func (w *world) work(t *task) error {
	t.Clock(w.now)
	if t.Wake() <= w.now {
		if err := t.Tick(w.now); err != nil {
			return err
		}
	}
	if err := w.stages(t.Task, false); err != nil {
		return err
	}
	if t.Looping() {
		if err := t.Pump(); err != nil {
			return err
		}
	} else if !t.Blocked() {
		if err := w.step(t); err != nil {
			return err
		}
	}
	if w.rng.IntN(2) == 0 {
		w.write(t)
	}
	if w.schedule.mode == torn && w.rng.IntN(3) == 0 {
		w.progress(t.at)
	}
	return t.Err()
}

// step gives a task records of one input, and says what has ended.
func (w *world) step(t *task) error {
	best, entries := -1, []*entry(nil)
	for i, in := range t.Inputs() {
		log := w.log(in)
		if in.Upstream == 0 && int(in.Position()) == len(log.entries) {
			if in.Watermark() != engine.EndOfInput {
				t.SetEnd(i)
			}
			continue
		}
		found := log.from(in.Position(), 1+w.rng.IntN(w.schedule.most))
		if len(found) == 0 {
			continue
		}
		if best < 0 || w.schedule.byTime && found[0].r.Time < entries[0].r.Time || !w.schedule.byTime && w.rng.IntN(2) == 0 {
			best, entries = i, found
		}
	}
	if best < 0 {
		return nil
	}
	records := make([]connector.Record, len(entries))
	for i, e := range entries {
		records[i] = clone(e.r)
	}
	from := t.Inputs()[best].Position()
	n, err := t.Step(best, records)
	w.watch.read(t, best, from, entries[:n])
	for _, r := range records {
		poison(r)
	}
	return err
}

// stages lets the stages behind a task do a little, or, all: all that they can.
func (w *world) stages(t *engine.Task, all bool) error {
	for _, s := range t.Stages() {
		for more := true; more; more = all && more {
			more = false
			s.Clock(w.now)
			if s.Task.Wake() <= w.now {
				if err := s.Tick(w.now); err != nil {
					return err
				}
			}
			if s.Looping() {
				more = true
				if err := s.Pump(); err != nil {
					return err
				}
			}
			if err := w.stages(s.Task, all); err != nil {
				return err
			}
			if !s.Blocked() && s.Next() {
				more = true
			}
			if s.Err() != nil {
				return s.Err()
			}
		}
		if !all && w.rng.IntN(3) > 0 {
			continue
		}
		if err := s.Flush(); err != nil {
			return err
		}
		ready := s.Ready()
		t.Adopt(ready.Changelog, ready.Outputs)
		s.Done()
		s.Arena().Release()
		s.Begin(new(engine.Pool).NewArena())
		t.Dropped(s.Dropped())
		s.Finish(s.Finished())
	}
	return t.Err()
}

// write puts what a task has ready into the logs.
func (w *world) write(t *task) {
	ready := t.Ready()
	for _, o := range ready.Outputs {
		w.put(t, o.Topic, o.Partition, recordOf(o))
	}
	for _, o := range ready.Changelog {
		if w.schedule.mode == torn && !w.schedule.plantOrder {
			depth := slices.Index(t.stores, o.Topic)
			t.changed[depth] = append(t.changed[depth], change{o.Topic, recordOf(o)})
		} else {
			w.put(t, o.Topic, o.Partition, recordOf(o))
		}
	}
	t.Done()
}

func recordOf(o connector.Out) connector.Record {
	return clone(connector.Record{Time: o.Time, Key: o.Key, Value: o.Value, Headers: o.Headers})
}

func (w *world) put(t *task, topic, partition int32, r connector.Record) {
	log := w.logs[topic][partition]
	state := written
	if w.schedule.mode == aborts || w.schedule.mode == torn {
		state = pending
	}
	e := log.add(r, t.partition, state)
	w.watch.wrote(t, topic, partition, e)
	if state == pending {
		t.at.open = append(t.at.open, e)
		t.at.touched[log] = true
	}
}

// flush ends a task's round.
func (w *world) flush(t *task) error {
	if err := t.Flush(); err != nil {
		return err
	}
	w.write(t)
	t.Arena().Release()
	t.Begin(t.arenas.NewArena())
	for depth, changes := range t.changed {
		t.kept, t.changed[depth] = append(t.kept, changes), nil
	}
	for i := range t.settled {
		t.settled[i] = t.PositionOf(i)
	}
	t.ended = t.Ended() && !t.Holding() && idle(t.Task)
	w.watch.flushed(t)
	return nil
}

// commit commits what an instance's tasks have settled. Where an abort undoes all since the last one it ends their rounds, and nothing may be
// held back: must hands that on.
func (w *world) commit(at *instance, must bool) error {
	for _, t := range w.tasks {
		if t.at != at {
			continue
		}
		if must {
			if err := w.drain(t); err != nil {
				return err
			}
		} else if w.schedule.mode == aborts {
			if t.Holding() || t.Looping() || !idle(t.Task) {
				return nil
			}
		}
	}
	for _, t := range w.tasks {
		if t.at == at && (must || w.schedule.mode == aborts) {
			if err := w.flush(t); err != nil {
				return err
			}
		}
	}
	if w.schedule.mode == aborts {
		for _, t := range w.tasks {
			if t.at == at && (t.Holding() || !idle(t.Task)) {
				return nil // the flush gave it something to hold
			}
		}
	}
	w.acknowledge(at)
	for _, t := range w.tasks {
		if t.at == at {
			copy(t.committed, t.settled)
			t.finished = t.finished || t.ended
			w.watch.committed(t)
		}
	}
	w.hits["commit"]++
	return nil
}

// acknowledge lets all that an instance wrote be there, and writes what waits for that.
func (w *world) acknowledge(at *instance) {
	for more := true; more; {
		more = w.progress(at)
	}
}

// progress lets all that an instance wrote be there, and writes the next of what waits for that. false: that was all.
func (w *world) progress(at *instance) (more bool) {
	for _, e := range at.open {
		e.state = written
	}
	w.closeTransaction(at)
	for _, t := range w.tasks {
		if t.at != at || len(t.kept) == 0 {
			continue
		}
		for _, c := range t.kept[0] {
			w.put(t, c.topic, t.partition, c.r)
		}
		t.kept = t.kept[1:]
		more = true
	}
	return more
}

func (w *world) closeTransaction(at *instance) {
	for log := range at.touched { // the order does not matter: each log gets one
		if w.schedule.mode == aborts {
			log.marker()
		}
	}
	clear(at.touched)
	at.open = at.open[:0]
}

// tear loses some of what an instance has on its way.
func (w *world) tear(at *instance) {
	ends := map[*partitionLog]bool{}
	for _, e := range at.open {
		if !ends[e.in] && w.rng.IntN(4) == 0 {
			ends[e.in] = true
			w.hits["lost"]++
		}
		if e.state = written; ends[e.in] {
			e.state = aborted
		}
	}
	w.closeTransaction(at)
}

// idle says that nothing is left in the stages behind a task.
func idle(t *engine.Task) bool {
	for _, s := range t.Stages() {
		if !s.Empty() || !idle(s.Task) {
			return false
		}
	}
	return true
}

// drain lets a task hand on what it holds back.
func (w *world) drain(t *task) error {
	for range 20 {
		if err := t.Drain(); err != nil {
			return err
		}
		if err := w.stages(t.Task, true); err != nil {
			return err
		}
		if err := w.drainStages(t.Task); err != nil {
			return err
		}
		w.write(t)
		if idle(t.Task) && !t.Holding() {
			return nil
		}
	}
	return fmt.Errorf("it cannot be drained: holding %t, idle %t", t.Holding(), idle(t.Task))
}

func (w *world) drainStages(t *engine.Task) error {
	for _, s := range t.Stages() {
		if err := s.Drain(); err != nil {
			return err
		}
		if err := w.drainStages(s.Task); err != nil {
			return err
		}
	}
	return w.stages(t, true)
}

// stir lets something happen to a task or its instance.
func (w *world) stir(t *task) error {
	w.hits[w.schedule.mode.String()]++
	switch {
	case w.schedule.mode.exact() && w.rng.IntN(10) == 0:
		return w.wipe(t)
	case w.schedule.mode == graceful || w.rng.IntN(3) == 0:
		return w.leave(t)
	case w.schedule.mode == aborts:
		w.abort(t.at)
	default:
		w.tear(t.at)
		w.crash(t.at)
	}
	return nil
}

// leave moves a task, or restarts an instance, with all committed.
func (w *world) leave(t *task) error {
	at := t.at
	before := w.hits["commit"]
	if err := w.commit(at, true); err != nil {
		return err
	}
	if w.hits["commit"] == before {
		w.hits["refused"]++ // not now: what a flush gave an operator is held
		return nil
	}
	if w.rng.IntN(3) > 0 {
		w.hits["move"]++
		t.at = w.instances[w.rng.IntN(len(w.instances))]
		w.start(t)
		return nil
	}
	w.hits["restart"]++
	for _, t := range w.tasks {
		if t.at == at {
			t.at = w.instances[w.rng.IntN(len(w.instances))]
			w.start(t)
		}
	}
	return nil
}

// wipe restarts all instances, with all committed, after the times were lost that were committed with a task's offsets: as where an
// operator set the offsets of a group. Those of sources are part of the input.
func (w *world) wipe(t *task) error {
	for _, at := range w.instances {
		before := w.hits["commit"]
		if err := w.commit(at, true); err != nil {
			return err
		}
		if w.hits["commit"] == before {
			return nil // not now
		}
	}
	for i, in := range t.Inputs() {
		if in.Upstream > 0 {
			t.committed[i].Metadata = ""
			w.hits["wiped"]++
		}
	}
	for _, t := range w.tasks {
		w.start(t)
	}
	return nil
}

func (w *world) abort(at *instance) {
	for _, e := range at.open {
		e.state = aborted
	}
	w.closeTransaction(at)
	w.watch.aborted(at)
	for _, t := range w.tasks {
		if t.at != at || !w.schedule.plantTime {
			continue
		}
		for i, in := range t.Inputs() {
			if in.Upstream == 0 {
				t.committed[i].Metadata = engine.Times{At: []int64{in.Time()}}.Encode()
			}
		}
	}
	w.crash(at)
}

func (w *world) crash(at *instance) {
	for _, t := range w.tasks {
		if t.at == at {
			w.start(t)
		}
	}
}

// over says that all tasks have come to the end of what they read. What moved meanwhile hears of it once more.
func (w *world) over() bool {
	for _, t := range w.tasks {
		if !t.finished {
			return false
		}
	}
	return true
}
