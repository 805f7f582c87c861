// Package engine is the pure part of a stream application: tasks that take fetched records and say what is to be
// written and committed. It starts no goroutine, reads no clock and does no input or output, so that the same events
// give the same bytes; a test holds its imports to that.
package engine

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/millrace/millrace/framework/connector"
)

// Task is one sub-topology over one partition number of its sources: the unit that is assigned, restored and moved.
// One goroutine at a time uses it.
//
// A task is filled by the operators when they open (Input, OnFlush, AddStore), then driven:
// Step with fetched records, Flush at the end of a round, Ready for what is to be done, Done once it is taken.
type Task struct {
	ID        string // <sub-topology>_<partition>
	Partition int32

	inputs  []*Input
	flushes []func() error // in the order of opening, downstream first; run in reverse
	drains  []func() error // likewise
	stores  []*boundStore
	stages  []*Stage
	timers  []*Timer
	gates   []func() bool // say true while no more records are to come
	loops   []Loop
	behind  bool  // it is a stage's
	now     int64 // wall clock, ns

	// Of is how many tasks the sub-topology has, for those downstream.
	Of int32
	// ControlEvery is the time between two control records to a partition, ns.
	ControlEvery int64

	watchers  []*Watcher // in the order of opening, downstream first
	watermark int64      // reached
	due       int64      // no operator is due before the watermark reaches it
	closing   bool       // an operator that is due has not handed on all
	lags      bool       // the watermark is behind what the inputs allow, since an operator waited
	sought    bool       // inputs were set, and the watermark follows before the next record
	reaching  bool       // it is handing on
	feeds     []*feed
	telling   int64
	told      int64 // control records written

	arena     *Arena
	outputs   []connector.Out
	changelog []connector.Out

	operator  int32    // the operator that was entered last, for errors; index into operators
	operators []string // names by node
	current   *Meta    // of the record in process
	time      int64    // its event time, for stores

	drops    [Reasons]int64
	records  int64 // taken in
	failed   error
	flushing bool

	rounds     int64   // flushes
	heldRounds []*held // of flushes, oldest first
	heldRound  *held   // of the running flush
}

// Input is one source partition of a task.
type Input struct {
	Topic     int32  // index
	Name      string // of the topic
	Partition int32
	Disorder  int64 // allowed disorder, ms
	Handle    func(m *Meta, r *connector.Record) error
	// Extracts: the event time comes from the value. Handle tells it by Timed; a record that it does not tell of has none.
	Extracts bool
	// Entry takes the record that whoever emits has put where it looks, in the place of Handle.
	Entry func(m *Meta) error
	// Receipts: somebody waits for each record, and is told its error; the task goes on.
	Receipts bool
	Failed   func(place int64, err error) // is told of a record that was held; nil: Await's function is
	// Upstream is how many tasks write the repartition topic; 0: it is a source.
	Upstream int
	// EndsFrom is the offset from which on it counts that an upstream task has ended: what lies before may be another run's.
	EndsFrom int64

	position int64 // the next offset to read
	time     int64 // partition time: highest event time read, NoTime before the first
	front    *frontier
	idle     bool
	ended    bool
	behind   bool   // it is a stage's: the task in front gives the watermark
	given    int64  // by it
	current  int64  // place of the record in process
	before   Moment // before it
	flushed  position
	held     []*held // by place
	keeping  int     // of them, that the watermark waits for
	err      error   // of what was held and released while the record was taken
	meta     Meta
}

// NewTask returns a task without inputs. operators are the names of the nodes by number.
func NewTask(sub int, partition int32, operators []string) *Task {
	return &Task{ID: fmt.Sprintf("%d_%d", sub, partition), Partition: partition, Of: 1, operators: operators, operator: -1, watermark: NoTime, due: Never, telling: Never}
}

