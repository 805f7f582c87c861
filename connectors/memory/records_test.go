package memory_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/connectors/memory"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
)

func mustNot(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	c := memory.New()
	topic := memory.Topic("t", codec.String, codec.Int64)
	mustNot(t, c.CreateTopic("t", 3))
	var want []framework.Record[string, int64]
	for i := range int64(100) {
		r := framework.Record[string, int64]{Key: fmt.Sprint("key", i), Value: i, Time: time.UnixMilli(1000 + i).UTC(), Headers: []framework.Header{{Key: "h", Value: []byte("v")}}}
		want = append(want, r)
	}
	mustNot(t, memory.Write(c, topic, want...))
	got, err := memory.Read(c, topic)
	mustNot(t, err)
	slices.SortFunc(got, func(a, b framework.Record[string, int64]) int { return int(a.Value - b.Value) })
	if len(got) != len(want) {
		t.Fatalf("%d records", len(got))
	}
	for i := range want {
		if got[i].Key != want[i].Key || got[i].Value != want[i].Value || !got[i].Time.Equal(want[i].Time) || string(got[i].Headers[0].Value) != "v" {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
	for p, l := range c.Logs("t") {
		if s := l.Span(); s.End == 0 || s.End == 100 {
			t.Errorf("partition %d has %d of 100 records: keys are not spread", p, s.End)
		}
	}
}

func TestRecordsWithoutKeyAreSpreadByTurns(t *testing.T) {
	c := memory.New()
	topic := memory.Topic("t", codec.None, codec.String)
	mustNot(t, c.CreateTopic("t", 2))
	before := time.Now().Truncate(time.Millisecond)
	for range 3 {
		mustNot(t, memory.WriteValues(c, topic, "a"))
	}
	mustNot(t, memory.WriteValues(c, topic, "b", "c", "d"))
	for p, l := range c.Logs("t") {
		if s := l.Span(); s.End != 3 {
			t.Errorf("partition %d has %d records", p, s.End)
		}
	}
	got, err := memory.Read(c, topic)
	mustNot(t, err)
	if got[0].Time.Before(before) {
		t.Errorf("without a time the record has %s", got[0].Time)
	}
}

func TestATopicThatIsMissingCannotBeWritten(t *testing.T) {
	c := memory.New()
	topic := memory.Topic("t", codec.None, codec.String)
	if err := memory.WriteValues(c, topic, "a"); err == nil || !strings.Contains(err.Error(), "create it by CreateTopic") {
		t.Errorf("got %v", err)
	}
	if got, err := memory.Read(c, topic); err != nil || len(got) > 0 {
		t.Errorf("got %v, %v", got, err)
	}
	if err := c.CreateTopic("t", 0); err == nil || !strings.Contains(err.Error(), "topic t") {
		t.Errorf("a topic without partitions: %v", err)
	}
}

func TestTombstonesAreToldFromValues(t *testing.T) {
	c := memory.New()
	topic := memory.Topic("t", codec.String, codec.String)
	mustNot(t, c.CreateTopic("t", 1))
	mustNot(t, memory.Write(c, topic, framework.Record[string, string]{Key: "a", Value: "1"}, framework.Record[string, string]{Key: "b", Value: "2"}))
	mustNot(t, c.Append("t", 0, connector.Record{Key: []byte("a")}))
	if _, err := memory.Read(c, topic); err == nil || !strings.Contains(err.Error(), "topic t, partition 0, offset 2: a tombstone of key a") {
		t.Errorf("got %v", err)
	}
	got, err := memory.Latest(c, topic)
	mustNot(t, err)
	if len(got) != 1 || got["b"] != "2" {
		t.Errorf("got %v", got)
	}
}

func TestWhatCannotBeDecodedIsNamed(t *testing.T) {
	c := memory.New()
	topic := memory.Topic("t", codec.None, codec.Int64)
	mustNot(t, c.CreateTopic("t", 1))
	mustNot(t, c.Append("t", 0, connector.Record{Value: []byte("x")}))
	if _, err := memory.Read(c, topic); err == nil || !strings.Contains(err.Error(), "topic t, partition 0, offset 0: decode the value as int64") {
		t.Errorf("got %v", err)
	}
}

// Two applications share one connector: what the first one writes the second one reads, while both run.
func TestOneApplicationReadsWhatAnotherWrites(t *testing.T) {
	c := memory.New()
	in, between := memory.Topic("in", codec.None, codec.String, memory.Partitions(2)), memory.Topic("between", codec.None, codec.String, memory.Partitions(2))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	arrived := make(chan string)
	graphs := map[string]func(*framework.Topology){
		"first": func(top *framework.Topology) { top.From(in).Map(strings.ToUpper).To(between) },
		"second": func(top *framework.Topology) {
			top.From(between).ForEach(func(ctx context.Context, v string) error {
				select {
				case arrived <- v:
				case <-ctx.Done():
				}
				return nil
			})
		},
	}
	mustNot(t, c.CreateTopic("in", 2))
	mustNot(t, c.CreateTopic("between", 2))
	ended := make(chan error)
	for name, graph := range graphs {
		top := framework.New()
		graph(top)
		app, err := top.Build(framework.Config{Name: name, Connectors: []connector.Connector{c}, Workers: 2, Logger: slog.New(slog.DiscardHandler)})
		mustNot(t, err)
		go func() { ended <- app.Run(ctx) }() // both are waited for below
	}
	want := []string{"A", "B", "C"}
	var got []string
	for _, v := range want {
		mustNot(t, memory.WriteValues(c, in, strings.ToLower(v)))
		select {
		case v := <-arrived:
			got = append(got, v)
		case <-ctx.Done():
			t.Fatalf("only %q came", got)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	cancel()
	if err := errors.Join(<-ended, <-ended); err != nil {
		t.Error(err)
	}
}
