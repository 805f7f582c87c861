package kafka

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework/connector"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// restoring is a worker that reads "in" in the group, beside the changelog "log".
func restoring() connector.WorkerConfig {
	c := config("in", "log")
	c.Sources, c.Groups = c.Sources[:1], c.Groups[:1]
	return c
}

func TestARestorationReadsEachPartitionToItsEnd(t *testing.T) {
	f := brokerWith(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "in"), kfake.SeedTopics(4, "log"))
	var want []string
	for i := range 5000 {
		want = append(want, fmt.Sprint(i))
	}
	for i := range want {
		f.client.Produce(t.Context(), &kgo.Record{Topic: "log", Partition: 0, Value: []byte(want[i])}, nil)
	}
	if err := f.client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.produce("log", 2, "x", "y")
	m := f.open(restoring())
	m.Restore(connector.Whole(at(1, 0), at(1, 1), at(1, 2)))
	m.until("all three", func() bool { return m.complete[at(1, 0)] && m.complete[at(1, 1)] && m.complete[at(1, 2)] })
	if got := values(m.restored[at(1, 0)]); !slices.Equal(got, want) {
		t.Errorf("%d records of partition 0", len(got))
	}
	if got := values(m.restored[at(1, 1)]); len(got) > 0 {
		t.Errorf("the empty partition has %q", got)
	}
	if got := values(m.restored[at(1, 2)]); !slices.Equal(got, []string{"x", "y"}) {
		t.Errorf("partition 2 has %q", got)
	}
	if m.complete[at(1, 3)] || len(m.restored[at(1, 3)]) > 0 {
		t.Error("a partition that nobody asked for was restored")
	}
}

// What is written after the call is not waited for; what was there is complete.
func TestARestorationEndsWhereTheLogEndedAtItsBeginning(t *testing.T) {
	f := broker(t, "in", "log")
	f.produce("log", 0, "a", "b")
	m := f.open(restoring())
	m.Restore(connector.Whole(at(1, 0)))
	m.until("the restoration", func() bool { return m.complete[at(1, 0)] })
	if got := values(m.restored[at(1, 0)]); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %q", got)
	}
}

func TestARestorationReadsBehindMarkersAndAbortedRecords(t *testing.T) {
	f := broker(t, "in", "log")
	f.transact(kgo.TryCommit, "log", "a")
	f.transact(kgo.TryAbort, "log", "never", "seen")
	m := f.open(restoring())
	m.Restore(connector.Whole(at(1, 0)))
	m.until("the restoration", func() bool { return m.complete[at(1, 0)] })
	if got := values(m.restored[at(1, 0)]); !slices.Equal(got, []string{"a", "#", "#"}) {
		t.Errorf("got %q", got)
	}
}

func TestARestorationCanBeginAnewAndBeGivenUp(t *testing.T) {
	f := brokerWith(t, kfake.NumBrokers(1), kfake.SeedTopics(1, "in"), kfake.SeedTopics(2, "log"))
	f.produce("log", 0, "a", "b")
	f.produce("log", 1, "c")
	m := f.open(restoring())
	for range 5 {
		m.Restore(connector.Whole(at(1, 0), at(1, 1)))
	}
	m.RestoreStop([]connector.Partition{at(1, 1)})
	m.until("the one that is wanted", func() bool { return m.complete[at(1, 0)] })
	if got := values(m.restored[at(1, 0)]); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got %q", got)
	}
	if m.complete[at(1, 1)] || len(m.restored[at(1, 1)]) > 0 {
		t.Error("what was given up came")
	}
	m.restored, m.complete = map[connector.Partition][]connector.Record{}, map[connector.Partition]bool{}
	m.Restore(connector.Whole(at(1, 1)))
	m.until("the other, later", func() bool { return m.complete[at(1, 1)] })
	if got := values(m.restored[at(1, 1)]); !slices.Equal(got, []string{"c"}) {
		t.Errorf("got %q", got)
	}
}

func TestRecordsOfTheGroupComeWhileStoresAreRestored(t *testing.T) {
	f := broker(t, "in", "log")
	f.produce("in", 0, "record")
	f.produce("log", 0, "change")
	m := f.open(restoring())
	m.Restore(connector.Whole(at(1, 0)))
	m.until("both", func() bool { return m.complete[at(1, 0)] && len(m.read[at(0, 0)]) == 1 })
}

func TestARestorationThatIsNotAllowedIsANamedError(t *testing.T) {
	f := broker(t, "in", "log")
	f.produce("log", 0, "a")
	f.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets, kmsg.Fetch}, Topic: "log", Err: kerr.TopicAuthorizationFailed, Count: -1})
	m := f.open(restoring())
	m.Restore(connector.Whole(at(1, 0)))
	err := m.failed()
	if err == nil || !strings.Contains(err.Error(), "topic log") || !strings.Contains(err.Error(), "allow this user") {
		t.Errorf("got %v", err)
	}
}

func TestClosingEndsARestoration(t *testing.T) {
	f := broker(t, "in", "log")
	f.produce("log", 0, "a")
	m := f.open(restoring())
	m.Restore(connector.Whole(at(1, 0)))
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}
