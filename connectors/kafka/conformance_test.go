package kafka

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/frameworktest"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestTheConnectorConforms(t *testing.T) {
	frameworktest.Conformance(t, frameworktest.Connector{
		Open: func(tb testing.TB) frameworktest.Place {
			f := brokerWith(tb.(*testing.T), kfake.NumBrokers(1))
			return frameworktest.Place{Connector: f.again(), Reopen: f.again, Source: f.source, Put: f.put, Take: f.take, Expel: f.expel}
		},
	})
}

func (f *fixture) again() connector.Connector {
	return New(Config{Brokers: f.cluster.ListenAddrs(), Options: f.options})
}

func (f *fixture) source(name string, partitions int32) (string, error) {
	_, err := f.admin.CreateTopic(f.Context(), partitions, 1, nil, name)
	return name, err
}

func (f *fixture) put(topic string, partition int32, records ...connector.Record) error {
	var all []*kgo.Record
	for _, r := range records {
		all = append(all, &kgo.Record{Topic: topic, Partition: partition, Key: r.Key, Value: r.Value, Timestamp: time.UnixMilli(r.Time)})
	}
	return f.client.ProduceSync(f.Context(), all...).FirstErr()
}

// take reads a topic to its end with a client of its own.
func (f *fixture) take(topic string) ([][]connector.Record, error) {
	ends, err := f.admin.ListCommittedOffsets(f.Context(), topic)
	if err != nil || errors.Is(ends.Error(), kerr.UnknownTopicOrPartition) {
		return nil, err
	}
	all := make([][]connector.Record, len(ends[topic]))
	left := int64(0)
	for _, e := range ends[topic] {
		left += e.Offset
	}
	cl := f.dial(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(f.Context(), 10*time.Second)
	defer cancel()
	for left > 0 && ctx.Err() == nil {
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			all[r.Partition] = append(all[r.Partition], connector.Record{
				Offset: r.Offset, Time: r.Timestamp.UnixMilli(), Key: r.Key, Value: r.Value, Headers: headers(r.Headers),
			})
			left--
		})
	}
	return all, ctx.Err()
}

// expel makes the members leave the group behind their backs: they hear of it by their next heartbeat.
func (f *fixture) expel(connector.Worker) error {
	groups, err := f.admin.DescribeGroups(f.Context(), "conformance")
	if err != nil {
		return err
	}
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group = "conformance"
	for _, m := range groups["conformance"].Members {
		member := kmsg.NewLeaveGroupRequestMember()
		member.MemberID = m.MemberID
		leave.Members = append(leave.Members, member)
	}
	_, err = leave.RequestWith(f.Context(), f.client)
	return err
}
