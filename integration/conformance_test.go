package integration

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/frameworktest"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestTheKafkaConnectorConforms(t *testing.T) {
	b := sharedBroker(t)
	frameworktest.Conformance(t, frameworktest.Connector{
		Patience: 30 * time.Second,
		Open: func(tb testing.TB) frameworktest.Place {
			c := b.open(tb.(*testing.T), 2*time.Minute)
			c.name = fmt.Sprintf("conformance-%d", opened.Load())
			again := func() connector.Connector { return c.connector(kgo.MetadataMinAge(100 * time.Millisecond)) }
			return frameworktest.Place{
				Application: c.name, Connector: again(), Reopen: again, Put: c.put, Take: c.take, Expel: c.expel,
				Source: func(name string, partitions int32) (string, error) { return c.topic(name, partitions), nil },
				Sink:   func(name string) string { return c.name + "-" + name },
			}
		},
	})
}

func (c *cluster) put(topic string, partition int32, records ...connector.Record) error {
	var all []*kgo.Record
	for _, r := range records {
		all = append(all, &kgo.Record{Topic: topic, Partition: partition, Key: r.Key, Value: r.Value, Timestamp: time.UnixMilli(r.Time)})
	}
	return c.client.ProduceSync(c.ctx, all...).FirstErr()
}

// take reads a topic to its end.
func (c *cluster) take(topic string) ([][]connector.Record, error) {
	ends, err := c.ends(topic)
	if err != nil {
		return nil, err
	}
	all := make([][]connector.Record, len(ends))
	cl := c.connect(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(c.ctx, 30*time.Second)
	defer cancel()
	for left := sum(ends); left > 0 && ctx.Err() == nil; {
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			out := connector.Record{Offset: r.Offset, Time: r.Timestamp.UnixMilli(), Key: r.Key, Value: r.Value}
			for _, h := range r.Headers {
				out.Headers = append(out.Headers, connector.Header{Key: h.Key, Value: h.Value})
			}
			all[r.Partition] = append(all[r.Partition], out)
			left--
		})
	}
	return all, ctx.Err()
}

// expel makes the members leave the group behind their backs: they hear of it by their next heartbeat.
func (c *cluster) expel(connector.Worker) error {
	groups, err := c.admin.DescribeGroups(c.ctx, c.name)
	if err != nil {
		return err
	}
	leave := kmsg.NewPtrLeaveGroupRequest()
	leave.Group = c.name
	for _, m := range groups[c.name].Members {
		member := kmsg.NewLeaveGroupRequestMember()
		member.MemberID = m.MemberID
		leave.Members = append(leave.Members, member)
	}
	_, err = leave.RequestWith(c.ctx, c.client)
	return err
}
