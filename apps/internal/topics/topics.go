// Package topics makes Kafka topics, and reads them to their end, outside any application.
package topics

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/apps/internal/brokers"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// stallTimeout is how long the brokers may take for the next records of a topic.
const stallTimeout = 10 * time.Second

// Create makes a topic, with the brokers' default of replicas. One that is there is left as it is.
func Create(ctx context.Context, client *kgo.Client, topic string, partitions int) error {
	_, err := kadm.NewClient(client).CreateTopic(ctx, int32(partitions), -1, nil, topic)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("create topic %s with %d partitions: %w", topic, partitions, err)
	}
	return nil
}

// Read hands take each committed record of a topic, up to the end that it has now. The order is that of the offsets in
// each partition. An error of take ends it.
func Read(ctx context.Context, addresses []string, topic string, take func(*kgo.Record) error) error {
	client, err := brokers.Dial(ctx, addresses, kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	if err != nil {
		return err
	}
	defer client.Close()
	left, begin, err := spans(ctx, kadm.NewClient(client), topic)
	if err != nil {
		return err
	}
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: begin})
	for len(left) > 0 {
		fetches, err := poll(ctx, client, topic)
		if err != nil {
			return err
		}
		for r := range fetches.RecordsAll() {
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
			if r.Attrs.IsControl() {
				continue
			}
			if err := take(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// poll returns what came next.
func poll(ctx context.Context, client *kgo.Client, topic string) (kgo.Fetches, error) {
	wait, cancel := context.WithTimeout(ctx, stallTimeout)
	defer cancel()
	fetches := client.PollFetches(wait)
	if err := wait.Err(); err != nil && fetches.NumRecords() == 0 {
		return nil, fmt.Errorf("read topic %s: nothing came within %s: %w", topic, stallTimeout, err)
	}
	var fault error
	fetches.EachError(func(_ string, partition int32, err error) {
		if fault == nil {
			fault = fmt.Errorf("read topic %s, partition %d: %w", topic, partition, err)
		}
	})
	return fetches, fault
}

// spans returns the ends of the partitions that hold something, and where each begins.
func spans(ctx context.Context, admin *kadm.Client, topic string) (ends map[int32]int64, begin map[int32]kgo.Offset, err error) {
	starts, err := admin.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	stable, stableErr := admin.ListEndOffsets(ctx, topic)
	if stableErr == nil {
		stableErr = stable.Error()
	}
	if err := errors.Join(err, stableErr); err != nil {
		return nil, nil, fmt.Errorf("find beginning and end of topic %s: %w", topic, err)
	}
	ends, begin = map[int32]int64{}, map[int32]kgo.Offset{}
	starts.Each(func(first kadm.ListedOffset) {
		end, _ := stable.Lookup(topic, first.Partition)
		if first.Offset < end.Offset {
			ends[first.Partition], begin[first.Partition] = end.Offset, kgo.NewOffset().At(first.Offset)
		}
	})
	return ends, begin, nil
}
