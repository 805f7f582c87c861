package integration

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestASlowSinkPausesFetchingAndKeepsTheMember gives a sink that takes 1 ms a record more than the budget holds. It stays slow
// for longer than a session lasts; then it is fast and gets all of it.
func TestASlowSinkPausesFetchingAndKeepsTheMember(t *testing.T) {
	const partitions, perPartition, budget = 4, 10_000, 1 << 20
	c := sharedBroker(t).open(t, 2*time.Minute)
	from := c.topic("values", partitions)
	var records []*kgo.Record
	for i := range int32(partitions * perPartition) {
		value := make([]byte, 1000)
		rand.Read(value) // what does not compress is as large in the client as on the way
		records = append(records, &kgo.Record{Topic: from, Partition: i % partitions, Value: value})
	}
	writer := c.connect(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(32<<10)) // a fetch brings whole batches
	c.must(writer.ProduceSync(c.ctx, records...).FirstErr())

	var taken atomic.Int64
	fast := make(chan struct{})
	slow := time.NewTicker(time.Millisecond)
	defer slow.Stop()
	r := c.run(framework.Config{
		Workers: 1, BudgetBytes: budget,
		Connectors: []connector.Connector{kafka.New(kafka.Config{
			Brokers: []string{c.broker.address}, Options: []kgo.Opt{kgo.SessionTimeout(sessionLength)},
		})},
	}, func(topology *framework.Topology) {
		topology.From(kafka.Topic(from, codec.None, codec.Bytes)).ForEach(func(ctx context.Context, _ []byte) error {
			select {
			case <-slow.C:
			case <-fast:
			case <-ctx.Done():
				return ctx.Err()
			}
			taken.Add(1)
			return nil
		})
	}).ready()
	members := func() []string {
		described, err := c.admin.DescribeGroups(c.ctx, c.name)
		c.must(err)
		var ids []string
		for _, m := range described[c.name].Members {
			ids = append(ids, m.MemberID)
		}
		return ids
	}
	c.until("partitions are paused", func() (bool, error) { return r.app.Stats().Pauses["memory"] > 0, nil }, r)
	member, begun := members(), taken.Load()
	held := int64(0)
	c.until("the sink was slow for two sessions", func() (bool, error) {
		held = max(held, r.app.Stats().Held)
		return taken.Load()-begun > 2*sessionLength.Milliseconds(), nil
	}, r)
	t.Logf("%d of %d records taken, at most %d KiB held, paused %d times", taken.Load(), len(records), held>>10, r.app.Stats().Pauses["memory"])
	if now := members(); len(member) != 1 || !slices.Equal(now, member) {
		t.Errorf("the group's members were %v and are %v", member, now)
	}
	if held > 2*budget {
		t.Errorf("%d bytes were held with a budget of %d", held, budget)
	}
	close(fast)
	ends, err := c.ends(from)
	c.must(err)
	c.until("all records are taken and committed", func() (bool, error) {
		committed, err := c.committed(c.name, from)
		return maps.Equal(committed, ends), err
	}, r)
	r.halt()
	if n := taken.Load(); n != int64(len(records)) {
		t.Errorf("the sink took %d records, want %d", n, len(records))
	}
}
