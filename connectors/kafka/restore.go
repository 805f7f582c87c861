package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// restoration reads changelog partitions from their beginning to their end, with a client of its own outside the group.
type restoration struct {
	worker *worker
	ctx    context.Context
	cancel context.CancelFunc
	wanted int              // partitions whose runs the worker still wants; used by the worker's goroutine
	logs   map[int32]string // what each topic is told by; written before anything is handed over
}

// restored is what a restoration hands over: what it fetched, or the partitions that are at their end.
type restored struct {
	by      *restoration
	fetches kgo.Fetches
	anew    []connector.Partition // read from their start, not from where it was asked for; before what was fetched
	ended   []connector.Partition // after what was fetched
	err     error
}

// Restore starts to read partitions.
func (w *worker) Restore(of []connector.Restoration) {
	r := &restoration{worker: w, wanted: len(of), logs: map[int32]string{}}
	r.ctx, r.cancel = context.WithCancel(w.ctx)
	for _, o := range of {
		w.RestoreStop([]connector.Partition{o.Partition})
		w.restorations[o.Partition] = r
	}
	w.running.Go(func() {
		defer r.cancel()
		if err := r.run(of); err != nil && r.ctx.Err() == nil {
			r.send(restored{by: r, err: err})
		}
	})
}

// RestoreStop gives up partitions.
func (w *worker) RestoreStop(partitions []connector.Partition) {
	for _, p := range partitions {
		if r := w.restorations[p]; r != nil {
			delete(w.restorations, p)
			r.done()
		}
	}
}

func (r *restoration) done() {
	if r.wanted--; r.wanted == 0 {
		r.cancel()
	}
}

func (r *restoration) send(x restored) bool {
	select {
	case r.worker.runs <- x:
		return true
	case <-r.ctx.Done():
		return false
	}
}

// run reads until each partition is at the last stable offset that it had at the beginning.
func (r *restoration) run(of []connector.Restoration) error {
	w := r.worker
	cl, err := w.cluster.client(w.fetchOptions(w.config.Budget / fetchShare)...)
	if err != nil {
		return err
	}
	defer cl.CloseAllowingRebalance()
	var left map[connector.Partition]int64
	var begin map[string]map[int32]kgo.Offset
	err = w.patiently(r.ctx, func() error {
		left, begin, err = r.spans(kadm.NewClient(cl), of)
		return err
	})
	if err != nil {
		return err
	}
	cl.AddConsumePartitions(begin)
	read := map[connector.Partition]int64{} // the next offset of each
	for name, partitions := range begin {
		for p, at := range partitions {
			read[connector.Partition{Topic: w.topics[name], Partition: p}] = at.EpochOffset().Offset
		}
	}
	for len(left) > 0 {
		wait, cancel := context.WithTimeout(r.ctx, emptyAfter)
		x := restored{by: r, fetches: cl.PollRecords(wait, 0)}
		quiet := wait.Err() != nil
		cancel()
		if r.ctx.Err() != nil {
			return nil
		}
		if quiet && x.fetches.NumRecords() == 0 {
			x.fetches, x.ended = nil, r.emptied(cl, left, read)
		}
		if err := r.follow(x.fetches, read); err != nil {
			return err
		}
		for at, end := range left {
			if read[at] >= end {
				x.ended = append(x.ended, at)
			}
		}
		for _, at := range x.ended {
			delete(left, at)
		}
		if !r.send(x) {
			return nil
		}
	}
	return nil
}

// emptyAfter is how long nothing comes before the rest of a log is suspected to hold nothing.
const emptyAfter = time.Second

// follow notes how far partitions were read.
func (r *restoration) follow(fetches kgo.Fetches, read map[connector.Partition]int64) (fault error) {
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if p.Err != nil && !kerr.IsRetriable(p.Err) {
			fault = fmt.Errorf("restore from topic %s, partition %d: %w", p.Topic, p.Partition, r.worker.readError(p.Topic, p.Err))
		}
		if n := len(p.Records); n > 0 {
			read[connector.Partition{Topic: r.worker.topics[p.Topic], Partition: p.Partition}] = p.Records[n-1].Offset + 1
		}
	})
	return fault
}

