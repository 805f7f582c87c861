package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// groupOptions make the client a member of the group whose rebalances come to Poll as events. The callbacks run on a
// goroutine of the client's, one at a time, and never while the worker holds a batch (BlockRebalanceOnPoll).
func (w *worker) groupOptions(topics []string, rebalance time.Duration) []kgo.Opt {
	return []kgo.Opt{
		kgo.ConsumerGroup(w.config.Group),
		kgo.ConsumeTopics(topics...),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
		kgo.SessionTimeout(10 * time.Second),
		kgo.RebalanceTimeout(rebalance),
		kgo.OnPartitionsAssigned(w.onAssigned),
		kgo.OnOffsetsFetched(w.onOffsetsFetched),
		kgo.AdjustFetchOffsetsFn(w.onOffsets),
		kgo.OnPartitionsRevoked(w.onRevoked),
		kgo.OnPartitionsLost(w.onLost),
	}
}

// onAssigned pauses the partitions before their first fetch: the worker resumes those whose task is ready.
// Where they begin is known in onOffsets only.
func (w *worker) onAssigned(_ context.Context, cl *kgo.Client, added map[string][]int32) {
	cl.PauseFetchPartitions(added)
	if err := w.member.joined(memberID(cl), w.byIndex(added)); err != nil {
		w.fail(err)
		return
	}
	if len(added) == 0 {
		w.send(connector.Event{Kind: connector.Assigned, Done: func() {}})
	}
}

func (w *worker) onRevoked(_ context.Context, cl *kgo.Client, gone map[string][]int32) {
	w.release(connector.Revoked, cl, gone)
}

func (w *worker) onLost(_ context.Context, cl *kgo.Client, gone map[string][]int32) {
	w.release(connector.Lost, cl, gone)
}

// release hands the event over and waits until the worker has let the partitions go: the group stands still meanwhile.
func (w *worker) release(kind connector.EventKind, cl *kgo.Client, gone map[string][]int32) {
	if len(gone) == 0 {
		return
	}
	if !w.member.is(memberID(cl)) {
		kind = connector.Lost // the client joined under a new id: others have had them
	}
	partitions := w.byIndex(gone)
	if kind == connector.Lost {
		w.member.left(partitions) // nothing of them is committed any more
	}
	done := make(chan struct{})
	e := connector.Event{Kind: kind, Done: func() { close(done) }}
	for _, p := range partitions {
		e.Partitions = append(e.Partitions, connector.Assignment{Partition: p})
	}
	if w.send(e) {
		select {
		case <-done:
		case <-w.ctx.Done():
		}
	}
	w.member.left(partitions)
	cl.ResumeFetchPartitions(gone) // a pause would survive and stall the next assignment
}

func (w *worker) send(e connector.Event) bool {
	select {
	case w.events <- e:
		return true
	case <-w.ctx.Done():
		return false
	}
}

// onOffsetsFetched keeps the metadata that was committed with the offsets. Where a partition has an error the client would go on
// without it, and nobody would read it: the whole is asked for again, by a member that joins anew.
func (w *worker) onOffsetsFetched(_ context.Context, _ *kgo.Client, r *kmsg.OffsetFetchResponse) (again error) {
	for _, g := range r.Groups {
		for _, t := range g.Topics {
			m := map[int32]string{}
			for _, p := range t.Partitions {
				if p.Metadata != nil {
					m[p.Partition] = *p.Metadata
				}
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					again = temporary(fmt.Errorf("fetch the offset of topic %s, partition %d: %w", t.Topic, p.Partition, err))
				}
			}
			w.metadata[t.Topic] = m
		}
	}
	if again != nil && !errors.Is(again, connector.ErrTemporary) {
		w.fail(again)
	}
	return again
}

