package peer

import (
	"context"
	"encoding/binary"
	"maps"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/bench/input"
)

// cluster starts a broker in memory with the topics of a peer and an input of n values.
func cluster(t *testing.T, n int, appendValue func(i int, dst []byte) []byte) Config {
	t.Helper()
	c := Config{Group: "peer", In: "in", Out: "out", Clients: 2, Commit: 20 * time.Millisecond, Flush: 5 * time.Millisecond}
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, c.In, c.Out, c.Repartition(), c.Changelog()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	c.Brokers = broker.ListenAddrs()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers...), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var records []*kgo.Record
	for i := range n {
		records = append(records, &kgo.Record{Topic: c.In, Value: appendValue(i, nil)})
	}
	if err := cl.ProduceSync(t.Context(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return c
}

// serve runs the peer while the output is read, until done says so.
func serve(t *testing.T, c Config, run func(context.Context, Config) error, done func(*kgo.Record) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	serving, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- run(serving, c) }() // waited for below
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers...), kgo.ConsumeTopics(c.Out))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for over := false; !over; {
		fs := cl.PollFetches(ctx)
		if err := fs.Err(); err != nil {
			t.Error("the output is not complete: ", err)
			break
		}
		fs.EachRecord(func(r *kgo.Record) { over = done(r) || over })
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestPassthroughCopiesEveryRecord(t *testing.T) {
	e := input.NewEvents()
	c := cluster(t, 5000, e.Append)
	var got input.Digest
	serve(t, c, Passthrough, func(r *kgo.Record) bool {
		got.Add(r.Value)
		return got.Records == e.Digest().Records
	})
	if got != e.Digest() {
		t.Error("other records came out than went in")
	}
}

func TestWordCountCountsAsABatchDoesAndGoesOnAfterAStop(t *testing.T) {
	l := input.NewLines(12, true)
	c := cluster(t, 2000, l.Append)
	counts := map[string]int64{}
	words, lines := int64(0), int64(2000)
	done := func(r *kgo.Record) bool {
		n := int64(binary.BigEndian.Uint64(r.Value))
		words += n - counts[string(r.Key)]
		counts[string(r.Key)] = n
		return words == 12*lines && maps.Equal(counts, l.Counts())
	}
	serve(t, c, WordCount, done)

	cl, err := kgo.NewClient(kgo.SeedBrokers(c.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var more []*kgo.Record
	for i := range 100 { // the counts are restored from the changelog
		more = append(more, &kgo.Record{Topic: c.In, Value: l.Append(i, nil)})
		lines++
	}
	if err := cl.ProduceSync(t.Context(), more...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	serve(t, c, WordCount, done)
}
