package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// produceOptions: idempotent, acknowledged by all replicas (both the client's defaults), compressed, into the partition
// that the framework chose. What is unacknowledged is bounded by the driver, so the client never blocks.
func (w *worker) produceOptions() []kgo.Opt {
	return []kgo.Opt{
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MaxBufferedRecords(math.MaxInt32),
		kgo.ProducerLinger(2 * time.Millisecond),
		kgo.UnknownTopicRetries(unknownTopicRetries),
	}
}

// unknownTopicRetries is how often a broker may say that it does not know a topic which was there at the start: one that was made a moment
// ago is not known to all of them yet. They are asked every 250 ms.
const unknownTopicRetries = 60

// slab is one Write's records for the client, reused when all are acknowledged.
type slab struct {
	worker  *worker
	records []kgo.Record
	left    atomic.Int64
	acked   func(int, error)
	promise func(*kgo.Record, error) // s.done, made once
}

// offsetOf is the key of the context of a record whose offset is asked for.
type offsetOf struct{}

type slabPool struct{ sync.Pool }

func (w *worker) slab(n int) *slab {
	s, _ := w.slabs.Get().(*slab)
	if s == nil {
		s = &slab{worker: w}
		s.promise = s.done
	}
	if cap(s.records) < n {
		s.records = make([]kgo.Record, n)
	}
	s.records = s.records[:n]
	s.left.Store(int64(n))
	return s
}

// Write hands records to the producer.
func (w *worker) Write(outs []connector.Out, acked func(int, error)) {
	if err := w.begin(); err != nil {
		for i := range outs {
			acked(len(outs[i].Key)+len(outs[i].Value), err)
		}
		return
	}
	s := w.slab(len(outs))
	s.acked = acked
	for i := range outs {
		o, r := &outs[i], &s.records[i]
		*r = kgo.Record{
			Topic: w.config.Topics[o.Topic].Name, Partition: o.Partition, Timestamp: time.UnixMilli(o.Time),
			Key: o.Key, Value: o.Value,
		}
		if o.Offset != nil {
			r.Context = context.WithValue(context.Background(), offsetOf{}, o.Offset)
		}
		for _, h := range o.Headers {
			r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		w.client.TryProduce(context.Background(), r, s.promise)
	}
}

// done is the promise of each record; the client calls it from one goroutine of its own.
func (s *slab) done(r *kgo.Record, err error) {
	if err != nil {
		err = fmt.Errorf("write to topic %s, partition %d: a record of %d bytes: %w", r.Topic, r.Partition, len(r.Key)+len(r.Value), explain(err))
		if s.worker.tx != nil && abortive(err) {
			err = aborted(err)
		}
	}
	if r.Context != nil && err == nil {
		if at, _ := r.Context.Value(offsetOf{}).(*int64); at != nil {
			*at = r.Offset
		}
	}
	s.acked(len(r.Key)+len(r.Value), err)
	if s.left.Add(-1) == 0 {
		clear(s.records)
		s.acked = nil
		s.worker.slabs.Put(s)
	}
}

// Commit stores positions.
func (w *worker) Commit(ctx context.Context, positions []connector.Position) error {
	held, others := w.member.divide(positions)
	if len(others) == 0 {
		return w.commit(ctx, held)
	}
	refused := &connector.CommitError{Err: errNotHeld}
	if len(held) > 0 {
		if err := w.commit(ctx, held); err != nil && !errors.As(err, &refused) {
			return err
		}
	}
	for _, p := range others {
		refused.Refused = append(refused.Refused, p.Partition)
	}
	return refused
}

func (w *worker) commit(ctx context.Context, positions []connector.Position) error {
	offsets := map[string]map[int32]kgo.EpochOffset{}
	metadata := map[string]map[int32]string{}
	for _, p := range positions {
		name := w.config.Topics[p.Topic].Name
		if offsets[name] == nil {
			offsets[name], metadata[name] = map[int32]kgo.EpochOffset{}, map[int32]string{}
		}
		offsets[name][p.Partition.Partition] = kgo.EpochOffset{Epoch: -1, Offset: p.Offset}
		metadata[name][p.Partition.Partition] = p.Metadata
	}
	refused := error(nil)
	ctx = kgo.PreCommitFnContext(ctx, func(r *kmsg.OffsetCommitRequest) error {
		if refused = w.member.check(r.MemberID); refused != nil {
			return refused
		}
		for i := range r.Topics {
			t := &r.Topics[i]
			for j := range t.Partitions {
				m := metadata[t.Topic][t.Partitions[j].Partition]
				t.Partitions[j].Metadata = &m
			}
		}
		return nil
	})
	var result error
	w.client.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, r *kmsg.OffsetCommitResponse, err error) {
		result = w.commitError(r, err)
	})
	if refused != nil {
		all := &connector.CommitError{Err: refused}
		for _, p := range positions {
			all.Refused = append(all.Refused, p.Partition)
		}
		return all
	}
	return result
}

// commitError looks at every partition's answer.
func (w *worker) commitError(r *kmsg.OffsetCommitResponse, err error) error {
	if err != nil {
		return temporary(err)
	}
	refused := &connector.CommitError{}
	var faults []error
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			err := kerr.ErrorForCode(p.ErrorCode)
			switch {
			case err == nil:
			case notOurs(err):
				refused.Err = err
				refused.Refused = append(refused.Refused, connector.Partition{Topic: w.topics[t.Topic], Partition: p.Partition})
			default:
				faults = append(faults, temporary(fmt.Errorf("topic %s, partition %d: %w", t.Topic, p.Partition, err)))
			}
		}
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	if refused.Err != nil {
		return refused
	}
	return nil
}

// notOurs: the group gave the partition to another member, or is about to.
func notOurs(err error) bool {
	return errors.Is(err, kerr.IllegalGeneration) || errors.Is(err, kerr.UnknownMemberID) ||
		errors.Is(err, kerr.RebalanceInProgress) || errors.Is(err, kerr.FencedInstanceID)
}

// Purge deletes consumed records, in the background.
func (w *worker) Purge(positions []connector.Position) {
	requests := map[string]map[int32]int64{}
	for _, p := range positions {
		name := w.config.Topics[p.Topic].Name
		if requests[name] == nil {
			requests[name] = map[int32]int64{}
		}
		requests[name][p.Partition.Partition] = p.Offset
	}
	w.running.Go(func() {
		for topic, partitions := range requests {
			if err := w.deleteRecords(topic, partitions); err != nil && w.ctx.Err() == nil {
				w.purgeRefused.Do(func() {
					w.log.Warn("consumed records of repartition topics cannot be deleted: allow it, or set retention.ms on them", "topic", topic, "error", err)
				})
			}
		}
	})
}

// deleteRecords deletes the records of a topic below the offsets.
func (w *worker) deleteRecords(topic string, partitions map[int32]int64) error {
	var below kadm.Offsets
	for p, at := range partitions {
		below.AddOffset(topic, p, at, -1)
	}
	done, err := w.admin.DeleteRecords(w.ctx, below)
	if err != nil {
		return err
	}
	return done.Error()
}
