package main

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
)

// read calls f with each committed record of the topic, in order per partition, up to the topic's end.
func (h *harness) read(ctx context.Context, topic string, f func(*kgo.Record)) error {
	all, err := h.ends(ctx, topic)
	if err != nil {
		return err
	}
	left, from := all[topic], map[int32]kgo.Offset{}
	for p, end := range left {
		if end == 0 {
			delete(left, p)
			continue
		}
		from[p] = kgo.NewOffset().AtStart()
	}
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(h.brokers...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // one of them may be the last
	)
	if err != nil {
		return err
	}
	defer cl.Close()
	for len(left) > 0 {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			return err
		}
		fs.EachRecord(func(r *kgo.Record) {
			if !r.Attrs.IsControl() {
				f(r)
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	return nil
}
