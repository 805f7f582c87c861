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

func TestAssignedPartitionsStartPaused(t *testing.T) {
	f := brokerWith(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "in"))
	f.produce("in", 0, "a")
	f.produce("in", 1, "b")
	m := f.open(config("in"))
	m.eager = false
	m.until("both partitions", m.owns(2))
	m.Resume([]connector.Partition{at(0, 0)})
	m.until("what was resumed", m.has(at(0, 0), 1))
	f.produce("in", 0, "c")
	m.until("more of it", m.has(at(0, 0), 2))
	if got := m.read[at(0, 1)]; len(got) > 0 {
		t.Errorf("a partition that nobody resumed was fetched: %q", values(got))
	}
	m.Resume([]connector.Partition{at(0, 1)})
	m.until("the other one", m.has(at(0, 1), 1))
}

func TestAPauseLosesAndRepeatsNothing(t *testing.T) {
	f := broker(t, "in")
	f.produce("in", 0, "a", "b", "c")
	m := f.open(config("in"))
	m.until("the first three", m.has(at(0, 0), 3))
	for i := range 10 {
		m.Pause([]connector.Partition{at(0, 0)})
		f.produce("in", 0, "x", "y")
		m.Resume([]connector.Partition{at(0, 0)})
		m.until("two more", m.has(at(0, 0), 5+2*i))
	}
	for i, r := range m.read[at(0, 0)] {
		if r.Offset != int64(i) {
			t.Fatalf("the %d-th record has offset %d", i, r.Offset)
		}
	}
}

func TestAPauseDoesNotSurviveARebalance(t *testing.T) {
	f := brokerWith(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "in"))
	first := f.open(config("in"))
	first.until("both partitions", first.owns(2))
	first.Pause([]connector.Partition{at(0, 0), at(0, 1)})
	c := config("in")
	c.Process, c.Index = "q", 1
	second := f.open(c)
	second.try("its share", func() bool { first.poll(); return len(second.assigned) == 1 && len(first.assigned) == 1 })
	if err := second.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.produce("in", 0, "a")
	f.produce("in", 1, "b")
	first.Resume([]connector.Partition{at(0, 0), at(0, 1)})
	first.until("both partitions again", first.owns(2))
	first.until("records of both", func() bool { return len(first.read[at(0, 0)]) == 1 && len(first.read[at(0, 1)]) == 1 })
}

func TestWhatWasCommittedComesBackWithTheAssignment(t *testing.T) {
	f := brokerWith(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "in"))
	f.produce("in", 0, "a", "b", "c")
	m := f.open(config("in"))
	m.until("both partitions", m.owns(2))
	positions := []connector.Position{
		{Partition: at(0, 0), Offset: 2, Metadata: "times of 0"},
		{Partition: at(0, 1), Offset: 0, Metadata: "times of 1"},
	}
	if err := m.Commit(t.Context(), positions); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	m = f.open(config("in"))
	m.until("both partitions", m.owns(2))
	for p, want := range map[connector.Partition]connector.Assignment{
		at(0, 0): {Partition: at(0, 0), Offset: 2, End: 3, Metadata: "times of 0"},
		at(0, 1): {Partition: at(0, 1), Offset: 0, End: 0, Metadata: "times of 1"},
	} {
		if got := m.assigned[p]; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	m.until("the rest", m.has(at(0, 0), 1))
	if got := values(m.read[at(0, 0)]); !slices.Equal(got, []string{"c"}) {
		t.Errorf("read %q", got)
	}
}

