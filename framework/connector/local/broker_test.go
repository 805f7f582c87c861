package local

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// opened returns a worker that reads topic 0, "in", and has it all; topic 1 is "out".
func opened(t *testing.T, partitions int32, c connector.WorkerConfig) (*Broker, connector.Worker) {
	t.Helper()
	b := NewBroker("test")
	c.Group, c.Topics, c.Groups = "app", []connector.TopicSpec{{Name: "in"}, {Name: "out"}}, [][]int32{{0}}
	if c.Sources == nil {
		c.Sources = []connector.Source{{Topic: 0}}
	}
	for _, topic := range c.Topics {
		if err := b.Create(connector.TopicSpec{Name: topic.Name, Partitions: partitions}); err != nil {
			t.Fatal(err)
		}
	}
	w, err := b.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close(context.Background()) })
	batch, err := w.Poll(t.Context(), 0, true)
	if err != nil || len(batch.Events) != 1 || len(batch.Events[0].Partitions) != int(partitions) {
		t.Fatalf("got %+v, %v", batch, err)
	}
	for _, a := range batch.Events[0].Partitions {
		w.Resume([]connector.Partition{a.Partition})
	}
	return b, w
}

// runs polls until there are runs.
func runs(t *testing.T, w connector.Worker) []connector.Run {
	t.Helper()
	for {
		b, err := w.Poll(t.Context(), time.Minute, true)
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Runs) > 0 {
			return b.Runs
		}
	}
}

func TestRecordsDeletedUnderAReaderAreAnErrorOrSkipped(t *testing.T) {
	for _, skip := range []bool{false, true} {
		b, w := opened(t, 1, connector.WorkerConfig{Sources: []connector.Source{{SkipGap: skip}}})
		b.Append("in", 0, record("a"), record("b"), record("c"))
		b.Logs("in")[0].Purge(2)
		r := runs(t, w)[0]
		if skip && (r.Err != nil || r.SkippedTo != 2 || len(r.Records) != 1 || string(r.Records[0].Value) != "c") {
			t.Errorf("skipping: got %+v", r)
		}
		if !skip && (!errors.Is(r.Err, connector.ErrGap) || len(r.Records) > 0) {
			t.Errorf("not skipping: got %+v", r)
		}
	}
}

func TestACommittedPositionOutsideOfTheLogEndsThePoll(t *testing.T) {
	b, w := opened(t, 1, connector.WorkerConfig{})
	b.Append("in", 0, record("a"), record("b"))
	for offset, want := range map[int64]string{0: "offset 0 is committed and the log begins at 1", 9: "offset 9 is committed and the log ends at 2"} {
		b.Logs("in")[0].Purge(1)
		b.Group("app").SetCommitted("in", 0, offset, "")
		w.Close(t.Context())
		var err error
		if w, err = b.Open(t.Context(), w.(*worker).config); err != nil {
			t.Fatal(err)
		}
		_, err = w.Poll(t.Context(), 0, true)
		if !errors.Is(err, connector.ErrGap) || !strings.Contains(err.Error(), "topic in, partition 0") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v", err)
		}
	}
}

func TestARefusedWriteNamesItsPlace(t *testing.T) {
	_, w := opened(t, 1, connector.WorkerConfig{})
	for _, o := range []connector.Out{{Topic: 1, Partition: 1}, {Topic: 1, Partition: -1}} {
		var told error
		w.Write([]connector.Out{o}, func(_ int, err error) { told = err })
		if told == nil || !strings.Contains(told.Error(), fmt.Sprintf("topic out, partition %d", o.Partition)) {
			t.Errorf("got %v", told)
		}
	}
}

func TestATopicThatIsMissingCannotBeRead(t *testing.T) {
	b := NewBroker("test")
	_, err := b.Open(t.Context(), connector.WorkerConfig{Topics: []connector.TopicSpec{{Name: "in"}}, Sources: []connector.Source{{}}, Groups: [][]int32{{0}}})
	if err == nil || !strings.Contains(err.Error(), "topic in does not exist: create it") {
		t.Errorf("got %v", err)
	}
	admin, _ := b.Admin(t.Context())
	if _, err := admin.Ends(t.Context(), []string{"in"}); err == nil || !strings.Contains(err.Error(), "topic in does not exist") {
		t.Errorf("got %v", err)
	}
}

func TestPollsAreBoundedAndFair(t *testing.T) {
	b, w := opened(t, 8, connector.WorkerConfig{Budget: 1 << 20})
	for p := range int32(8) {
		for range 3000 {
			b.Append("in", p, record(strings.Repeat("x", 100)))
		}
	}
	read := map[int32]int{}
	for left := 24_000; left > 0; {
		bytes := int64(0)
		for _, r := range runs(t, w) {
			read[r.Partition.Partition] += len(r.Records)
			left -= len(r.Records)
			bytes += r.Bytes
			w.Recycle(r.Records)
		}
		if bytes > 3<<18 {
			t.Fatalf("a poll of a worker that may hold 1 MiB brought %d bytes", bytes)
		}
		least, most := 3000, 0
		for p := range int32(8) {
			least, most = min(least, read[p]), max(most, read[p])
		}
		if most-least > 2048 {
			t.Fatalf("one partition is %d records ahead of another: %v", most-least, read)
		}
	}
}

// A goroutine may write and commit while another one polls: an idle task runs on the goroutine of who feeds it.
func TestOthersWriteAndCommitWhileOnePolls(t *testing.T) {
	_, w := opened(t, 1, connector.WorkerConfig{})
	const n = 2000
	var running sync.WaitGroup
	running.Go(func() {
		for i := range n {
			w.Write([]connector.Out{{Value: []byte("x")}}, func(_ int, err error) {
				if err != nil {
					t.Error(err)
				}
			})
			if err := w.Commit(t.Context(), []connector.Position{{Offset: int64(i)}}); err != nil {
				t.Error(err)
			}
			w.Purge([]connector.Position{{Offset: 0}})
			w.Wake()
		}
	})
	for read := 0; read < n; {
		for _, r := range runs(t, w) {
			read += len(r.Records)
			w.Recycle(r.Records)
		}
	}
	running.Wait()
}

func TestReadingAndWritingAllocateNothingARecord(t *testing.T) {
	_, w := opened(t, 1, connector.WorkerConfig{Budget: 64 << 20})
	outs := make([]connector.Out, 1000)
	for i := range outs {
		outs[i] = connector.Out{Key: []byte("some key"), Value: []byte("some value that is a little longer")}
	}
	acked := func(int, error) {}
	next := int64(0)
	cycle := func() {
		w.Write(outs, acked)
		for n := 0; n < len(outs); {
			b, err := w.Poll(t.Context(), 0, true)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range b.Runs {
				n += len(r.Records)
				w.Recycle(r.Records)
			}
		}
		next += int64(len(outs))
		w.Purge([]connector.Position{{Offset: next - 5000}})
	}
	cycle()
	if got := testing.AllocsPerRun(100, cycle) / float64(len(outs)); got > 0.01 {
		t.Errorf("%.3f allocations a record", got)
	}
}
