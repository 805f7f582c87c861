package peer

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// assigned restores the counts of the partitions that became this member's.
func (w *counter) assigned(ctx context.Context, cl *kgo.Client, got map[string][]int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range got[w.Repartition()] {
		counts, err := w.restore(ctx, cl, p)
		if err != nil {
			err = fmt.Errorf("restore %s/%d: %w", w.Changelog(), p, err)
			w.acks.first.CompareAndSwap(nil, &err)
			continue
		}
		w.counts[p] = counts
	}
}

// revoked commits everything before the partitions are let go.
func (w *counter) revoked(ctx context.Context, cl *kgo.Client, gone map[string][]int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.commit(ctx); err != nil {
		w.acks.first.CompareAndSwap(nil, &err)
	}
	w.forget(gone)
}

func (w *counter) lost(_ context.Context, _ *kgo.Client, gone map[string][]int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forget(gone)
}

func (w *counter) forget(gone map[string][]int32) {
	for _, p := range gone[w.Repartition()] {
		delete(w.counts, p)
	}
}

// restore reads a partition of the changelog to its end.
func (w *counter) restore(ctx context.Context, cl *kgo.Client, partition int32) (*tally, error) {
	counts := newTally()
	ends, err := kadm.NewClient(cl).ListCommittedOffsets(ctx, w.Changelog())
	if err != nil {
		return nil, err
	}
	end, ok := ends.Lookup(w.Changelog(), partition)
	if !ok || end.Err != nil || end.Offset == 0 {
		return counts, end.Err
	}
	from := map[string]map[int32]kgo.Offset{w.Changelog(): {partition: kgo.NewOffset().AtStart()}}
	reader, err := kgo.NewClient(kgo.SeedBrokers(w.Brokers...), kgo.ConsumePartitions(from), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	for next := int64(0); next < end.Offset; {
		fs := reader.PollFetches(ctx)
		if err := fs.Err0(); err != nil {
			return nil, err
		}
		fs.EachRecord(func(r *kgo.Record) {
			counts.set(r.Key, int64(binary.BigEndian.Uint64(r.Value)))
			next = r.Offset + 1
		})
	}
	counts.flush(func(*entry) {})
	return counts, nil
}