// AddInput gives the task an input and returns its index.
func (t *Task) AddInput(in Input) int {
	in.time, in.given = NoTime, NoTime
	if in.Upstream > 0 {
		in.front = newFrontier(in.Upstream)
	}
	t.inputs = append(t.inputs, &in)
	return len(t.inputs) - 1
}

// OnFlush registers what is to run at each flush. Downstream opens first: hooks run in reverse order of
// registration, which is upstream first, so that what one emits passes the next.
func (t *Task) OnFlush(f func() error) { t.flushes = append(t.flushes, f) }

// change returns a change of a store for its changelog.
func (t *Task) change(topic int32, key, value []byte, time int64) connector.Out {
	out := connector.Out{Topic: topic, Partition: t.Partition, Time: time, Key: key}
	if value != nil {
		out.Value = t.arena.Copy(value)
	}
	return out
}

// Enter returns what an operator writes its number to before it calls a user's function,
// so that a panic is reported with its name.
func (t *Task) Enter() *int32 { return &t.operator }

// EventTime returns where stores read the event time of the record in process.
func (t *Task) EventTime() *int64 { return &t.time }

// Arena returns the arena of the running round.
func (t *Task) Arena() *Arena { return t.arena }

// Emit adds a record to the outputs. Its bytes stay as they are until the round is acknowledged: they come from Arena.
func (t *Task) Emit(o connector.Out) { t.outputs = append(t.outputs, o) }

// Adopt adds what a stage made. Its bytes are copied.
func (t *Task) Adopt(changelog, outputs []connector.Out) {
	for _, o := range changelog {
		t.changelog = append(t.changelog, t.own(o))
	}
	for _, o := range outputs {
		t.outputs = append(t.outputs, t.own(o))
	}
}

func (t *Task) own(o connector.Out) connector.Out {
	if o.Key != nil {
		o.Key = t.arena.Copy(o.Key)
	}
	if o.Value != nil {
		o.Value = t.arena.Copy(o.Value)
	}
	headers := o.Headers
	o.Headers = nil
	for _, h := range headers {
		if h.Value != nil {
			h.Value = t.arena.Copy(h.Value)
		}
		o.Headers = append(o.Headers, h)
	}
	return o
}

// Flushing says that no record is being processed: the end of a round is being made, or the watermark passes a time.
func (t *Task) Flushing() bool { return t.flushing || t.reaching }

// Drop counts a record that goes no further.
func (t *Task) Drop(r Reason) { t.drops[r]++ }

// Dropped counts what a stage dropped.
func (t *Task) Dropped(drops [Reasons]int64) {
	for reason, n := range drops {
		t.drops[reason] += n
	}
}

// Begin starts a round, whose outputs live in the arena.
func (t *Task) Begin(a *Arena) { t.arena = a }

// Seek sets where an input stands: the next offset to read and the operator time committed with it.
func (t *Task) Seek(input int, offset int64, times Times) {
	in := t.inputs[input]
	in.position, in.time = offset, NoTime
	switch {
	case in.Upstream > 0:
		in.front = in.front.restored(times)
	case len(times.At) == 1:
		in.time = times.At[0]
	}
	in.flushed = position{offset, in.now()}
	t.sought = true // what stores have that is due comes before the watermark passes it: they are restored later
}

