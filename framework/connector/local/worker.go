package local

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// worker is one member of a group that reads and writes a Broker's logs.
//
// Write, Commit, Wake and Close may be called while another goroutine is in Poll.
type worker struct {
	broker *Broker
	config connector.WorkerConfig
	logs   [][]*Log // by topic index; nil: the topic did not exist
	member *Member

	news    chan struct{} // capacity 1: events or records have come
	woken   chan struct{} // capacity 1: Wake was called
	closed  chan struct{}
	waiting atomic.Bool // Poll waits for news
	timer   *time.Timer // of Poll

	mu           sync.Mutex // guards what follows; taken before the locks of groups and logs
	cursors      []*cursor  // one for each partition that the worker has
	turn         int        // of the cursors, the one to be read first
	restorations []*restoration
	runs         []connector.Run // of the last batch
	pool         recordPool
	done         bool // Close was called
}

// Open joins the group with one more worker. The topics that it reads must exist.
func (b *Broker) Open(_ context.Context, c connector.WorkerConfig) (connector.Worker, error) {
	w := &worker{
		broker: b, config: c, news: make(chan struct{}, 1), woken: make(chan struct{}, 1), closed: make(chan struct{}),
		timer: time.NewTimer(0),
	}
	partitions := make([]int32, len(c.Topics))
	for i, t := range c.Topics {
		w.logs = append(w.logs, b.Logs(t.Name))
		partitions[i] = int32(len(w.logs[i]))
	}
	for _, s := range c.Sources {
		if w.logs[s.Topic] == nil {
			return nil, fmt.Errorf("topic %s does not exist: create it before it is read", c.Topics[s.Topic].Name)
		}
	}
	var err error
	w.member, err = b.Group(c.Group).Join(Host{Config: c, Partitions: partitions, Begin: w.begin, Wake: w.notify})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// log returns a partition's log, nil where there is none.
func (w *worker) log(p connector.Partition) *Log {
	if p.Topic < 0 || int(p.Topic) >= len(w.logs) {
		return nil
	}
	logs := w.logs[p.Topic]
	if logs == nil {
		logs = w.broker.Logs(w.config.Topics[p.Topic].Name) // it may have been created since
	}
	if p.Partition < 0 || int(p.Partition) >= len(logs) {
		return nil
	}
	return logs[p.Partition]
}

// fault says where something is wrong.
func (w *worker) fault(doing string, p connector.Partition, err error) error {
	return fmt.Errorf("%s topic %s, partition %d: %w", doing, w.member.topic(p.Topic), p.Partition, err)
}

func (w *worker) begin(s connector.Source, committed connector.Position) (connector.Assignment, error) {
	return Begin(s, w.config.Topics[s.Topic].Name, committed, w.log(committed.Partition).Span())
}

// notify says that there is something to poll.
func (w *worker) notify() {
	if w.waiting.Load() {
		poke(w.news)
	}
}

// Wake ends a Poll that waits.
func (w *worker) Wake() { poke(w.woken) }

func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Poll returns what the group and the logs have brought.
func (w *worker) Poll(ctx context.Context, wait time.Duration, records bool) (connector.Batch, error) {
	b, err := w.look(records)
	if err != nil || wait <= 0 || len(b.Events)+len(b.Runs) > 0 {
		return b, err
	}
	w.waiting.Store(true)
	defer w.waiting.Store(false)
	w.timer.Reset(wait)
	defer w.timer.Stop()
	for {
		// What came before waiting was set did not notify.
		if b, err = w.look(records); err != nil || len(b.Events)+len(b.Runs) > 0 {
			return b, err
		}
		select {
		case <-w.news:
		case <-w.woken:
			return w.look(records)
		case <-w.timer.C:
			return b, nil
		case <-ctx.Done():
			return b, nil
		case <-w.closed:
			return connector.Batch{}, ErrClosed
		}
	}
}

// look returns what is there. With events come no records: those that are there may be of partitions that go.
func (w *worker) look(records bool) (b connector.Batch, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return b, ErrClosed
	}
	if b.Events, err = w.member.Events(); err != nil {
		return connector.Batch{}, err
	}
	for _, e := range b.Events {
		w.heed(e)
	}
	if len(b.Events) > 0 {
		return b, nil
	}
	clear(w.runs)
	w.runs = w.runs[:0]
	left := w.restore(w.pollBytes())
	if records {
		w.read(left)
	}
	b.Runs = w.runs
	return b, nil
}

// heed begins to read what was assigned, paused, and stops reading what goes.
func (w *worker) heed(e connector.Event) {
	for _, a := range e.Partitions {
		if e.Kind == connector.Assigned {
			c := &cursor{at: a.Partition, log: w.log(a.Partition), next: a.Offset, paused: true}
			c.stop = c.log.Watch(w.notify)
			for _, s := range w.config.Sources {
				c.skipGap = c.skipGap || s.Topic == a.Topic && s.SkipGap
			}
			w.cursors = append(w.cursors, c)
			continue
		}
		w.cursors = slices.DeleteFunc(w.cursors, func(c *cursor) bool {
			if c.at == a.Partition {
				c.stop()
				return true
			}
			return false
		})
	}
}

// Pause stops reading partitions.
func (w *worker) Pause(partitions []connector.Partition) { w.pause(partitions, true) }

// Resume starts reading partitions again.
func (w *worker) Resume(partitions []connector.Partition) { w.pause(partitions, false) }

func (w *worker) pause(partitions []connector.Partition, paused bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.cursors {
		if slices.Contains(partitions, c.at) {
			c.paused = paused
		}
	}
	w.notify() // a Poll that waits may have something now
}

// Recycle takes records back.
func (w *worker) Recycle(records []connector.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pool.put(records)
}

// Write copies records to their logs and acknowledges them.
func (w *worker) Write(outs []connector.Out, acked func(bytes int, err error)) {
	for len(outs) > 0 {
		at := connector.Partition{Topic: outs[0].Topic, Partition: outs[0].Partition}
		n := 1
		for n < len(outs) && outs[n].Topic == at.Topic && outs[n].Partition == at.Partition {
			n++
		}
		err := w.write(at, outs[:n])
		for i := range outs[:n] {
			acked(len(outs[i].Key)+len(outs[i].Value), err)
		}
		outs = outs[n:]
	}
}

func (w *worker) write(at connector.Partition, outs []connector.Out) error {
	select {
	case <-w.closed:
		return w.fault("write to", at, ErrClosed)
	default:
	}
	l := w.log(at)
	if l == nil {
		return w.fault("write to", at, errNoPartition)
	}
	l.write(outs)
	return nil
}

// Commit keeps positions.
func (w *worker) Commit(_ context.Context, positions []connector.Position) error {
	return w.member.Commit(positions, nil)
}

// Purge deletes records below the positions.
func (w *worker) Purge(positions []connector.Position) {
	for _, p := range positions {
		if l := w.log(p.Partition); l != nil {
			l.Purge(p.Offset)
		}
	}
}

// Close leaves the group.
func (w *worker) Close(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		return nil
	}
	w.done = true
	close(w.closed)
	for _, c := range w.cursors {
		c.stop()
	}
	w.cursors, w.restorations = nil, nil
	w.member.Leave()
	return nil
}
