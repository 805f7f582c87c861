package kafka

import (
	"context"
	"errors"
	"fmt"
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

// ack is one call of acked.
type ack struct {
	bytes int
	err   error
}

// write writes records and waits for their acknowledgements.
func (m *polled) write(outs ...connector.Out) (acks []ack) {
	m.t.Helper()
	acked := make(chan ack, len(outs))
	m.Write(outs, func(bytes int, err error) { acked <- ack{bytes, err} })
	for range outs {
		select {
		case a := <-acked:
			acks = append(acks, a)
		case <-time.After(10 * time.Second):
			m.t.Fatalf("%d of %d records are acknowledged", len(acks), len(outs))
		}
	}
	return acks
}

func TestRecordsAreWrittenAsTheyAreAndAcknowledgedOnce(t *testing.T) {
	f := brokerWith(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "out"))
	w := f.open(config("out"))
	acks := w.write(
		connector.Out{Topic: 0, Partition: 1, Time: 1234, Key: []byte("key"), Value: []byte("value"), Headers: []connector.Header{{Key: "h", Value: []byte("v")}}},
		connector.Out{Topic: 0, Partition: 1, Time: 5, Key: []byte{}, Value: nil},
		connector.Out{Topic: 0, Partition: 1, Time: 6, Value: []byte{}},
	)
	for i, want := range []int{8, 0, 0} {
		if acks[i].err != nil || acks[i].bytes != want {
			t.Errorf("the %d-th acknowledgement is of %d bytes, %v", i, acks[i].bytes, acks[i].err)
		}
	}
	w.until("the records", w.has(at(0, 1), 3))
	got := w.read[at(0, 1)]
	if r := got[0]; r.Time != 1234 || string(r.Key) != "key" || string(r.Value) != "value" || len(r.Headers) != 1 || r.Headers[0].Key != "h" {
		t.Errorf("got %+v", r)
	}
	if got[1].Key == nil || got[2].Key != nil {
		t.Errorf("an empty key became %v, no key became %v", got[1].Key, got[2].Key)
	}
}

func TestATombstoneStaysDistinctFromAnEmptyValue(t *testing.T) {
	f := broker(t, "out")
	w := f.open(config("out"))
	w.write(connector.Out{Key: []byte("k"), Value: nil}, connector.Out{Key: []byte("k"), Value: []byte{}})
	var nulls []bool
	for deadline := time.Now().Add(10 * time.Second); len(nulls) < 2 && time.Now().Before(deadline); {
		b, err := w.Poll(t.Context(), 100*time.Millisecond, true)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range b.Events {
			for _, a := range e.Partitions {
				w.Resume([]connector.Partition{a.Partition})
			}
			e.Done()
		}
		for _, run := range b.Runs {
			for _, r := range run.Records {
				nulls = append(nulls, r.Value == nil)
			}
		}
	}
	if !slices.Equal(nulls, []bool{true, false}) {
		t.Errorf("null: %v", nulls)
	}
}

func TestARecordTooLargeForTheTopicIsRefusedByName(t *testing.T) {
	f := brokerWith(t, kfake.NumBrokers(1))
	limit := "1000"
	if _, err := f.admin.CreateTopic(t.Context(), 3, 1, map[string]*string{"max.message.bytes": &limit}, "small"); err != nil {
		t.Fatal(err)
	}
	w := f.open(config("small"))
	value := make([]byte, 5000)
	for i := range value {
		value[i] = byte(i * i >> 3) // not to be compressed away
	}
	acks := w.write(connector.Out{Partition: 2, Value: value}, connector.Out{Partition: 1, Value: []byte("fits")})
	err := errors.Join(acks[0].err, acks[1].err)
	if !errors.Is(err, kerr.MessageTooLarge) {
		t.Fatalf("got %v", err)
	}
	for _, part := range []string{"topic small", "partition 2", "5000 bytes", "max.message.bytes"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if acks[0].err != nil && acks[1].err != nil {
		t.Errorf("the record that fits was refused, too: %v", err)
	}
}

func TestARecordTooLargeForTheClientIsRefusedByName(t *testing.T) {
	f := broker(t, "out")
	w := f.open(config("out"))
	err := w.write(connector.Out{Value: make([]byte, 200<<20)})[0].err
	if err == nil || !strings.Contains(err.Error(), "topic out, partition 0") || !strings.Contains(err.Error(), "ProducerBatchMaxBytes") {
		t.Errorf("got %v", err)
	}
}

func TestWritingToATopicThatIsNotThereIsRefusedByName(t *testing.T) {
	f := broker(t, "in")
	f.options = append(f.options, kgo.UnknownTopicRetries(0))
	c := config("in")
	c.Topics = append(c.Topics, named("missing")...)
	err := f.open(c).write(connector.Out{Topic: 1, Value: []byte("v")})[0].err
	if err == nil || !strings.Contains(err.Error(), "topic missing, partition 0") || !strings.Contains(err.Error(), "create the topic") {
		t.Errorf("got %v", err)
	}
}

func TestWhatIsNotAcknowledgedAtCloseIsAnsweredWithAnError(t *testing.T) {
	f := broker(t, "out")
	w := f.open(config("out"))
	w.write(connector.Out{Value: []byte("first")})
	f.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	acked := make(chan ack, 1)
	w.Write([]connector.Out{{Value: []byte("stuck")}}, func(bytes int, err error) { acked <- ack{bytes, err} })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := w.Close(ctx); err != nil {
		t.Fatal(err)
	}
	select {
	case a := <-acked:
		if a.err == nil {
			t.Error("it is acknowledged")
		}
	case <-time.After(10 * time.Second):
		t.Error("nobody answered")
	}
}

func TestACommitIsRefusedByPartition(t *testing.T) {
	f := brokerWith(t, kfake.NumBrokers(1), kfake.SeedTopics(2, "in"))
	m := f.open(config("in"))
	m.until("both partitions", m.owns(2))
	f.produce("in", 0, "a", "b")
	f.produce("in", 1, "a", "b")
	f.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Topic: "in", Partitions: []int32{1}, Err: kerr.IllegalGeneration})
	err := m.Commit(t.Context(), []connector.Position{{Partition: at(0, 0), Offset: 1}, {Partition: at(0, 1), Offset: 2}})
	var refused *connector.CommitError
	if !errors.As(err, &refused) || !slices.Equal(refused.Refused, []connector.Partition{at(0, 1)}) {
		t.Fatalf("got %v", err)
	}
	if got := f.committed("in", 2); !slices.Equal(got, []int64{1, -1}) {
		t.Errorf("committed are %v", got)
	}
}

