package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// load fills a new topic with n values, evenly over its partitions. appendValue is called in order of i.
func (h *harness) load(ctx context.Context, topic string, n int, appendValue func(i int, dst []byte) []byte) error {
	if err := h.create(ctx, topic, "delete"); err != nil {
		return err
	}
	start := time.Now()
	cl, err := kgo.NewClient(kgo.SeedBrokers(h.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	defer cl.Close()
	var failed atomic.Pointer[error]
	var block []byte
	for i := range n {
		if cap(block)-len(block) < 4<<10 {
			block = make([]byte, 0, 1<<20)
		}
		v := appendValue(i, block[len(block):])
		block = block[:len(block)+len(v)]
		// Runs of 64 records: what a producer's batches look like.
		r := &kgo.Record{Topic: topic, Partition: int32(i / 64 % partitions), Value: v[:len(v):len(v)]}
		cl.Produce(ctx, r, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	if err := cl.Flush(ctx); err != nil {
		return err
	}
	if err := failed.Load(); err != nil {
		return fmt.Errorf("load %s: %w", topic, *err)
	}
	fmt.Printf("loaded %d records into %s in %.1f s\n", n, topic, time.Since(start).Seconds())
	return nil
}