func TestACommittedOffsetThatIsGoneIsANamedError(t *testing.T) {
	f := broker(t, "in")
	f.produce("in", 0, "a", "b", "c")
	f.commit("in", 0, 1, "")
	if err := f.cluster.DeleteRecords("in", 0, 2); err != nil {
		t.Fatal(err)
	}
	err := f.open(config("in")).failed()
	if !errors.Is(err, connector.ErrGap) {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{"topic in, partition 0", "offset 1 is committed and the log begins at 2", "OnGap(framework.Skip)"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

func TestACommittedOffsetThatIsGoneIsAGapWhereItIsSkipped(t *testing.T) {
	f := broker(t, "in")
	f.produce("in", 0, "a", "b", "c")
	f.commit("in", 0, 0, "times")
	if err := f.cluster.DeleteRecords("in", 0, 2); err != nil {
		t.Fatal(err)
	}
	c := config("in")
	c.Sources[0].SkipGap = true
	m := f.open(c)
	m.until("the rest", m.has(at(0, 0), 1))
	want := connector.Assignment{Partition: at(0, 0), Offset: 2, End: 3, Gap: 2, Metadata: "times"}
	if got := m.assigned[at(0, 0)]; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := values(m.read[at(0, 0)]); !slices.Equal(got, []string{"c"}) {
		t.Errorf("read %q", got)
	}
}

func TestACommittedOffsetBeyondTheEndIsANamedError(t *testing.T) {
	f := broker(t, "in")
	f.produce("in", 0, "a")
	f.commit("in", 0, 7, "")
	err := f.open(config("in")).failed()
	if !errors.Is(err, connector.ErrGap) || !strings.Contains(err.Error(), "offset 7 is committed and the log ends at 1") {
		t.Errorf("got %v", err)
	}
}

func TestWhereReadingBeginsIsSaidByTheSource(t *testing.T) {
	for name, c := range map[string]struct {
		start connector.Start
		want  int64
	}{
		"earliest":              {connector.Start{}, 1},
		"latest":                {connector.Start{Latest: true}, 4},
		"at a time":             {connector.Start{At: time.Unix(2, 0)}, 2},
		"between two records":   {connector.Start{At: time.UnixMilli(2500)}, 3},
		"after the last record": {connector.Start{At: time.Unix(100, 0)}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			f := broker(t, "in")
			f.produce("in", 0, "0", "1", "2", "3")
			if err := f.cluster.DeleteRecords("in", 0, 1); err != nil {
				t.Fatal(err)
			}
			w := config("in")
			w.Sources[0].Start = c.start
			m := f.open(w)
			m.until("the partition", m.owns(1))
			if got := m.assigned[at(0, 0)].Offset; got != c.want {
				t.Errorf("begins at %d, want %d", got, c.want)
			}
			f.produce("in", 0, "new")
			m.until("the new record", func() bool {
				got := values(m.read[at(0, 0)])
				return len(got) > 0 && got[len(got)-1] == "new"
			})
			if first := m.read[at(0, 0)][0].Offset; first != c.want {
				t.Errorf("the first record read is %d, want %d", first, c.want)
			}
		})
	}
}

func TestMarkersOfTransactionsMoveThePosition(t *testing.T) {
	f := broker(t, "in")
	f.transact(kgo.TryCommit, "in", "a", "b")
	f.transact(kgo.TryAbort, "in", "never", "seen", "again")
	m := f.open(config("in"))
	m.until("two markers", m.has(at(0, 0), 4))
	if got := values(m.read[at(0, 0)]); !slices.Equal(got, []string{"a", "b", "#", "#"}) {
		t.Errorf("read %q", got)
	}
	last := m.read[at(0, 0)][3].Offset
	if end := m.end[at(0, 0)]; last+1 != end || end != 7 {
		t.Errorf("the last marker is at %d, the log ends at %d", last, end)
	}
}

func TestAnOpenTransactionIsNotRead(t *testing.T) {
	f := broker(t, "in")
	f.produce("in", 0, "a")
	cl := f.dial(kgo.TransactionalID("open"))
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "in", Value: []byte("b")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	m := f.open(config("in"))
	m.until("what is stable", m.has(at(0, 0), 1))
	if end := m.assigned[at(0, 0)].End; end != 1 {
		t.Errorf("the assignment says that the stable end is %d", end)
	}
	if err := cl.EndTransaction(t.Context(), kgo.TryCommit); err != nil {
		t.Fatal(err)
	}
	m.until("the rest", m.has(at(0, 0), 3))
	if got := values(m.read[at(0, 0)]); !slices.Equal(got, []string{"a", "b", "#"}) {
		t.Errorf("read %q", got)
	}
}

func TestLostPartitionsAreReported(t *testing.T) {
	f := broker(t, "in")
	f.produce("in", 0, "a")
	m := f.open(config("in"))
	m.until("a record", m.has(at(0, 0), 1))
	fault := f.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.UnknownMemberID, TopLevel: true})
	m.until("the loss", func() bool { return m.lost == 1 })
	m.until("the partition again", m.owns(1))
	if fault.Hits() == 0 {
		t.Error("no heartbeat was refused")
	}
	m.until("the record again, since nothing was committed", m.has(at(0, 0), 2))
}

func TestClosingTwiceIsSafe(t *testing.T) {
	f := broker(t, "in")
	m := f.open(config("in"))
	m.until("the partition", m.owns(1))
	for range 2 {
		if err := m.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 { // an event may have been left
		if _, err := m.Poll(t.Context(), time.Second, true); errors.Is(err, errClosed) {
			return
		}
	}
	t.Error("a closed worker polls")
}

func TestClosingEndsAPollThatWaits(t *testing.T) {
	f := broker(t, "in")
	m := f.open(config("in"))
	m.until("the partition", m.owns(1))
	ended := make(chan error)
	go func() {
		for {
			if _, err := m.Poll(context.Background(), time.Minute, true); err != nil {
				ended <- err
				return
			}
		}
	}()
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, errClosed) {
			t.Errorf("got %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the poll still waits")
	}
}

func TestClosingBeforeTheFirstPollLeavesTheGroup(t *testing.T) {
	f := broker(t, "in")
	if err := f.open(config("in")).Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := f.open(config("in"))
	m.until("the partition", m.owns(1))
}

func TestWakeEndsAPollThatWaits(t *testing.T) {
	f := broker(t, "in")
	m := f.open(config("in"))
	m.until("the partition", m.owns(1))
	m.Wake()
	began := time.Now()
	if _, err := m.Poll(t.Context(), time.Minute, true); err != nil || time.Since(began) > 30*time.Second {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}

func TestWithoutRecordsAPollLeavesThemWhereTheyAre(t *testing.T) {
	f := broker(t, "in")
	f.produce("in", 0, "a")
	m := f.open(config("in"))
	m.until("the record", m.has(at(0, 0), 1))
	f.produce("in", 0, "b")
	for range 20 {
		b, err := m.Poll(t.Context(), 5*time.Millisecond, false)
		if err != nil || len(b.Runs) > 0 {
			t.Fatalf("got %v, %v", b.Runs, err)
		}
	}
	m.until("it when it is asked for", m.has(at(0, 0), 2))
}
