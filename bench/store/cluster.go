package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	partitions = 4 // of the input, and so of the changelog
	workers    = 2 // of the application, and clients of what is done by hand
	storeName  = "values"
)

// cluster is the broker with the topics of one application.
type cluster struct {
	config
	client *kgo.Client
	admin  *kadm.Client
}

// openCluster names an application that nobody has heard of, and creates its input and its changelog.
func openCluster(ctx context.Context, c config) (*cluster, error) {
	c.app = "bench-" + strconv.FormatInt(time.Now().UnixMilli(), 36)
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.brokers...), kgo.ProducerLinger(10*time.Millisecond))
	if err != nil {
		return nil, err
	}
	k := &cluster{c, cl, kadm.NewClient(cl)}
	deleted, compacted, ever, late := "delete", "compact", "-1", strconv.FormatInt(1<<63-1, 10)
	for topic, cleanup := range map[string]*string{c.input(): &deleted, c.changelog(): &compacted} {
		of := map[string]*string{"cleanup.policy": cleanup, "retention.ms": &ever, "message.timestamp.after.max.ms": &late}
		r, err := k.admin.CreateTopic(ctx, partitions, -1, of, topic)
		if err = errors.Join(err, r.Err); err != nil {
			return nil, fmt.Errorf("create topic %s: %w", topic, err)
		}
	}
	return k, nil
}

func (c config) input() string     { return c.app + "-in" }
func (c config) changelog() string { return c.app + "-" + storeName + "-changelog" }

// load writes n records in order of i, each to the partition of its key, and waits until they are acknowledged.
func (k *cluster) load(ctx context.Context, topic string, n int, key, value func(i int, dst []byte) []byte) error {
	began := time.Now()
	var failed atomic.Pointer[error]
	var block []byte
	keep := func(f func(int, []byte) []byte, i int) []byte {
		if cap(block)-len(block) < 4<<10 {
			block = make([]byte, 0, 1<<20)
		}
		b := f(i, block[len(block):])
		block = block[:len(block)+len(b)]
		return b[:len(b):len(b)]
	}
	for i := range n {
		k.client.Produce(ctx, &kgo.Record{Topic: topic, Key: keep(key, i), Value: keep(value, i)}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed.CompareAndSwap(nil, &err)
			}
		})
	}
	if err := k.client.Flush(ctx); err != nil {
		return err
	}
	if err := failed.Load(); err != nil {
		return fmt.Errorf("write to topic %s: %w", topic, *err)
	}
	if n > 1 {
		fmt.Printf("wrote %d records to topic %s in %.1f s\n", n, topic, time.Since(began).Seconds())
	}
	return nil
}

// close deletes the topics and the group.
func (k *cluster) close(ctx context.Context) error {
	_, err := k.admin.DeleteTopics(ctx, k.input(), k.changelog())
	_, failed := k.admin.DeleteGroups(ctx, k.app)
	k.client.Close()
	return errors.Join(err, failed)
}
