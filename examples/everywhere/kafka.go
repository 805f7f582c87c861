package everywhere

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// brokers is topics of a cluster of Kafka. Names of topics and groups begin with the prefix, which is this run's only.
type brokers struct {
	addresses []string
	prefix    string
}

func (k *brokers) application() string { return k.prefix + "everywhere" }

func (k *brokers) connector() connector.Connector {
	return kafka.New(kafka.Config{Brokers: k.addresses})
}

func (k *brokers) client(options ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(k.addresses...), kgo.MetadataMinAge(100 * time.Millisecond)}, options...)...)
}

func (k *brokers) write(ctx context.Context, topic string, at time.Time, partitions [][]string) error {
	client, err := k.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.UnknownTopicRetries(-1))
	if err != nil {
		return err
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(ctx, int32(len(partitions)), -1, nil, k.prefix+topic); err != nil {
		return err
	}
	var records []*kgo.Record
	for p, values := range partitions {
		for _, v := range values {
			records = append(records, &kgo.Record{Topic: k.prefix + topic, Partition: int32(p), Timestamp: at, Value: []byte(v)})
		}
	}
	return client.ProduceSync(ctx, records...).FirstErr()
}

func (k *brokers) read(ctx context.Context, topic string) (values []string, err error) {
	name := k.prefix + topic
	client, err := k.client(kgo.ConsumeTopics(name), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, name)
	if err != nil {
		return nil, err
	}
	end, _ := ends.Lookup(name, 0)
	for next := int64(0); next < end.Offset; {
		fetched := client.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			return nil, err
		}
		fetched.EachRecord(func(r *kgo.Record) {
			values = append(values, string(r.Value))
			next = r.Offset + 1
		})
	}
	return values, end.Err
}

// remove deletes the run's topics and groups.
func (k *brokers) remove(ctx context.Context) error {
	client, err := k.client()
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	topics, err := admin.ListTopics(ctx)
	if err != nil {
		return err
	}
	groups, err := admin.ListGroups(ctx)
	if err != nil {
		return err
	}
	deletedTopics, topicsErr := admin.DeleteTopics(ctx, k.own(topics.Names())...)
	deletedGroups, groupsErr := admin.DeleteGroups(ctx, k.own(groups.Groups())...)
	return errors.Join(topicsErr, deletedTopics.Error(), groupsErr, deletedGroups.Error())
}

// own returns the names that begin with the prefix.
func (k *brokers) own(names []string) (own []string) {
	for _, name := range names {
		if strings.HasPrefix(name, k.prefix) {
			own = append(own, name)
		}
	}
	return own
}
