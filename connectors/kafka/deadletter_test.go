package kafka

import (
	"context"
	"log/slog"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestDeadLettersGoToATopicThatIsCreatedForThem(t *testing.T) {
	f := brokerWith(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "numbers"))
	f.produce("numbers", 0, "12345678", "bad")
	f.produce("numbers", 1, "worse")
	in := Topic("numbers", codec.None, codec.Int64).OnBadRecord(framework.DeadLetter("numbers-dead"))
	err := framework.Run(t.Context(), framework.Config{
		Name: "app", Bounded: true, Logger: slog.New(slog.DiscardHandler),
		Connectors: []connector.Connector{New(Config{Brokers: f.cluster.ListenAddrs(), Options: f.options})},
	}, func(t *framework.Topology) {
		t.From(in).ForEach(func(context.Context, int64) error { return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	reader := f.dial(kgo.ConsumeTopics("numbers-dead"))
	letters := map[string]*kgo.Record{}
	for len(letters) < 2 {
		fetches := reader.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { letters[string(r.Value)] = r })
	}
	for value, at := range map[string]int32{"bad": 0, "worse": 1} {
		if r := letters[value]; r == nil || r.Partition != at {
			t.Errorf("letters %v, want %q in partition %d", letters, value, at)
		}
	}
	headers := map[string]string{}
	for _, h := range letters["bad"].Headers {
		headers[h.Key] = string(h.Value)
	}
	if headers["dlq.topic"] != "numbers" || headers["dlq.offset"] != "1" || headers["dlq.timestamp"] != "1000" || headers["dlq.reason"] != "undecodable" {
		t.Errorf("headers %v", headers)
	}
}