// committed returns what the group committed of a topic.
func (f *fixture) committed(topic string, partitions int) (offsets []int64) {
	f.Helper()
	a, err := New(Config{Brokers: f.cluster.ListenAddrs()}).Admin(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	defer a.Close()
	got, err := a.Committed(f.Context(), "app", []string{topic})
	if err != nil {
		f.Fatal(err)
	}
	if len(got[0]) != partitions {
		f.Fatalf("got %v", got)
	}
	for _, at := range got[0] {
		offsets = append(offsets, at.Offset)
	}
	return offsets
}

func TestCommitErrorsSayWhetherToTryAgain(t *testing.T) {
	for _, c := range []struct {
		err       *kerr.Error
		temporary bool
	}{
		{kerr.CoordinatorNotAvailable, true},
		{kerr.CoordinatorLoadInProgress, true},
		{kerr.NotCoordinator, true},
		{kerr.OffsetMetadataTooLarge, false},
		{kerr.GroupAuthorizationFailed, false},
	} {
		t.Run(c.err.Message, func(t *testing.T) {
			f := broker(t, "in")
			f.options = append(f.options, kgo.RequestRetries(1))
			m := f.open(config("in"))
			m.until("the partition", m.owns(1))
			f.produce("in", 0, "a")
			fault := f.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: c.err, Count: -1})
			position := []connector.Position{{Partition: at(0, 0), Offset: 1, Metadata: "m"}}
			err := m.Commit(t.Context(), position)
			var refused *connector.CommitError
			if err == nil || errors.As(err, &refused) || errors.Is(err, connector.ErrTemporary) != c.temporary || !errors.Is(err, c.err) {
				t.Errorf("got %v", err)
			}
			fault.Remove()
			for i := 0; ; i++ { // the coordinator may have to be found again
				if err = m.Commit(t.Context(), position); err == nil || i == 20 {
					break
				}
			}
			if err != nil || f.committed("in", 1)[0] != 1 {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestConsumedRecordsArePurged(t *testing.T) {
	f := broker(t, "in")
	m := f.open(config("in"))
	m.until("the partition", m.owns(1))
	f.produce("in", 0, "a", "b", "c")
	observed := f.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DeleteRecords}, Observe: true, Count: -1})
	m.Purge([]connector.Position{{Partition: at(0, 0), Offset: 2}})
	if err := observed.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(t.Context()); err != nil { // waits for the purge
		t.Fatal(err)
	}
	starts, err := f.admin.ListStartOffsets(t.Context(), "in")
	if err != nil {
		t.Fatal(err)
	}
	if o, _ := starts.Lookup("in", 0); o.Offset != 2 {
		t.Errorf("the log begins at %d", o.Offset)
	}
}

func TestARefusedPurgeIsSaidOnce(t *testing.T) {
	f := broker(t, "in")
	log := &lines{}
	c := config("in")
	c.Logger = log.logger()
	m := f.open(c)
	m.until("the partition", m.owns(1))
	f.produce("in", 0, "a", "b", "c")
	fault := f.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DeleteRecords}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	for i := range 3 {
		m.Purge([]connector.Position{{Partition: at(0, 0), Offset: int64(i + 1)}})
		if err := fault.Wait(t.Context(), i+1); err != nil {
			t.Fatal(err)
		}
	}
	m.until("the warning", func() bool { return log.count("cannot be deleted") > 0 })
	if err := m.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := log.count("cannot be deleted"); n != 1 {
		t.Errorf("it was said %d times:\n%s", n, log)
	}
}

func TestAllPartitionsOfAWriteKeepTheirOrder(t *testing.T) {
	f := brokerWith(t, kfake.NumBrokers(1), kfake.SeedTopics(3, "out"))
	w := f.open(config("out"))
	var outs []connector.Out
	for i := range 3000 {
		outs = append(outs, connector.Out{Partition: int32(i % 3), Value: fmt.Append(nil, i)})
	}
	for _, a := range w.write(outs...) {
		if a.err != nil {
			t.Fatal(a.err)
		}
	}
	for p := range int32(3) {
		w.until("the records", w.has(at(0, p), 1000))
		for i, v := range values(w.read[at(0, p)]) {
			if v != fmt.Sprint(3*i+int(p)) {
				t.Fatalf("partition %d has %s at %d", p, v, i)
			}
		}
	}
}
