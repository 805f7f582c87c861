package integration

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// TestRecordsDeletedBeforeTheyWereReadStopOrAreCounted deletes records above the committed offset.
func TestRecordsDeletedBeforeTheyWereReadStopOrAreCounted(t *testing.T) {
	c := sharedBroker(t).open(t, time.Minute)
	from, to := c.topic("lines", 1), c.topic("counts", 1)
	lines := newText(6).lines(20)
	bounded := framework.Config{Bounded: true}
	c.lines(from, 1, lines[:10])
	c.must(c.run(bounded, countWords(from, to)).result())
	c.lines(from, 1, lines[10:])
	var below kadm.Offsets
	below.AddOffset(from, 0, 15, -1)
	deleted, err := c.admin.DeleteRecords(c.ctx, below)
	c.must(errors.Join(err, deleted.Error()))

	err = c.refused(bounded, countWords(from, to), 1, "topic "+from+", partition 0", "offset 10 is committed", "begins at 15", "OnGap(framework.Skip)")
	if !errors.Is(err, framework.ErrGap) {
		t.Error("the error is not framework.ErrGap")
	}
	r := c.run(bounded, countWordsOf(textTopic(from).OnGap(framework.Skip), to))
	c.must(r.result())
	if s := r.app.Stats(); s.Gap != 5 {
		t.Errorf("a gap of %d records is counted, want 5", s.Gap)
	}
	c.counts(to).equal(batchCount(slices.Concat(lines[:10], lines[15:])...))
}

func TestConsumedRecordsOfRepartitionTopicsArePurged(t *testing.T) {
	c := sharedBroker(t).open(t, time.Minute)
	from, to := c.topic("lines", 2), c.topic("counts", 2)
	lines := c.feed(from, 7)
	r := c.run(framework.Config{PurgeInterval: 200 * time.Millisecond}, countWords(from, to)).ready()
	repartition := c.name + "-counts-repartition"
	c.until("both partitions begin above zero", func() (bool, error) {
		starts, err := c.starts(repartition)
		return starts[0] > 0 && starts[1] > 0, err
	}, r)
	want, got := lines.end(), c.counts(to)
	c.until("all words are counted", got.reach(want), r)
	c.until("all that is consumed is purged", func() (bool, error) {
		starts, err := c.starts(repartition)
		ends, endsErr := c.ends(repartition)
		return maps.Equal(starts, ends), errors.Join(err, endsErr)
	}, r)
	r.halt()
	got.equal(want)
}

// TestABoundedRunEndsBehindMarkersAndCountsNothingAborted reads what a transactional producer wrote: a transaction that was
// committed, one that was aborted, and one that is still open.
func TestABoundedRunEndsBehindMarkersAndCountsNothingAborted(t *testing.T) {
	c := sharedBroker(t).open(t, time.Minute)
	from, to := c.topic("lines", 2), c.topic("counts", 2)
	writer := c.connect(kgo.TransactionalID(c.name), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	write := func(lines []string) {
		c.must(writer.BeginTransaction())
		for i, line := range lines {
			r := &kgo.Record{Topic: from, Partition: int32(i % 2), Value: []byte(line)}
			c.must(writer.ProduceSync(c.ctx, r).FirstErr())
		}
	}
	lines := newText(8).lines(90)
	write(lines[:40])
	c.must(writer.EndTransaction(c.ctx, kgo.TryCommit))
	write(lines[40:70])
	c.must(writer.EndTransaction(c.ctx, kgo.TryAbort))
	write(lines[70:])
	stable := map[int32]int64{0: 20 + 1 + 15 + 1, 1: 20 + 1 + 15 + 1} // each transaction ends with a marker

	r := c.run(framework.Config{Bounded: true}, countWords(from, to))
	c.must(r.result())
	c.counts(to).equal(batchCount(lines[:40]...))
	committed, err := c.committed(c.name, from)
	c.must(err)
	if !maps.Equal(committed, stable) {
		t.Errorf("offsets %v are committed, want %v", committed, stable)
	}
	c.must(writer.EndTransaction(c.ctx, kgo.TryAbort))
}
