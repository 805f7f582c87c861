package examples_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/connectors/kafka/embedded"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

var quiet = slog.New(slog.DiscardHandler)

// The twin of convenient data IO: the chain from topic to topic of Kafka, here on a broker inside the process, and back.
func Example_kafka() {
	broker, err := embedded.Start(embedded.Config{Logger: quiet})
	must(err)
	defer broker.Close()
	numbers := kafka.Topic("numbers", codec.None, codec.JSON[int]())
	totals := kafka.Topic("totals", codec.None, codec.JSON[int](), kafka.Partitions(1))
	config := framework.Config{
		Name: "chain", Connectors: []connector.Connector{kafka.New(kafka.Config{Brokers: broker.Addrs()})}, Bounded: true, Logger: quiet,
	}
	produce(broker.Addrs(), numbers.Name(), "1", "2", "3", "4", "5")

	ctx := context.Background()
	must(framework.Run(ctx, config, func(t *framework.Topology) {
		t.From(numbers).Map(inc).Filter(even).Scan("total", 0, add).To(totals)
	}))
	config.Name = "show"
	must(framework.Run(ctx, config, func(t *framework.Topology) {
		t.From(totals).ForEach(func(_ context.Context, total int) error { fmt.Println(total); return nil })
	}))
	// Output:
	// 2
	// 6
	// 12
}

// produce creates a topic of one partition and writes values to it, as any client of Kafka does.
func produce(brokers []string, topic string, values ...string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	must(err)
	defer client.Close()
	_, err = kadm.NewClient(client).CreateTopic(context.Background(), 1, 1, nil, topic)
	must(err)
	send(brokers, topic, values...)
}

// send writes values to a topic that is there.
func send(brokers []string, topic string, values ...string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(topic))
	must(err)
	defer client.Close()
	for _, v := range values {
		must(client.ProduceSync(context.Background(), kgo.StringRecord(v)).FirstErr())
	}
}
