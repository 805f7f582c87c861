package kafka

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// nothingLeft says whether a partition holds no record from an offset up to its end. Compaction can remove the last
// records of a log, a tombstone among them, while the end stays where it is: a reader that waits for the record
// before the end would wait for ever. It asks the partition's leader by a fetch of its own, since the client's consumer
// does not tell of batches without records.
func nothingLeft(ctx context.Context, cl *kgo.Client, topic string, partition int32, from, end int64) (bool, error) {
	for {
		p, err := fetchOnce(ctx, cl, topic, partition, from)
		if err != nil {
			return false, fmt.Errorf("look for the end of topic %s, partition %d: %w", topic, partition, temporary(err))
		}
		bytes := len(p.RecordBatches)
		parsed, next := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
			KeepControlRecords: true, Offset: from, IsolationLevel: kgo.ReadCommitted(), Topic: topic, Partition: partition,
		}, p, kgo.DefaultDecompressor(), nil)
		switch {
		case parsed.Err != nil:
			return false, nil // the client's consumer reports it
		case len(parsed.Records) > 0:
			return false, nil
		case bytes == 0 || next >= end:
			return p.LastStableOffset >= end, nil
		case next <= from:
			return false, nil
		}
		from = next
	}
}

// fetchOnce asks the leader of a partition for what it has at an offset.
func fetchOnce(ctx context.Context, cl *kgo.Client, topic string, partition int32, from int64) (*kmsg.FetchResponseTopicPartition, error) {
	meta, err := kadm.NewClient(cl).Metadata(ctx, topic)
	if err != nil {
		return nil, err
	}
	part := kmsg.NewFetchRequestTopicPartition()
	part.Partition, part.FetchOffset, part.PartitionMaxBytes = partition, from, 1<<20
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID, t.Partitions = topic, meta.Topics[topic].ID, []kmsg.FetchRequestTopicPartition{part}
	r := kmsg.NewPtrFetchRequest()
	r.MinBytes, r.MaxBytes, r.IsolationLevel, r.Topics = 0, 1<<20, 1, []kmsg.FetchRequestTopic{t}
	answer, err := cl.Broker(int(meta.Topics[topic].Partitions[partition].Leader)).RetriableRequest(ctx, r)
	if err != nil {
		return nil, err
	}
	f := answer.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(f.ErrorCode); err != nil {
		return nil, err
	}
	if len(f.Topics) != 1 || len(f.Topics[0].Partitions) != 1 {
		return nil, kerr.UnknownTopicOrPartition
	}
	return &f.Topics[0].Partitions[0], nil
}

// emptied returns the partitions of left that hold nothing more, seen from where they were read to.
func (r *restoration) emptied(cl *kgo.Client, left, read map[connector.Partition]int64) (ended []connector.Partition) {
	for at, end := range left {
		nothing, err := nothingLeft(r.ctx, cl, r.worker.config.Topics[at.Topic].Name, at.Partition, read[at], end)
		if err != nil {
			r.worker.log.Warn("restoring waits", "error", err)
		}
		if nothing {
			ended = append(ended, at)
		}
	}
	return ended
}
