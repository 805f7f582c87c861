package file

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/connector/local"
)

// worker is one member of an application's group. It reads files when it is polled, on the caller's goroutine.
type worker struct {
	files  *files
	job    *job
	config connector.WorkerConfig
	member *local.Member

	// What follows belongs to the polling goroutine, which has looking while it looks: Close may come while it waits.
	looking      sync.Mutex
	pool         *pool
	cursors      map[connector.Partition]*cursor // of internal topics that it reads
	order        []connector.Partition           // of what it reads
	turn         int                             // of order, the one to be read first
	restorations []*restoration
	runs         []connector.Run // of the last batch
	timer        *time.Timer

	woken    chan struct{} // capacity 1: Wake was called
	news     chan struct{} // capacity 1: the group or a log has something
	closed   chan struct{}
	closing  sync.Once
	closeErr error

	readersMu sync.Mutex // guards readers, which commits look into
	readers   map[connector.Partition]*reader

	mu      sync.Mutex // guards what follows: what is written
	sinks   []*sink    // by topic index, nil: no sink
	outbox  outbox
	written bool  // something since the last commit
	failed  error // nothing more can be committed
	done    bool  // Close was called
}

func newWorker(f *files, j *job, c connector.WorkerConfig) (*worker, error) {
	w := &worker{
		files: f, job: j, config: c, pool: newPool(), cursors: map[connector.Partition]*cursor{}, timer: time.NewTimer(0),
		woken: make(chan struct{}, 1), news: make(chan struct{}, 1), closed: make(chan struct{}), readers: map[connector.Partition]*reader{},
		sinks: make([]*sink, len(c.Topics)),
	}
	partitions := make([]int32, len(c.Topics))
	for i, t := range c.Topics {
		switch {
		case t.Role.Internal():
			partitions[i] = int32(len(j.topics.logs[t.Name]))
		case t.Role&connector.RoleSink != 0:
			w.sinks[i] = newSink(j, f.config, t)
			partitions[i] = 1
		}
		if n := len(j.limits[t.Name]); n > 0 {
			partitions[i] = int32(n)
		}
	}
	for _, s := range c.Sources {
		if partitions[s.Topic] == 0 {
			return nil, fmt.Errorf("topic %s does not exist", c.Topics[s.Topic].Name)
		}
	}
	var err error
	w.member, err = j.group.Join(local.Host{Config: c, Partitions: partitions, Begin: w.begin, Wake: w.notify})
	return w, err
}

// Wake ends a Poll that waits.
func (w *worker) Wake() { poke(w.woken) }

// notify is called by the group and by logs that have something.
func (w *worker) notify() { poke(w.news) }

func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// begin decides where a partition begins.
func (w *worker) begin(s connector.Source, committed connector.Position) (connector.Assignment, error) {
	topic, p := w.config.Topics[s.Topic], committed.Partition
	if topic.Role.Internal() {
		return local.Begin(s, topic.Name, committed, w.job.topics.log(topic.Name, p.Partition).Span())
	}
	r := &reader{
		disk: w.files.disk, at: p, file: w.job.file(topic.Name, int(p.Partition)), limit: w.job.limits[topic.Name][p.Partition],
		frames: framing{format: formatOf(topic), most: w.files.config.MaxLineBytes},
		any:    topic.Configs[settingBytes] != "", paused: true,
	}
	a, err := r.begin(s, committed)
	if err != nil {
		return a, fmt.Errorf("topic %s, partition %d: %w", topic.Name, p.Partition, err)
	}
	if a.Gap > 0 && w.config.Logger != nil {
		w.config.Logger.Warn("a file is read anew from its beginning: it is not the one that was read", "file", r.file.Path)
	}
	w.readersMu.Lock()
	defer w.readersMu.Unlock()
	w.readers[p] = r
	return a, nil
}

// Poll reads what is there.
func (w *worker) Poll(ctx context.Context, wait time.Duration, records bool) (connector.Batch, error) {
	until := time.Time{}
	for {
		now := time.Now()
		if until.IsZero() {
			until = now.Add(wait)
		}
		b, err := w.look(records, now)
		if err != nil || len(b.Events)+len(b.Runs) > 0 || !until.After(now) {
			return b, err
		}
		w.timer.Reset(min(until.Sub(now), lookEvery))
		select {
		case <-w.woken:
			return w.look(records, time.Now())
		case <-w.news:
		case <-w.timer.C:
		case <-ctx.Done():
			return connector.Batch{}, nil
		case <-w.closed:
			return connector.Batch{}, local.ErrClosed
		}
	}
}

