//go:build linux

package embedded

import (
	"context"
	"errors"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestARecordWhoseWriteFailedIsAnsweredOnceItIsWritten(t *testing.T) {
	dir := t.TempDir()
	b := start(t, Config{Dir: dir})
	c := dial(t, b, kgo.ProducerBatchCompression(kgo.NoCompression()))
	create(t, c, "in", 1)
	fill(t, c, "in")
	produce(t, c, "in", 0, 0, 3)

	limitFiles(t, segmentBytes(t, dir, "in"))
	acked := make(chan error, 1)
	c.Produce(t.Context(), &kgo.Record{Topic: "in", Value: []byte("3")}, func(_ *kgo.Record, err error) { acked <- err })
	wantError(t, b, dir, syscall.EFBIG)
	limitFiles(t, math.MaxInt64)
	stop(t, b)
	select {
	case err := <-acked:
		t.Fatalf("a record that is not on the disk was answered: %v", err)
	default:
	}

	// The client has sent the record once already: a broker that remembers so would not store it.
	b = start(t, Config{Dir: dir, Port: port(t, b)})
	if err := <-acked; err != nil {
		t.Fatal(err)
	}
	if got, want := poll(t, dial(t, b, kgo.ConsumeTopics("in")), 5)[big:], " 0 1 2 3"; got != want {
		t.Fatalf("read %q after the restart, want %q", got, want)
	}
}

// kfake goes on after a marker that it could not write, and stores the offsets of the transaction: after a restart its records would be
// aborted and its input never read again.
func TestATransactionWhoseMarkerIsNotWrittenCommitsNoOffsets(t *testing.T) {
	dir := t.TempDir()
	b := start(t, Config{Dir: dir})
	c := dial(t, b, kgo.TransactionalID("tx"), kgo.ProducerBatchCompression(kgo.NoCompression()))
	create(t, c, "in", 1)
	create(t, c, "out", 1)
	begin(t, c)
	fill(t, c, "out")
	commitInTransaction(t, c, "g", "in", 7)

	limitFiles(t, segmentBytes(t, dir, "out"))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.EndTransaction(ctx, kgo.TryCommit) }()
	wantError(t, b, dir, syscall.EFBIG)
	limitFiles(t, math.MaxInt64)
	cancel()
	if err := <-ended; err == nil {
		t.Fatal("a transaction was acknowledged that is not on the disk")
	}
	c.Close()
	stop(t, b)

	b = start(t, Config{Dir: dir})
	c = dial(t, b)
	offsets, err := kadm.NewClient(c).FetchOffsets(t.Context(), "g")
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		t.Fatal(err)
	}
	if o, ok := offsets.Lookup("in", 0); ok {
		t.Fatalf("offset %d is committed of a transaction that is not", o.At)
	}
	ends, err := kadm.NewClient(c).ListCommittedOffsets(t.Context(), "out")
	if err != nil {
		t.Fatal(err)
	}
	if o, _ := ends.Lookup("out", 0); o.Offset != 1 {
		t.Fatalf("the last stable offset is %d: the transaction is still open", o.Offset)
	}
	stop(t, b)
}

func TestASmallDiskThatFillsUpLosesNothingThatWasAcknowledged(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("needs the right to mount: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, 0) })
	for _, reserve := range []int64{256 << 10, -1} { // without one the writes themselves fail
		c := Config{Dir: filepath.Join(dir, "state"), ReserveBytes: reserve}
		b := start(t, c)
		producer := dial(t, b, kgo.ProducerLinger(0), kgo.ProducerBatchCompression(kgo.NoCompression()))
		create(t, producer, "in", 1)
		acked := produceUntilFull(t, b, producer)
		producer.Close()
		if err := b.Close(); err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=4m"); err != nil {
			t.Fatal(err)
		}
		b = start(t, c)
		consumer := dial(t, b, kgo.ConsumeTopics("in"))
		if n := len(strings.Fields(poll(t, consumer, acked))); n < acked {
			t.Fatalf("reserve %d: %d records are there, %d were acknowledged", reserve, n, acked)
		}
		produce(t, consumer, "in", 0, 0, 1)
		stop(t, b)
		if err := os.RemoveAll(c.Dir); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=1m"); err != nil {
			t.Fatal(err)
		}
	}
}

// produceUntilFull returns how many records were acknowledged.
func produceUntilFull(t *testing.T, b *Broker, c *kgo.Client) int {
	t.Helper()
	value := []byte(strings.Repeat("x", 1000))
	for acked := 0; ; acked++ {
		done := make(chan error, 1)
		c.Produce(t.Context(), &kgo.Record{Topic: "in", Value: value}, func(_ *kgo.Record, err error) { done <- err })
		for answered := false; !answered; {
			select {
			case err := <-done:
				answered = err == nil
			case err := <-b.Err():
				if !errors.Is(err, syscall.ENOSPC) {
					t.Fatalf("the broker reports %v", err)
				}
				return acked
			case <-time.After(10 * time.Second):
				t.Fatal("the broker neither answers nor reports the full disk")
			}
		}
	}
}

// big is the length of a record that makes a topic's file the largest of all, so that a limit hits only that one.
const big = 600 << 10

func fill(t *testing.T, c *kgo.Client, topic string) {
	t.Helper()
	r := kgo.Record{Topic: topic, Value: []byte(strings.Repeat("x", big))}
	if err := c.ProduceSync(t.Context(), &r).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func segmentBytes(t *testing.T, dir, topic string) int64 {
	t.Helper()
	info, err := os.Stat(filepath.Join(dir, "data", "partitions", topic+"-0", "0.dat"))
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// limitFiles makes writes of this process beyond n bytes of a file fail.
func limitFiles(t *testing.T, n int64) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	was := limit
	limit.Cur = min(uint64(n), limit.Max)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was) })
}

func wantError(t *testing.T, b *Broker, dir string, want error) {
	t.Helper()
	select {
	case err := <-b.Err():
		if !errors.Is(err, want) || !strings.Contains(err.Error(), dir) {
			t.Fatalf("the broker reports %v, want %v under %s", err, want, dir)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the broker does not report the failed write")
	}
}

// commitInTransaction adds an offset to the open transaction, as a client of a group does.
func commitInTransaction(t *testing.T, c *kgo.Client, group, topic string, offset int64) {
	t.Helper()
	id, epoch, err := c.ProducerID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	add := kmsg.NewPtrAddOffsetsToTxnRequest()
	add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = "tx", id, epoch, group
	if r, err := add.RequestWith(t.Context(), c); err != nil || r.ErrorCode != 0 {
		t.Fatal(err, kerr.ErrorForCode(r.ErrorCode))
	}
	req := kmsg.NewPtrTxnOffsetCommitRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Group = "tx", id, epoch, group
	req.Generation = -1
	rt := kmsg.NewTxnOffsetCommitRequestTopic()
	details, err := kadm.NewClient(c).ListTopics(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	rt.Topic, rt.TopicID = topic, details[topic].ID
	rp := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	rp.Offset = offset
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	r, err := req.RequestWith(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := kerr.ErrorForCode(r.Topics[0].Partitions[0].ErrorCode); err != nil {
		t.Fatal(err)
	}
}
