package frameworktest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/driver"
	"github.com/millrace/millrace/framework/internal/engine"
)

const (
	defaultCombineBytes = 1 << 20
	// With more than maxRecords, and maxEach for each record that was piped, the topology is taken for one that feeds
	// itself without end.
	maxRecords = 100_000
	maxEach    = 1000
)

// task is a task with what it would have committed.
type task struct {
	*engine.Task
	pool      engine.Pool
	committed []connector.Position // by input
}

// open makes all tasks.
func (d *Driver) open() ([]*task, error) {
	var tasks []*task
	combine := d.config.CombineBytes
	if combine == 0 {
		combine = defaultCombineBytes
	}
	for sub, n := range d.layout.Tasks {
		for partition := range n {
			inner, err := d.plan.Build(driver.TaskEnv{
				Context: d.ctx, Closing: d.ctx, Sub: sub, Partition: partition, Partitions: d.layout.Partitions, Tasks: n, TasksOf: d.layout.Tasks, Combine: combine,
			})
			if err != nil {
				return nil, err
			}
			t := &task{Task: inner}
			t.Begin(t.pool.NewArena())
			d.begin(inner.Stages())
			for i, in := range inner.Inputs() {
				t.Seek(i, 0, engine.Times{})
				t.committed = append(t.committed, t.PositionOf(i))
				if port := d.plan.Topics[in.Topic].Port; port != nil {
					port.Attach(&host{driver: d, task: t, input: i})
				}
			}
			tasks = append(tasks, t)
		}
	}
	return tasks, nil
}

// settle processes and flushes until nothing is left to do, unless a batch is being piped. Tasks go one after the
// other, by sub-topology and partition.
func (d *Driver) settle() error {
	if d.batching {
		return d.err
	}
	left := maxRecords + maxEach*d.piped
	d.piped = 0
	for d.err == nil {
		busy := false
		for _, t := range d.tasks {
			n, err := d.process(t)
			if err == nil && n > 0 {
				busy = true
				err = d.flush(t)
			}
			if d.late != nil {
				err, d.late = d.late, nil
			}
			if left -= n; left < 0 && err == nil {
				err = errRestless
			}
			if err != nil {
				d.err = err
				return err
			}
		}
		if !busy {
			return nil
		}
	}
	return d.err
}

// nextHeader stands for the headers of the next record.
var nextHeader = connector.Header{Key: "of the next record"}

var errRestless = errors.New("the topology does not come to rest: it reads a topic that it writes, and each record makes another one")

// process lets a task do what it can now, and returns how much that was: timers that fired, records.
func (d *Driver) process(t *task) (n int, err error) {
	d.inside = true
	defer func() { d.inside = false }()
	if n, err = d.turn(t.Task); err != nil {
		return n, err
	}
	d.take(t)
	var ends []int64
	for _, in := range t.Inputs() {
		ends = append(ends, int64(len(d.topics[in.Topic].partitions[in.Partition])))
	}
	for ; ; n++ {
		input := d.next(t, ends)
		if input < 0 || t.Blocked() {
			return n, nil
		}
		in := t.Inputs()[input]
		original := d.topics[in.Topic].partitions[in.Partition][in.Position()]
		r := clone(original)
		behind := append(r.Headers, nextHeader) // as in a connector, where headers of several records lie in one slice
		r.Headers = behind[:len(r.Headers)]
		_, err := t.Step(input, []connector.Record{r})
		if !equal(r, original) || behind[len(r.Headers)].Key != nextHeader.Key {
			return n, fmt.Errorf("operators up to %s changed the bytes of topic %s, partition %d, offset %d: keys, values and headers are not theirs to change", t.Operator(), in.Name, in.Partition, r.Offset)
		}
		poison(r)
		if err != nil {
			return n, err
		}
		if _, err := d.turn(t.Task); err != nil {
			return n, err
		}
		d.take(t)
	}
}

// next returns the input whose next record below its end has the smallest timestamp, -1 if there is none.
func (d *Driver) next(t *task, ends []int64) int {
	best, earliest := -1, int64(0)
	for i, in := range t.Inputs() {
		log := d.topics[in.Topic].partitions[in.Partition]
		if at := in.Position(); at < ends[i] && (best < 0 || log[at].Time < earliest) {
			best, earliest = i, log[at].Time
		}
	}
	return best
}

// flush ends the task's round: what it made is in the topics, and its positions stand.
func (d *Driver) flush(t *task) error {
	if err := t.Flush(); err != nil {
		return err
	}
	d.take(t)
	t.Arena().Release()
	t.Begin(t.pool.NewArena())
	for i := range t.committed {
		t.committed[i] = t.PositionOf(i)
	}
	return nil
}

// take appends what the task has ready to its topics. The task's memory is used again, so that all is copied.
func (d *Driver) take(t *task) {
	ready := t.Ready()
	for _, outs := range [][]connector.Out{ready.Changelog, ready.Outputs} {
		for _, o := range outs {
			d.topics[o.Topic].add(o.Partition, clone(connector.Record{Time: o.Time, Key: o.Key, Value: o.Value, Headers: o.Headers}))
		}
	}
	t.Done()
}

// topicLog is all that was written to a topic.
type topicLog struct {
	name       string
	partitions [][]connector.Record
	order      []connector.Position // of all records, in the order in which they were written
	read       int                  // how many of them were read by the test
	unkeyed    int32                // partition for the next record without key
}

func newTopicLog(name string, partitions int32) *topicLog {
	return &topicLog{name: name, partitions: make([][]connector.Record, partitions)}
}

func (l *topicLog) add(partition int32, r connector.Record) {
	r.Offset = int64(len(l.partitions[partition]))
	l.partitions[partition] = append(l.partitions[partition], r)
	l.order = append(l.order, connector.Position{Partition: connector.Partition{Partition: partition}, Offset: r.Offset})
}

// pipe adds a record as a producer does: to the partition of its key, without key to one after the other.
func (l *topicLog) pipe(r connector.Record) {
	n := int32(len(l.partitions))
	if r.Key != nil {
		l.add(engine.PartitionOf(r.Key, n), r)
		return
	}
	l.add(l.unkeyed%n, r)
	l.unkeyed++
}

func clone(r connector.Record) connector.Record {
	r.Key, r.Value, r.Headers = slices.Clone(r.Key), slices.Clone(r.Value), slices.Clone(r.Headers)
	for i := range r.Headers {
		r.Headers[i].Value = slices.Clone(r.Headers[i].Value)
	}
	return r
}

func equal(a, b connector.Record) bool {
	return bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) &&
		slices.EqualFunc(a.Headers, b.Headers, func(a, b connector.Header) bool {
			return a.Key == b.Key && bytes.Equal(a.Value, b.Value)
		})
}

// poison overwrites the bytes of a record that is processed, as a connector does that uses them again.
func poison(r connector.Record) {
	fill := func(b []byte) {
		for i := range b {
			b[i] = 0xdb
		}
	}
	fill(r.Key)
	fill(r.Value)
	for i := range r.Headers {
		fill(r.Headers[i].Value)
		r.Headers[i] = connector.Header{Key: "used again"}
	}
}