// look returns what is there. With events come no records: they may be of partitions that go.
func (w *worker) look(records bool, now time.Time) (b connector.Batch, err error) {
	w.looking.Lock()
	defer w.looking.Unlock()
	select {
	case <-w.closed:
		return b, local.ErrClosed
	default:
	}
	if b.Events, err = w.member.Events(); err != nil {
		return connector.Batch{}, err
	}
	for _, e := range b.Events {
		if err := w.heed(e); err != nil {
			return connector.Batch{}, err
		}
	}
	if len(b.Events) > 0 {
		return b, nil
	}
	clear(w.runs)
	w.runs = w.runs[:0]
	w.restore()
	if records {
		w.read(now)
	}
	b.Runs = w.runs
	return b, nil
}

// heed begins to read what was assigned, and stops reading what goes.
func (w *worker) heed(e connector.Event) error {
	var errs []error
	for _, a := range e.Partitions {
		if e.Kind == connector.Assigned {
			w.order = append(w.order, a.Partition)
			if topic := w.config.Topics[a.Topic]; topic.Role.Internal() {
				l := w.job.topics.log(topic.Name, a.Partition.Partition)
				w.cursors[a.Partition] = &cursor{log: l, next: a.Offset, paused: true, stop: l.Watch(w.notify)}
			}
			continue
		}
		errs = append(errs, w.forget(a.Partition))
	}
	return errors.Join(errs...)
}

// pollBytes is about how much one poll returns.
const pollBytes = 1 << 20

// read adds runs of the partitions in turn.
func (w *worker) read(now time.Time) {
	n, first := len(w.order), w.turn
	for i := range n {
		if len(w.runs) > 0 && w.bytes() > pollBytes {
			return
		}
		at := w.order[(first+i)%n]
		w.turn = (first + i + 1) % n
		if c := w.cursors[at]; c != nil {
			w.runs = c.read(w.runs, at, w.pool)
		} else if r := w.readers[at]; !r.paused && (r.outside == 0 || w.pool.outside < w.config.Budget) {
			w.runs = r.fetch(w.runs, w.pool, now)
		}
	}
}

func (w *worker) bytes() (n int64) {
	for i := range w.runs {
		n += w.runs[i].Bytes
	}
	return n
}

// Recycle takes a run's records back.
func (w *worker) Recycle(records []connector.Record) { w.pool.back(records) }

// Pause stops reading partitions.
func (w *worker) Pause(partitions []connector.Partition) { w.pause(partitions, true) }

// Resume starts reading partitions again.
func (w *worker) Resume(partitions []connector.Partition) { w.pause(partitions, false) }

func (w *worker) pause(partitions []connector.Partition, paused bool) {
	for _, p := range partitions {
		if c := w.cursors[p]; c != nil {
			c.paused = paused
		} else if r := w.readers[p]; r != nil {
			r.paused = paused
		}
	}
}

// forget stops reading a partition.
func (w *worker) forget(p connector.Partition) error {
	for i, at := range w.order {
		if at == p {
			w.order = append(w.order[:i:i], w.order[i+1:]...)
			break
		}
	}
	w.turn = 0
	if c := w.cursors[p]; c != nil {
		c.stop()
		delete(w.cursors, p)
		return nil
	}
	w.readersMu.Lock()
	r := w.readers[p]
	w.readersMu.Unlock()
	if r == nil {
		return nil
	}
	return r.stop()
}

// Close leaves the group, and finishes the parts with what is committed of them.
func (w *worker) Close(context.Context) error {
	w.closing.Do(func() {
		close(w.closed)
		w.closeErr = w.close()
	})
	return w.closeErr
}

func (w *worker) close() error {
	w.mu.Lock()
	w.done = true
	err := w.finishParts()
	w.mu.Unlock()
	w.looking.Lock()
	for len(w.order) > 0 {
		err = errors.Join(err, w.forget(w.order[0]))
	}
	w.looking.Unlock()
	w.member.Leave()
	return errors.Join(err, w.files.left(w.job))
}
