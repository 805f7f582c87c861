package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/apps/internal/brokers"
	"github.com/millrace/millrace/framework/codec"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// stallTimeout is how long the brokers may take for the next records of the topic of counts.
const stallTimeout = 10 * time.Second

// readCounts reads a topic of counts to the end that it has now: the last count of each word of which owned says yes.
func readCounts(ctx context.Context, addresses []string, topic string, owned func(word []byte) bool) (counts, error) {
	client, err := brokers.Dial(ctx, addresses, kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	left, begin, err := spans(ctx, kadm.NewClient(client), topic)
	if err != nil {
		return nil, err
	}
	client.AddConsumePartitions(map[string]map[int32]kgo.Offset{topic: begin})
	c := counts{}
	for len(left) > 0 {
		wait, cancel := context.WithTimeout(ctx, stallTimeout)
		fetches := client.PollFetches(wait)
		err := wait.Err()
		cancel()
		if err != nil && fetches.NumRecords() == 0 {
			return nil, fmt.Errorf("read the counts from topic %s: nothing came within %s: %w", topic, stallTimeout, err)
		}
		var faults []error
		fetches.EachError(func(_ string, partition int32, err error) {
			faults = append(faults, fmt.Errorf("read the counts from topic %s, partition %d: %w", topic, partition, err))
		})
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
			if err := c.take(r, owned); err != nil {
				faults = append(faults, err)
			}
		})
		if len(faults) > 0 {
			return nil, faults[0]
		}
	}
	return c, nil
}

// take notes the count that a record carries. A null deletes the word.
func (c counts) take(r *kgo.Record, owned func(word []byte) bool) error {
	switch {
	case r.Attrs.IsControl():
		return nil
	case r.Key == nil:
		return fmt.Errorf("topic %s, partition %d, offset %d is not a count of a word: it has no key; give -to a topic of its own", r.Topic, r.Partition, r.Offset)
	case !owned(r.Key):
		return nil
	case r.Value == nil:
		delete(c, string(r.Key))
		return nil
	}
	n, err := codec.Int64.Decode(r.Value)
	if err != nil {
		return fmt.Errorf("topic %s, partition %d, offset %d is not a count of a word: %w; give -to a topic of its own", r.Topic, r.Partition, r.Offset, err)
	}
	c[string(r.Key)] = n
	return nil
}

// spans returns the ends of the partitions that hold something, and where each begins.
func spans(ctx context.Context, admin *kadm.Client, topic string) (ends map[int32]int64, begin map[int32]kgo.Offset, err error) {
	starts, err := admin.ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	stable, stableErr := admin.ListCommittedOffsets(ctx, topic)
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