// onOffsets decides where newly assigned partitions begin and tells the worker.
func (w *worker) onOffsets(ctx context.Context, fetched map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	<-w.opened
	var names []string
	for topic := range fetched {
		names = append(names, topic)
	}
	// An error would make the client join again and lose all partitions, those that it has too.
	starts, err := w.offsets(ctx, func() (kadm.ListedOffsets, error) { return w.admin.ListStartOffsets(ctx, names...) })
	if err != nil {
		return nil, err
	}
	ends, err := w.offsets(ctx, func() (kadm.ListedOffsets, error) { return w.admin.ListCommittedOffsets(ctx, names...) })
	if err != nil {
		return nil, err
	}
	event := connector.Event{Kind: connector.Assigned, Done: func() {}}
	for topic, partitions := range fetched {
		first, err := w.firstOffsets(ctx, topic, starts, ends)
		if err != nil {
			return nil, err
		}
		for p, offset := range partitions {
			start, _ := starts.Lookup(topic, p)
			end, _ := ends.Lookup(topic, p)
			a := connector.Assignment{
				Partition: connector.Partition{Topic: w.topics[topic], Partition: p},
				Offset:    offset.EpochOffset().Offset, End: end.Offset, Metadata: w.metadata[topic][p],
			}
			switch source := w.sources[a.Topic]; {
			case a.Offset < 0:
				a.Offset, a.Metadata = first[p], ""
			case a.Offset < start.Offset && source.SkipGap:
				a.Gap, a.Offset = start.Offset-a.Offset, start.Offset
			case a.Offset < start.Offset:
				w.fail(w.beginsLater(topic, p, a.Offset, start.Offset))
			case a.Offset > end.Offset:
				w.fail(w.endsBefore(topic, p, a.Offset, end.Offset))
			}
			partitions[p] = kgo.NewOffset().At(a.Offset)
			if w.tx != nil {
				w.tx.note([]connector.Position{{Partition: a.Partition, Offset: a.Offset, Metadata: a.Metadata}})
			}
			event.Partitions = append(event.Partitions, a)
		}
	}
	w.send(event)
	return fetched, nil
}

// firstOffsets returns where the partitions of a topic begin where nothing is committed.
func (w *worker) firstOffsets(ctx context.Context, topic string, starts, ends kadm.ListedOffsets) (map[int32]int64, error) {
	begin := w.sources[w.topics[topic]].Start
	listed := starts
	switch {
	case begin.Latest:
		listed = ends
	case !begin.At.IsZero():
		var err error
		listed, err = w.offsets(ctx, func() (kadm.ListedOffsets, error) {
			return w.admin.ListOffsetsAfterMilli(ctx, begin.At.UnixMilli(), topic)
		})
		if err != nil {
			return nil, err
		}
	}
	first := map[int32]int64{}
	for p, o := range listed[topic] {
		first[p] = o.Offset
	}
	return first, nil
}

// skip goes on at the beginning of a partition's log, whose next records were deleted.
func (w *worker) skip(topic string, partition int32) (to int64, err error) {
	starts, err := w.offsets(w.ctx, func() (kadm.ListedOffsets, error) { return w.admin.ListStartOffsets(w.ctx, topic) })
	if err != nil {
		return 0, fmt.Errorf("find the beginning of the log: %w", err)
	}
	start, _ := starts.Lookup(topic, partition)
	w.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{topic: {partition: {Epoch: -1, Offset: start.Offset}}})
	return start.Offset, nil
}

// offsets asks for offsets until it has those of every partition.
func (w *worker) offsets(ctx context.Context, list func() (kadm.ListedOffsets, error)) (listed kadm.ListedOffsets, err error) {
	err = w.patiently(ctx, func() error {
		if listed, err = list(); err == nil {
			err = listed.Error()
		}
		return err
	})
	return listed, err
}

// patiently tries again while brokers are away or choose a leader, until ctx ends.
func (w *worker) patiently(ctx context.Context, try func() error) error {
	for tries := 0; ; tries++ {
		err := try()
		if err == nil || ctx.Err() != nil {
			return err
		}
		if err = temporary(err); !errors.Is(err, connector.ErrTemporary) {
			return err
		}
		if tries%tryTold == 0 {
			w.log.Warn("trying again", "error", err, "tries", tries+1)
		}
		select {
		case <-time.After(tryEvery):
		case <-ctx.Done():
			return err
		}
	}
}

const (
	tryEvery = 250 * time.Millisecond
	tryTold  = 40 // tries: 10 s
)

func (w *worker) byIndex(byName map[string][]int32) (partitions []connector.Partition) {
	for topic, numbers := range byName {
		for _, p := range numbers {
			partitions = append(partitions, connector.Partition{Topic: w.topics[topic], Partition: p})
		}
	}
	return partitions
}
