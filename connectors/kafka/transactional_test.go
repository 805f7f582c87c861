package kafka

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// exactly is a worker that reads the first of the topics and commits by transactions.
func exactly(topics ...string) connector.WorkerConfig {
	c := config(topics...)
	c.Sources, c.Groups = c.Sources[:1], c.Groups[:1]
	c.Atomic, c.Instance = true, "i"
	return c
}

// Who starts again under its id ends what it left open: a process that was stopped and goes on must not commit any more.
func TestAWorkerThatStartsAgainEndsWhatItLeftOpen(t *testing.T) {
	f := broker(t, "in", "out")
	f.produce("in", 0, "a")
	zombie := f.open(exactly("in", "out"))
	zombie.until("its partition", zombie.owns(1))
	zombie.until("its record", zombie.has(at(0, 0), 1))
	zombie.write(connector.Out{Topic: 1, Partition: 0, Value: []byte("by the zombie"), Time: 1})
	f.open(exactly("in", "out"))
	if err := zombie.Commit(t.Context(), []connector.Position{{Partition: at(0, 0), Offset: 1}}); !errors.Is(err, connector.ErrAborted) {
		t.Errorf("the zombie's commit ended with %v", err)
	}
	committed, err := f.admin.FetchOffsets(t.Context(), "app")
	if err != nil {
		t.Fatal(err)
	}
	if o, ok := committed.Lookup("in", 0); ok && o.At > 0 {
		t.Errorf("the zombie committed offset %d", o.At)
	}
}

// What was written to a changelog and not committed when restoring began may be committed by its last owner. It belongs to the store.
func TestARestorationWaitsForWhatTheLastOwnerHasOpen(t *testing.T) {
	f := broker(t, "in", "log")
	f.transact(kgo.TryCommit, "log", "a")
	owner := f.dial(kgo.TransactionalID("the last owner"))
	if err := owner.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := owner.ProduceSync(t.Context(), &kgo.Record{Topic: "log", Value: []byte("b")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	m := f.open(exactly("in", "log"))
	m.Restore(connector.Whole(at(1, 0)))
	m.until("the first record", func() bool { return len(m.restored[at(1, 0)]) > 0 })
	for range 5 {
		m.poll()
	}
	if m.complete[at(1, 0)] {
		t.Error("the restoration ended before the transaction")
	}
	if err := owner.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	m.until("the restoration", func() bool { return m.complete[at(1, 0)] })
	if got := values(m.restored[at(1, 0)]); !slices.Equal(got, []string{"a", "#", "b"}) && !slices.Equal(got, []string{"a", "#", "b", "#"}) {
		t.Errorf("got %q", got)
	}
}

// A broker takes offsets of any member for any partition: that it is another's has to be seen here.
func TestATransactionIsNotCommittedForARevokedPartition(t *testing.T) {
	f := brokerWith(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "in"), kfake.SeedTopics(1, "out"))
	first := f.open(exactly("in", "out"))
	first.until("both partitions", first.owns(2))
	c := exactly("in", "out")
	c.Process, c.Instance = "q", "j"
	second := f.open(c)
	second.try("its share", func() bool { first.poll(); return len(second.assigned) == 1 && len(first.assigned) == 1 })
	first.write(connector.Out{Topic: 1, Partition: 0, Value: []byte("of both"), Time: 1})
	both := []connector.Position{{Partition: at(0, 0), Offset: 1}, {Partition: at(0, 1), Offset: 1}}
	if err := first.Commit(t.Context(), both); !errors.Is(err, connector.ErrAborted) {
		t.Errorf("the commit ended with %v", err)
	}
	committed, err := f.admin.FetchOffsets(t.Context(), "app")
	if err != nil {
		t.Fatal(err)
	}
	for p := range second.assigned {
		if o, ok := committed.Lookup("in", p.Partition); ok && o.At > 0 {
			t.Errorf("offset %d of another's partition was committed", o.At)
		}
	}
}

// A commit that was refused took the positions with it: what it would have committed must not come with a later one, which has others.
func TestAfterACommitThatWasRefusedNothingIsCommitted(t *testing.T) {
	f := broker(t, "in", "out")
	f.produce("in", 0, "a")
	m := f.open(exactly("in", "out"))
	m.until("its record", m.has(at(0, 0), 1))
	m.write(connector.Out{Topic: 1, Partition: 0, Value: []byte("twice"), Time: 1})
	f.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Err: kerr.OffsetMetadataTooLarge})
	if err := m.Commit(t.Context(), []connector.Position{{Partition: at(0, 0), Offset: 1}}); err == nil || errors.Is(err, connector.ErrAborted) {
		t.Errorf("the commit ended with %v", err)
	}
	if err := m.Commit(t.Context(), nil); !errors.Is(err, connector.ErrAborted) {
		t.Errorf("the commit after it ended with %v", err)
	}
	reader := f.dial(kgo.ConsumeTopics("out"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if fetches := reader.PollFetches(ctx); fetches.NumRecords() > 0 {
		t.Errorf("%d records were committed without what they were made of", fetches.NumRecords())
	}
}

// A partition that the group cannot tell the offset of is asked for again: the client goes on without it, and nobody would read it.
func TestAPartitionWhoseOffsetIsRefusedIsAskedForAgain(t *testing.T) {
	f := broker(t, "in")
	f.produce("in", 0, "a")
	fault := f.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Topic: "in", Err: kerr.UnknownTopicOrPartition, Count: 2})
	m := f.open(config("in"))
	m.until("the record", m.has(at(0, 0), 1))
	if fault.Hits() != 2 {
		t.Errorf("%d faults were hit", fault.Hits())
	}
	f.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Topic: "in", Err: kerr.TopicAuthorizationFailed})
	c := config("in")
	c.Group = "another"
	if err := f.open(c).failed(); !errors.Is(err, kerr.TopicAuthorizationFailed) || !strings.Contains(err.Error(), "; allow this user to ") {
		t.Errorf("the error is %v", err)
	}
}
