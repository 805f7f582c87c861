package embedded

import (
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// disk is one of which the test says how much is free.
type disk struct{ free atomic.Int64 }

func (d *disk) config(dir string) Config {
	return Config{Dir: dir, ReserveBytes: 1000, free: func(string) (int64, error) { return d.free.Load(), nil }}
}

func TestBelowTheReserveRecordsAreRefusedAndOffsetsAreNot(t *testing.T) {
	dir, d := t.TempDir(), disk{}
	d.free.Store(1000)
	b := start(t, d.config(dir))
	c := dial(t, b)
	create(t, c, "in", 1)
	produce(t, c, "in", 0, 0, 3)
	d.free.Store(999)
	if err := produceOne(t, c, "in"); !errors.Is(err, kerr.PolicyViolation) {
		t.Fatalf("got %v, want an error that a client does not retry", err)
	}
	wantDiskFull(t, b, dir)
	offsets := make(kadm.Offsets)
	offsets.AddOffset("in", 0, 3, -1)
	if err := kadm.NewClient(c).CommitAllOffsets(t.Context(), "g", offsets); err != nil {
		t.Fatalf("commit what is done: %v", err)
	}
	_, err := kadm.NewClient(c).CreateTopic(t.Context(), 1, -1, nil, "more")
	if err == nil || !strings.Contains(err.Error(), "POLICY_VIOLATION") {
		t.Fatalf("create topic: got %v, want a refusal", err)
	}

	d.free.Store(1000)
	if err := produceOne(t, c, "in"); err == nil {
		t.Fatal("a record was written after one that was refused")
	}
	stop(t, b)
	c = dial(t, start(t, d.config(dir)), kgo.ConsumeTopics("in"))
	produce(t, c, "in", 0, 3, 1)
	if got, want := poll(t, c, 4), "0 1 2 3"; got != want {
		t.Fatalf("read %q after the restart, want %q", got, want)
	}
}

func TestATransactionCanStillBeEndedBelowTheReserve(t *testing.T) {
	d := disk{}
	d.free.Store(1000)
	b := start(t, d.config(t.TempDir()))
	c := dial(t, b, kgo.TransactionalID("tx"))
	create(t, c, "in", 1)
	begin(t, c)
	produce(t, c, "in", 0, 0, 1)
	d.free.Store(999)
	if err := produceOne(t, c, "in"); err == nil {
		t.Fatal("a record was written below the reserve")
	}
	end(t, c, kgo.TryAbort)
}

func TestBelowAQuarterOfTheReserveNothingIsAnswered(t *testing.T) {
	dir, d := t.TempDir(), disk{}
	d.free.Store(1000)
	b := start(t, d.config(dir))
	c := dial(t, b, kgo.RequestRetries(0), kgo.DefaultProduceTopic("in"))
	create(t, c, "in", 1)
	produce(t, c, "in", 0, 0, 3)
	d.free.Store(249)
	offsets := make(kadm.Offsets)
	offsets.AddOffset("in", 0, 3, -1)
	if err := kadm.NewClient(c).CommitAllOffsets(t.Context(), "g", offsets); err == nil {
		t.Fatal("offsets were acknowledged on a full disk")
	}
	wantDiskFull(t, b, dir)
	stop(t, b)

	_, err := Start(d.config(dir))
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("start on a full disk: got %v", err)
	}
	d.free.Store(1000)
	c = dial(t, start(t, d.config(dir)), kgo.ConsumeTopics("in"))
	if got, want := poll(t, c, 3), "0 1 2"; got != want {
		t.Fatalf("read %q after the restart, want %q", got, want)
	}
}

func produceOne(t *testing.T, c *kgo.Client, topic string) error {
	return c.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Value: []byte("x")}).FirstErr()
}

func wantDiskFull(t *testing.T, b *Broker, dir string) {
	t.Helper()
	select {
	case err := <-b.Err():
		if want := "disk full under " + dir + ": free space and start again"; !strings.Contains(err.Error(), want) || !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("the broker reports %v, want %q", err, want)
		}
	default:
		t.Fatal("the broker does not report the full disk")
	}
}
