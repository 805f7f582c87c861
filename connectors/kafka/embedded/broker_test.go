package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestABrokerInMemoryServesProducersGroupsAndTransactions(t *testing.T) {
	b := start(t, Config{})
	c := dial(t, b, kgo.TransactionalID("tx"))
	create(t, c, "in", 2)
	begin(t, c)
	produce(t, c, "in", 0, 0, 3)
	end(t, c, kgo.TryCommit)
	begin(t, c)
	produce(t, c, "in", 0, 3, 2)
	end(t, c, kgo.TryAbort)

	group := dial(t, b, kgo.ConsumerGroup("g"), kgo.ConsumeTopics("in"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if got, want := poll(t, group, 3), "0 1 2"; got != want {
		t.Fatalf("read %q, want %q", got, want)
	}
}

func TestAReaderOfShortFetchesSeesNothingThatWasAborted(t *testing.T) {
	b := start(t, Config{})
	c := dial(t, b, kgo.TransactionalID("tx"))
	create(t, c, "in", 1)
	begin(t, c)
	produce(t, c, "in", 0, 0, 20)
	end(t, c, kgo.TryAbort)
	begin(t, c)
	produce(t, c, "in", 0, 20, 1)
	end(t, c, kgo.TryCommit)
	reader := dial(t, b, kgo.ConsumeTopics("in"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxBytes(200), kgo.FetchMaxPartitionBytes(200))
	if got := poll(t, reader, 1); got != "20" {
		t.Errorf("read %q, want 20", got)
	}
}

func TestATopicThatNobodyCreatedDoesNotAppear(t *testing.T) {
	b := start(t, Config{})
	c := dial(t, b, kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(0))
	if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "typo"}).FirstErr(); err == nil {
		t.Fatal("a record went to a topic that was not created")
	}
}

func TestWhatWasAcknowledgedIsThereAfterAGracefulRestart(t *testing.T) {
	dir := t.TempDir()
	b := start(t, Config{Dir: dir})
	c := dial(t, b)
	create(t, c, "in", 2)
	produce(t, c, "in", 1, 0, 5)
	offsets := make(kadm.Offsets)
	offsets.AddOffset("in", 1, 3, -1)
	if err := kadm.NewClient(c).CommitAllOffsets(t.Context(), "g", offsets); err != nil {
		t.Fatal(err)
	}
	c.Close()
	stop(t, b)

	b = start(t, Config{Dir: dir})
	group := dial(t, b, kgo.ConsumerGroup("g"), kgo.ConsumeTopics("in"))
	if got, want := poll(t, group, 2), "3 4"; got != want {
		t.Fatalf("read %q after the restart, want %q", got, want)
	}
	produce(t, group, "in", 1, 5, 1)
	if got, want := poll(t, group, 1), "5"; got != want {
		t.Fatalf("read %q, want %q", got, want)
	}
}

func TestASecondBrokerOnOneFolderIsRefusedByItsName(t *testing.T) {
	dir := t.TempDir()
	b := start(t, Config{Dir: dir})
	_, err := Start(Config{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), dir+" is in use by another broker") {
		t.Fatalf("got %v, want an error that names the folder", err)
	}
	stop(t, b)
	stop(t, start(t, Config{Dir: dir}))
}

func TestAFolderThatCannotBeUsedIsNamed(t *testing.T) {
	_, err := Start(Config{Dir: "/dev/null/state"})
	if err == nil || !strings.Contains(err.Error(), "/dev/null") {
		t.Fatalf("got %v, want an error that names the folder", err)
	}
}

func TestAPortThatIsTakenIsAnError(t *testing.T) {
	b := start(t, Config{})
	if _, err := Start(Config{Port: port(t, b)}); err == nil {
		t.Fatal("two brokers listen on one port")
	}
}

func TestCloseIsSafeToCallTwice(t *testing.T) {
	b := start(t, Config{Dir: t.TempDir()})
	stop(t, b)
	stop(t, b)
}

// With fake time a test of an hour takes no time. A client needs the tag synctests to wait in a way that the bubble knows of.
// The bubble ends only when no goroutine is left.
func TestABrokerRunsInABubbleOfFakeTime(t *testing.T) {
	for name, dir := range map[string]string{"in memory": "", "in a folder": t.TempDir()} {
		t.Run(name, func(t *testing.T) { runInBubble(t, dir) })
	}
}

func runInBubble(t *testing.T, dir string) {
	synctest.Test(t, func(t *testing.T) {
		var network kfake.VirtualNetwork
		b, err := Start(Config{Dir: dir, Listen: network.Listen, Port: 9092, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer stop(t, b)
		c, err := kgo.NewClient(kgo.SeedBrokers(b.Addrs()...), kgo.Dialer(network.DialContext))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		create(t, c, "in", 1)
		before := time.Now()
		time.Sleep(time.Hour)
		if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: "in"}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if passed := time.Since(before); passed < time.Hour || passed > 2*time.Hour {
			t.Fatalf("%v passed, want an hour", passed)
		}
	})
}

func start(t *testing.T, c Config) *Broker {
	t.Helper()
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	b, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func port(t *testing.T, b *Broker) (n int) {
	t.Helper()
	if _, err := fmt.Sscanf(b.Addrs()[0], "127.0.0.1:%d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

func stop(t *testing.T, b *Broker) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

// dial returns a client that produces to the partition that a record names.
func dial(t *testing.T, b *Broker, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	options = append(options,
		kgo.SeedBrokers(b.Addrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.RetryBackoffFn(func(int) time.Duration { return 5 * time.Millisecond }), kgo.MetadataMinAge(10*time.Millisecond))
	c, err := kgo.NewClient(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func create(t *testing.T, c *kgo.Client, topic string, partitions int32) {
	t.Helper()
	if _, err := kadm.NewClient(c).CreateTopic(t.Context(), partitions, -1, nil, topic); err != nil {
		t.Fatal(err)
	}
}

// produce writes n records with the values first, first+1, ...
func produce(t *testing.T, c *kgo.Client, topic string, partition int32, first, n int) {
	t.Helper()
	for i := range n {
		r := kgo.Record{Topic: topic, Partition: partition, Value: fmt.Append(nil, first+i)}
		if err := c.ProduceSync(t.Context(), &r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// poll reads at least n records and returns their values.
func poll(t *testing.T, c *kgo.Client, n int) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var values []string
	for len(values) < n {
		f := c.PollFetches(ctx)
		if err := f.Err(); err != nil {
			t.Fatalf("read %d records, then: %v", len(values), err)
		}
		f.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return strings.Join(values, " ")
}

func begin(t *testing.T, c *kgo.Client) {
	t.Helper()
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
}

func end(t *testing.T, c *kgo.Client, try kgo.TransactionEndTry) {
	t.Helper()
	if err := c.EndTransaction(t.Context(), try); err != nil {
		t.Fatal(err)
	}
}
