package integration

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// cluster is a test's view of a broker: what it writes there, and what it sees.
type cluster struct {
	t      *testing.T
	ctx    context.Context // of the test, with a bound: whatever waits ends with it
	broker *broker
	client *kgo.Client // writes records into the partitions that they name
	admin  *kadm.Client
	name   string // this test's only: an application, and the prefix of topics
}

var opened atomic.Int64

// open connects a test that takes at most so long.
func (b *broker) open(t *testing.T, within time.Duration) *cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	t.Cleanup(cancel)
	name := strings.NewReplacer("Test", "", "/", ".").Replace(t.Name())
	c := &cluster{t: t, ctx: ctx, broker: b, name: fmt.Sprintf("%.60s-%d", name, opened.Add(1))}
	c.client = c.connect(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	c.admin = kadm.NewClient(c.client)
	return c
}

// connect makes one more client, of the user that may do everything.
func (c *cluster) connect(options ...kgo.Opt) *kgo.Client {
	c.t.Helper()
	base := append([]kgo.Opt{
		kgo.SeedBrokers(c.broker.address), kgo.MetadataMinAge(100 * time.Millisecond),
		kgo.AlwaysRetryEOF(), // the engine's proxy takes connections while the broker restarts
	}, c.broker.auth...)
	cl, err := kgo.NewClient(append(base, options...)...)
	c.must(err)
	c.t.Cleanup(cl.Close)
	return cl
}

// connector returns what applications of the test reach the broker with.
func (c *cluster) connector(options ...kgo.Opt) connector.Connector {
	return kafka.New(kafka.Config{Brokers: []string{c.broker.address}, Options: options})
}

// must ends the test where something failed that is not what is tested.
func (c *cluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// topic creates a topic of the test and returns its name. Settings are name=value.
func (c *cluster) topic(suffix string, partitions int32, settings ...string) string {
	c.t.Helper()
	configs := map[string]*string{}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		configs[name] = &value
	}
	topic := c.name + "-" + suffix
	_, err := c.admin.CreateTopic(c.ctx, partitions, 1, configs, topic)
	c.must(err)
	c.until("the broker knows topic "+topic, func() (bool, error) { // it hears of it a moment after the controller said so
		listed, err := c.admin.ListTopics(c.ctx, topic)
		return err == nil && len(listed[topic].Partitions) == int(partitions), err
	})
	return topic
}

// produce writes records and waits until the broker has them.
func (c *cluster) produce(records ...*kgo.Record) {
	c.t.Helper()
	c.must(c.client.ProduceSync(c.ctx, records...).FirstErr())
}

// lines writes lines without keys, by turns to each partition.
func (c *cluster) lines(topic string, partitions int, lines []string) {
	c.t.Helper()
	records := make([]*kgo.Record, len(lines))
	for i, line := range lines {
		records[i] = &kgo.Record{Topic: topic, Partition: int32(i % partitions), Value: []byte(line)}
	}
	c.produce(records...)
}

// until waits for something that the broker or an application comes to, as long as the test may take. An application that
// ends meanwhile ends the test.
func (c *cluster) until(what string, holds func() (bool, error), apps ...*running) {
	c.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		held, err := holds()
		if held && err == nil {
			return
		}
		for _, r := range apps {
			if r.over() {
				c.t.Fatalf("waiting until %s: the application ended: %v", what, r.err)
			}
		}
		select {
		case <-tick.C:
		case <-c.ctx.Done():
			c.t.Fatalf("waited in vain until %s (last error: %v)", what, err)
		}
	}
}

// starts returns the offsets at which the partitions of a topic begin.
func (c *cluster) starts(topic string) (map[int32]int64, error) {
	return offsets(topic)(c.admin.ListStartOffsets(c.ctx, topic))
}

// ends returns the offsets that the partitions' next records get.
func (c *cluster) ends(topic string) (map[int32]int64, error) {
	return offsets(topic)(c.admin.ListEndOffsets(c.ctx, topic))
}

func offsets(topic string) func(kadm.ListedOffsets, error) (map[int32]int64, error) {
	return func(listed kadm.ListedOffsets, err error) (map[int32]int64, error) {
		if err == nil {
			err = listed.Error()
		}
		at := map[int32]int64{}
		for p, o := range listed[topic] {
			at[p] = o.Offset
		}
		return at, err
	}
}

// committed returns what a group has committed of a topic.
func (c *cluster) committed(group, topic string) (map[int32]int64, error) {
	fetched, err := c.admin.FetchOffsets(c.ctx, group)
	if err == nil {
		err = fetched.Error()
	}
	at := map[int32]int64{}
	for p, o := range fetched[topic] {
		at[p] = o.At
	}
	return at, err
}

func sum(offsets map[int32]int64) (n int64) {
	for _, at := range offsets {
		n += at
	}
	return n
}

// owners returns how many partitions of a topic each client of a stable group owns, by the id of the client.
func (c *cluster) owners(group, topic string) (map[string]int, error) {
	described, err := c.admin.DescribeGroups(c.ctx, group)
	if err == nil {
		err = described.Error()
	}
	if err != nil {
		return nil, err
	}
	owned := map[string]int{}
	if described[group].State != "Stable" {
		return owned, nil
	}
	for _, m := range described[group].Members {
		assigned, ok := m.Assigned.AsConsumer()
		if !ok {
			return nil, fmt.Errorf("the assignment of %s is not Kafka's own", m.ClientID)
		}
		owned[m.ClientID] += 0
		for _, t := range assigned.Topics {
			if t.Topic == topic {
				owned[m.ClientID] += len(t.Partitions)
			}
		}
	}
	return owned, nil
}
