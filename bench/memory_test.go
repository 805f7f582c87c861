package bench

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// memory is a connector for one worker that costs as little as can be: topics are slices, what is read is handed out
// as it lies there, and what is written to a topic that nobody reads is counted and thrown away.
type memory struct {
	partitions int32
	wake       chan struct{}

	mu      sync.Mutex // guards what follows; not held over calls of acked
	config  connector.WorkerConfig
	topics  map[string][]memoryLog
	joined  bool
	restore []connector.Partition // asked for; all changelogs are empty
	paused  map[connector.Partition]bool
	block   []byte // copies of what is written
}

// memoryLog is a partition.
type memoryLog struct {
	records   []connector.Record
	read      int // offset of the next record to hand out
	committed int64
	thrown    int64 // records written that nobody reads
}

const memoryRun = 1000 // records handed out at a time

// newMemory returns a cluster with one topic that holds the records.
func newMemory(topic string, partitions [][]connector.Record, others ...string) *memory {
	m := &memory{
		partitions: int32(len(partitions)), wake: make(chan struct{}, 1),
		topics: map[string][]memoryLog{}, paused: map[connector.Partition]bool{},
	}
	for _, other := range others {
		m.topics[other] = make([]memoryLog, len(partitions))
	}
	m.topics[topic] = make([]memoryLog, len(partitions))
	for i, records := range partitions {
		m.topics[topic][i].records = records
	}
	return m
}

func (m *memory) Kind() string                                   { return "memory" }
func (m *memory) Capabilities() connector.Capabilities           { return connector.Capabilities{} }
func (m *memory) Admin(context.Context) (connector.Admin, error) { return memoryAdmin{m}, nil }

func (m *memory) Open(_ context.Context, c connector.WorkerConfig) (connector.Worker, error) {
	m.config = c
	return memoryWorker{m}, nil
}

func (m *memory) at(p connector.Partition) *memoryLog {
	return &m.topics[m.config.Topics[p.Topic].Name][p.Partition]
}

func (m *memory) keep(b []byte) []byte {
	if b == nil {
		return nil
	}
	if cap(m.block)-len(m.block) < len(b) {
		m.block = make([]byte, 0, max(1<<20, len(b)))
	}
	start := len(m.block)
	m.block = append(m.block, b...)
	return m.block[start:len(m.block):len(m.block)]
}

// memoryAdmin and memoryWorker are the two faces of one memory.
type (
	memoryAdmin  struct{ *memory }
	memoryWorker struct{ *memory }
)

func (a memoryAdmin) Topics(_ context.Context, topics []connector.TopicSpec) ([]connector.TopicInfo, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var infos []connector.TopicInfo
	for _, t := range topics {
		infos = append(infos, connector.TopicInfo{Name: t.Name, Partitions: int32(len(a.topics[t.Name]))})
	}
	return infos, nil
}

func (a memoryAdmin) Create(_ context.Context, specs []connector.TopicSpec) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range specs {
		if a.topics[s.Name] == nil {
			a.topics[s.Name] = make([]memoryLog, s.Partitions)
		}
	}
	return nil
}

func (a memoryAdmin) Ends(_ context.Context, names []string) ([][]int64, error) {
	return a.offsets(names, func(l *memoryLog) int64 { return int64(len(l.records)) }), nil
}

func (a memoryAdmin) Committed(_ context.Context, _ string, names []string) ([][]int64, error) {
	return a.offsets(names, func(l *memoryLog) int64 { return l.committed }), nil
}

func (a memoryAdmin) offsets(names []string, of func(*memoryLog) int64) (offsets [][]int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, name := range names {
		var all []int64
		for i := range a.topics[name] {
			all = append(all, of(&a.topics[name][i]))
		}
		offsets = append(offsets, all)
	}
	return offsets
}

func (a memoryAdmin) Close() error { return nil }

func (w memoryWorker) Poll(ctx context.Context, wait time.Duration, records bool) (connector.Batch, error) {
	b := w.look(records)
	if len(b.Events)+len(b.Runs) > 0 || wait <= 0 {
		return b, nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-w.wake:
	case <-timer.C:
	}
	return w.look(records), nil
}

// look returns what is there.
func (w memoryWorker) look(records bool) (b connector.Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.joined {
		w.joined = true
		e := connector.Event{Kind: connector.Assigned, Done: func() {}}
		for _, s := range w.config.Sources {
			for p := range w.partitions {
				at := connector.Partition{Topic: s.Topic, Partition: p}
				w.paused[at] = true
				e.Partitions = append(e.Partitions, connector.Assignment{Partition: at, End: int64(len(w.at(at).records))})
			}
		}
		b.Events = append(b.Events, e)
		return b
	}
	for _, p := range w.restore {
		b.Runs = append(b.Runs, connector.Run{Partition: p, Restore: true, Restored: true})
	}
	w.restore = nil
	for _, s := range w.config.Sources {
		for p := range w.partitions {
			at := connector.Partition{Topic: s.Topic, Partition: p}
			l := w.at(at)
			if n := min(memoryRun, len(l.records)-l.read); records && n > 0 && !w.paused[at] {
				rs := l.records[l.read : l.read+n]
				b.Runs = append(b.Runs, connector.Run{Partition: at, Records: rs, Bytes: int64(n) * 100, End: int64(len(l.records))})
				l.read += n
			}
		}
	}
	return b
}

func (w memoryWorker) Recycle([]connector.Record) {}

func (w memoryWorker) Pause(ps []connector.Partition) { w.pause(ps, true) }

func (w memoryWorker) Resume(ps []connector.Partition) { w.pause(ps, false) }

func (w memoryWorker) pause(ps []connector.Partition, paused bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range ps {
		w.paused[p] = paused
	}
}

func (w memoryWorker) Restore(ps []connector.Partition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.restore = append(w.restore, ps...)
}

func (w memoryWorker) RestoreStop([]connector.Partition) {}

func (w memoryWorker) Write(outs []connector.Out, acked func(bytes int, err error)) {
	w.mu.Lock()
	for _, o := range outs {
		l := w.at(connector.Partition{Topic: o.Topic, Partition: o.Partition})
		if !w.read(o.Topic) {
			l.thrown++
			continue
		}
		if l.records == nil {
			l.records = make([]connector.Record, 0, 1<<16)
		}
		l.records = append(l.records, connector.Record{Offset: int64(len(l.records)), Time: o.Time, Key: w.keep(o.Key), Value: w.keep(o.Value)})
	}
	w.mu.Unlock()
	for _, o := range outs {
		acked(len(o.Key)+len(o.Value), nil)
	}
}

// read says whether the application reads the topic.
func (w memoryWorker) read(topic int32) bool {
	for _, s := range w.config.Sources {
		if s.Topic == topic {
			return true
		}
	}
	return false
}

func (w memoryWorker) Commit(_ context.Context, ps []connector.Position) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range ps {
		if p.Offset > int64(len(w.at(p.Partition).records)) {
			return errors.New("an offset beyond the end was committed")
		}
		w.at(p.Partition).committed = p.Offset
	}
	return nil
}

func (w memoryWorker) Purge([]connector.Position) {}

func (w memoryWorker) Wake() {
	select {
	case w.memory.wake <- struct{}{}:
	default:
	}
}

func (w memoryWorker) Close(context.Context) error { return nil }