// Step processes records of one input in order and returns how many it took. Records below the position are skipped:
// they were processed before. It stops before the end where an operator wants no more (Blocked). After an error the task
// takes nothing more; the position is that of the record that caused it.
func (t *Task) Step(input int, records []connector.Record) (n int, err error) {
	if t.failed != nil {
		return 0, t.failed
	}
	in := t.inputs[input]
	defer func() {
		if p := recover(); p != nil {
			err = t.fail(&OperatorError{Err: panicError(p), Stack: string(debug.Stack())})
		}
	}()
	if t.sought {
		if t.sought = false; t.pause() {
			return 0, t.failed
		}
	}
	m := &in.meta
	t.current = m
	for n < len(records) {
		r := &records[n]
		if r.Control || r.Offset < in.position {
			in.position = max(in.position, r.Offset+1)
			n++
			continue
		}
		m.begin(in, r)
		if in.Upstream > 0 && len(r.Headers) > 0 {
			control, err := t.reserved(in, m, r)
			if err != nil {
				return n, t.fail(err)
			}
			if control {
				if n++; t.pause() {
					return n, t.failed
				}
				continue
			}
		}
		t.time, in.current, in.before, in.idle = r.Time, r.Offset, in.now(), false
		if r.Time >= 0 && !in.Extracts { // else it has none, or none yet
			in.time = max(in.time, r.Time)
		}
		if err := in.Handle(m, r); err != nil {
			return n, t.fail(err)
		}
		in.position = r.Offset + 1
		t.records++
		n++
		if t.pause() {
			return n, t.failed
		}
	}
	return n, nil
}

// pause does what is to be done between two records, and says whether the next one must wait.
func (t *Task) pause() bool {
	if t.gates != nil || t.loops != nil {
		t.pump()
	}
	t.advance()
	return t.failed != nil || t.closing || (t.gates != nil || t.loops != nil) && t.Blocked()
}

// reserved sees to the reserved header of a record of a repartition topic: control is a watermark, else data carries it.
func (t *Task) reserved(in *Input, m *Meta, r *connector.Record) (control bool, err error) {
	if !IsControl(r) {
		return false, m.carried()
	}
	if err := in.hear(r); err != nil {
		return true, err
	}
	in.position = r.Offset + 1
	return true, nil
}

// Take processes one record that is typed already: what was emitted into the task, or passed through a queue. of is copied
// for it. An error of a record for whose receipt somebody waits is only returned: the task goes on.
func (t *Task) Take(input int, of *Meta, handle func(m *Meta) error) (err error) {
	if t.failed != nil {
		return t.failed
	}
	in := t.inputs[input]
	m := &in.meta
	*m = *of
	m.input, m.held = in, nil
	t.current, t.time = m, m.Time
	in.current, in.before, in.err = in.position, in.now(), nil
	in.time = max(in.time, m.Time)
	in.position++
	t.records++
	if err := t.called(handle, m); err != nil {
		err = t.complete(err)
		if !in.Receipts {
			t.failed = err
			return err
		}
		in.err = JoinErrors(in.err, err)
	}
	t.pause()
	return JoinErrors(in.err, t.failed)
}

// Timed says that the record just read, whose input extracts its times, has that event time, ms.
func (t *Task) Timed(m *Meta, at int64) {
	m.Time, t.time = at, at
	m.input.time = max(m.input.time, at)
}

// called calls a function of the graph and makes an error of its panic.
func (t *Task) called(handle func(m *Meta) error, m *Meta) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &OperatorError{Err: panicError(p), Stack: string(debug.Stack())}
		}
	}()
	return handle(m)
}

// guarded is called for what no record causes; its error fails the task.
func (t *Task) guarded(f func() error) error {
	if err := t.called(func(*Meta) error { return f() }, nil); err != nil {
		return t.fail(err)
	}
	t.pause()
	return t.failed
}

// Birth returns the watermark of the partition: what a record that comes now is late by, ms.
func (in *Input) Birth() int64 {
	if in.time == NoTime {
		return NoTime
	}
	return in.time - in.Disorder
}

// Flush ends a round: what operators kept back for it is emitted, upstream first, then the changes of the stores go
// to their changelogs. After it the positions stand for all that was made of the records below them.
//
// Where somebody waits for the receipt of each record, an error is only returned, and what else is to be done is done.
func (t *Task) Flush() (err error) {
	if t.failed != nil {
		return t.failed
	}
	if !t.Closing() {
		t.advance() // an operator may have let go of a record that the watermark waited for
	}
	t.flushing = true
	for i := len(t.flushes) - 1; i >= 0 && (err == nil || t.forgiving()); i-- {
		err = JoinErrors(err, t.called(func(*Meta) error { return t.flushes[i]() }, nil))
	}
	if err == nil || t.forgiving() {
		err = JoinErrors(err, t.called(func(*Meta) error { return t.log() }, nil))
	}
	if err != nil {
		err = t.complete(err) // names no record
		if !t.forgiving() {
			t.failed = err
		}
	}
	t.flushing, t.heldRound = false, nil
	t.rounds++
	if t.failed == nil {
		t.tell()
		for _, in := range t.inputs {
			in.flushed = position{in.position, in.now()}
		}
	}
	return err
}