// spans returns the ends of the partitions that hold something, and where each begins. Empty ones are reported at once.
func (r *restoration) spans(admin *kadm.Client, of []connector.Restoration) (ends map[connector.Partition]int64, begin map[string]map[int32]kgo.Offset, err error) {
	w := r.worker
	ends, begin = map[connector.Partition]int64{}, map[string]map[int32]kgo.Offset{}
	names := map[string][]connector.Restoration{}
	for _, o := range of {
		name := w.config.Topics[o.Topic].Name
		names[name] = append(names[name], o)
	}
	ids, err := admin.Metadata(r.ctx, slices.Collect(maps.Keys(names))...)
	if err != nil {
		return nil, nil, err
	}
	x := restored{by: r}
	for name := range names {
		starts, err := admin.ListStartOffsets(r.ctx, name)
		if err == nil {
			err = starts.Error()
		}
		if err != nil {
			return nil, nil, fmt.Errorf("find the beginning of topic %s: %w", name, err)
		}
		written, err := r.writtenTo(admin, name)
		if err == nil {
			err = written.Error()
		}
		if err != nil {
			return nil, nil, fmt.Errorf("find the end of topic %s: %w", name, err)
		}
		r.log(name, ids.Topics[name].ID)
		for _, o := range names[name] {
			first, _ := starts.Lookup(name, o.Partition.Partition)
			end, _ := written.Lookup(name, o.Partition.Partition)
			from := max(o.From, first.Offset)
			if o.From > 0 && (from > o.From || from > end.Offset || o.Log != "" && o.Log != r.logs[o.Topic]) {
				x.anew = append(x.anew, o.Partition)
				from = first.Offset
			}
			if from >= end.Offset {
				x.ended = append(x.ended, o.Partition)
				continue
			}
			ends[o.Partition] = end.Offset
			if begin[name] == nil {
				begin[name] = map[int32]kgo.Offset{}
			}
			begin[name][o.Partition.Partition] = kgo.NewOffset().At(from)
		}
	}
	if len(x.anew)+len(x.ended) > 0 {
		r.send(x)
	}
	return ends, begin, nil
}

// log notes what tells a topic from another one of the same name: its id, where brokers give one.
func (r *restoration) log(name string, id kadm.TopicID) {
	if id != (kadm.TopicID{}) {
		r.logs[r.worker.topics[name]] = id.String()
	}
}

// writtenTo returns where the logs of a topic end. With transactions that is behind what is open or ended just now, and reading, which
// sees nothing of that, waits for its end: the partitions' last owner may have committed it before it was fenced by the group.
func (r *restoration) writtenTo(admin *kadm.Client, topic string) (kadm.ListedOffsets, error) {
	if r.worker.tx != nil {
		return admin.ListEndOffsets(r.ctx, topic)
	}
	return admin.ListCommittedOffsets(r.ctx, topic)
}

// acceptRestored puts what a restoration brought into the batch, as far as it is still wanted.
func (w *worker) acceptRestored(b *connector.Batch, x restored) {
	if x.err != nil {
		w.fail(x.err)
		return
	}
	var all connector.Batch
	if err := w.convert(&all, x.fetches); err != nil {
		w.fail(err)
		return
	}
	for _, p := range x.anew {
		if w.restorations[p] == x.by {
			b.Runs = append(b.Runs, connector.Run{Partition: p, End: -1, Restore: true, Anew: true})
		}
	}
	for _, run := range all.Runs {
		if w.restorations[run.Partition] == x.by {
			run.Restore = true
			b.Runs = append(b.Runs, run)
		}
	}
	for _, p := range x.ended {
		if w.restorations[p] == x.by {
			delete(w.restorations, p)
			x.by.done()
			b.Runs = append(b.Runs, connector.Run{Partition: p, End: -1, Restore: true, Restored: true, Log: x.by.logs[p.Topic]})
		}
	}
}
