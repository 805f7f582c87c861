package bench

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/millrace/millrace/bench/input"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
)

const (
	inTopic, outTopic = "in", "out"
	memoryPartitions  = 4
	fewRecords        = 100_000
)

func topic[V any](name string, values codec.Codec[V]) framework.Topic[framework.None, V] {
	return keyedTopic(name, codec.None, values)
}

func keyedTopic[K comparable, V any](name string, keys codec.Codec[K], values codec.Codec[V]) framework.Topic[K, V] {
	return framework.NewTopic(connector.Factory{Kind: "memory"}, connector.TopicSpec{Name: name}, keys, values)
}

func passthrough(t *framework.Topology) {
	t.From(topic(inTopic, codec.Bytes)).To(topic(outTopic, codec.Bytes))
}

func wordcount(t *framework.Topology) {
	t.From(topic(inTopic, codec.String)).
		FlatMap(strings.Fields).
		GroupBy(strings.ToLower).
		Count("counts").
		Stream().
		To(keyedTopic(outTopic, codec.String, codec.Int64))
}

// records makes the input of one run.
func records(n int, appendValue func(i int, dst []byte) []byte) [][]connector.Record {
	all := make([][]connector.Record, memoryPartitions)
	for i := range n {
		p := i / 64 % memoryPartitions
		all[p] = append(all[p], connector.Record{Offset: int64(len(all[p])), Time: 1_700_000_000_000 + int64(i), Value: appendValue(i, nil)})
	}
	return all
}

// allocationsPerRecord runs the whole application but for the client, from fetched bytes to bytes handed to the client,
// over n records and over 2n, so that start, end and what is made once for each word do not count.
func allocationsPerRecord(t *testing.T, graph func(*framework.Topology), newInput func() func(i int, dst []byte) []byte) float64 {
	t.Helper()
	run := func(n int) float64 {
		in := records(n, newInput())
		return testing.AllocsPerRun(1, func() {
			top := framework.New()
			graph(top)
			app, err := top.Build(framework.Config{
				Name: "bench", Connectors: []connector.Connector{newMemory(inTopic, in, outTopic)},
				Workers: 1, Bounded: true, Logger: slog.New(slog.DiscardHandler),
			})
			if err == nil {
				err = app.Run(context.Background())
			}
			if err != nil {
				t.Fatal(err)
			}
			if stats := app.Stats(); stats.In < int64(n) || stats.Out == 0 {
				t.Fatalf("%d records in, %d out, of %d", stats.In, stats.Out, n)
			}
		})
	}
	few, many := run(fewRecords), run(2*fewRecords)
	t.Logf("%d records: %.0f allocations, %d: %.0f", fewRecords, few, 2*fewRecords, many)
	return (many - few) / fewRecords
}

func TestAllocationsOfPassthroughAreAtMostOneARecord(t *testing.T) {
	got := allocationsPerRecord(t, passthrough, func() func(int, []byte) []byte { return input.NewEvents().Append })
	t.Logf("%.3f allocations a record", got)
	if got > 1.01 { // some are made for each round, not for each record
		t.Errorf("%.3f allocations a record, want at most 1", got)
	}
}

func TestAllocationsOfWordCountAreAtMostTwoALineAndNoneAWord(t *testing.T) {
	of := func(words int) float64 {
		return allocationsPerRecord(t, wordcount, func() func(int, []byte) []byte { return input.NewLines(words, false).Append })
	}
	short, long := of(12), of(24)
	t.Logf("%.3f allocations a line of 12 words, %.3f a line of 24", short, long)
	if short > 2.1 || long > 2.1 { // some are made for each round, of which a busy machine has more, not for each line
		t.Errorf("%.3f and %.3f allocations a line, want at most 2", short, long)
	}
	if word := (long - short) / 12; word > 0.01 {
		t.Errorf("%.3f allocations a word, want none", word)
	}
}