// Unflushed says that a flush has something to do, or something is ready.
func (t *Task) Unflushed() bool {
	return len(t.flushes)+len(t.stores)+len(t.outputs)+len(t.changelog)+len(t.feeds) > 0
}

// forgiving says that somebody waits for the receipt of each record that the task takes.
func (t *Task) forgiving() bool {
	for _, in := range t.inputs {
		if !in.Receipts {
			return false
		}
	}
	return !t.behind && len(t.inputs) > 0
}

// Ready is what is to be done, in the order that makes it safe: the outputs are written; when they are acknowledged the changelog
// is, each topic after those of the stores behind it, as Stores orders them; when all of it is acknowledged, and only after a Flush,
// the positions may be committed. What is written as one needs no order.
type Ready struct {
	Outputs   []connector.Out
	Changelog []connector.Out
}

// Ready returns what has come together since Done. It is valid until Done.
func (t *Task) Ready() Ready { return Ready{t.outputs, t.changelog} }

// Done says that the caller has taken what Ready returned.
func (t *Task) Done() {
	clear(t.outputs)
	clear(t.changelog)
	t.outputs, t.changelog = t.outputs[:0], t.changelog[:0]
}

// PositionOf returns what may be committed of one input since the last flush.
func (t *Task) PositionOf(input int) connector.Position {
	in := t.inputs[input]
	offset, at := t.Committable(input)
	return connector.Position{
		Partition: connector.Partition{Topic: in.Topic, Partition: in.Partition},
		Offset:    offset,
		Metadata:  at.Metadata(nil),
	}
}

// Metadata returns what is committed with an offset by a task that writes these topics of the application's own, by TopicHash.
func (m Moment) Metadata(own []uint32) string {
	times := Times{At: []int64{m.time}}
	if m.front != nil {
		times = m.front.times()
	}
	times.Own = own
	return times.Encode()
}

// Operator returns the name of the operator that was entered last.
func (t *Task) Operator() string {
	if t.operator < 0 {
		return "(source)"
	}
	return t.operators[t.operator]
}

// OperatorName returns the name of a node.
func (t *Task) OperatorName(node int32) string { return t.operators[node] }

// Inputs returns the task's inputs.
func (t *Task) Inputs() []*Input { return t.inputs }

// Position returns the next offset that the input will read.
func (in *Input) Position() int64 { return in.position }

// Time returns the input's partition time.
func (in *Input) Time() int64 { return in.time }

// Counts returns the records taken in and the drops by reason since the task was made.
func (t *Task) Counts() (records int64, drops [Reasons]int64) { return t.records, t.drops }

// fail completes an error and keeps it: a failed task takes no more records.
func (t *Task) fail(err error) error {
	t.failed = t.complete(err)
	return t.failed
}

// Err returns the error that failed the task.
func (t *Task) Err() error { return t.failed }

// complete gives an error operator and origin where it has none.
func (t *Task) complete(err error) error {
	var e *OperatorError
	if errors.As(err, &e) && error(e) != err {
		return err // errors of several branches, joined: each names its operator
	}
	if e == nil {
		e = &OperatorError{Err: err}
	}
	if e.Operator == "" {
		e.Operator = t.Operator()
	}
	if e.At.Topic == "" && t.current != nil && !t.flushing {
		e.At = Origin{t.current.Topic, t.current.Partition, t.current.Offset}
	}
	return e
}
