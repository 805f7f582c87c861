package integration

import (
	"maps"

	"github.com/millrace/millrace/framework/codec"
	"github.com/twmb/franz-go/pkg/kgo"
)

// reader reads a topic outside any group, as far as it is there.
type reader struct {
	c      *cluster
	topic  string
	client *kgo.Client
	next   map[int32]int64 // offsets
}

func (c *cluster) reader(topic string) *reader {
	c.t.Helper()
	cl := c.connect(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	return &reader{c: c, topic: topic, client: cl, next: map[int32]int64{}}
}

// read returns the records that came since it was called last.
func (r *reader) read() (records []*kgo.Record) {
	r.c.t.Helper()
	ends, err := r.c.ends(r.topic)
	r.c.must(err)
	starts, err := r.c.starts(r.topic)
	r.c.must(err)
	for p, at := range starts {
		r.next[p] = max(r.next[p], at)
	}
	for r.behind(ends) {
		fetched := r.client.PollFetches(r.c.ctx)
		r.c.must(fetched.Err())
		fetched.EachRecord(func(x *kgo.Record) {
			r.next[x.Partition] = x.Offset + 1
			if !x.Attrs.IsControl() {
				records = append(records, x)
			}
		})
	}
	return records
}

func (r *reader) behind(ends map[int32]int64) bool {
	for p, end := range ends {
		if r.next[p] < end {
			return true
		}
	}
	return false
}

// counts follows a topic of counts: the last one of each word holds.
type counts struct {
	*reader
	of map[string]int64
}

func (c *cluster) counts(topic string) *counts { return &counts{c.reader(topic), map[string]int64{}} }

// refresh reads what is new.
func (n *counts) refresh() map[string]int64 {
	n.c.t.Helper()
	for _, r := range n.read() {
		count, err := codec.Int64.Decode(r.Value)
		n.c.must(err)
		n.of[string(r.Key)] = count
	}
	return n.of
}

// reach says that no word's count is lower than the wanted one.
func (n *counts) reach(want map[string]int64) func() (bool, error) {
	return func() (bool, error) {
		got := n.refresh()
		for word, count := range want {
			if got[word] < count {
				return false, nil
			}
		}
		return true, nil
	}
}

// equal fails the test where the counts are not exactly the wanted ones.
func (n *counts) equal(want map[string]int64) {
	n.c.t.Helper()
	if got := n.refresh(); !maps.Equal(got, want) {
		n.c.t.Errorf("%d words with %d occurrences were counted, want %d with %d", len(got), occurrences(got), len(want), occurrences(want))
	}
}

func occurrences(counts map[string]int64) (n int64) {
	for _, count := range counts {
		n += count
	}
	return n
}
