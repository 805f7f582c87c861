package peer

import (
	"context"
	"encoding/binary"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Repartition and Changelog name the internal topics of a word count. They must exist, with as many
// partitions each; the changelog is to be compacted.
func (c Config) Repartition() string { return c.Group + "-counts-repartition" }

// Changelog names the topic that the counts are kept in.
func (c Config) Changelog() string { return c.Group + "-counts-changelog" }

// WordCount counts the words of lines, at least once, and writes each count that changed to the output
// topic and to a changelog, once a flush. Each member combines the words that it read into one partial count per
// word and flush, sends these through a repartition topic, and adds up the partitions that it owns of
// that. Values are 8 bytes, big endian. It blocks until ctx ends.
func WordCount(ctx context.Context, c Config) error {
	return each(ctx, c.Clients, func(ctx context.Context) error {
		w := &counter{Config: c, words: newTally(), counts: map[int32]*tally{}}
		cl, err := c.client(
			kgo.ConsumeTopics(c.In, c.Repartition()),
			kgo.OnPartitionsAssigned(w.assigned),
			kgo.OnPartitionsRevoked(w.revoked),
			kgo.OnPartitionsLost(w.lost),
			// One flush is some ten thousand records; it is not to wait for acknowledgements.
			kgo.MaxBufferedRecords(flushRecords),
		)
		if err != nil {
			return err
		}
		w.cl = cl
		return w.run(ctx)
	})
}

const (
	flushRecords = 250_000 // unacknowledged records at most
	pollRecords  = 10_000  // at a time, so that a flush is not late

	distinctWords = 1_000_000 // remembered across flushes at most
)

// counter is one member of the group.
type counter struct {
	Config
	cl   *kgo.Client
	acks acks

	mu     sync.Mutex // guards the rest; held from a poll to its flush and commit, and by the callbacks
	split  splitter
	words  *tally           // words read since the last flush
	counts map[int32]*tally // by partition of the repartition topic
	slab   slab
}

func (w *counter) run(ctx context.Context) error {
	defer w.cl.CloseAllowingRebalance()
	now := time.Now()
	flush, commit := now.Add(w.Flush), now.Add(w.Commit)
	for ctx.Err() == nil {
		poll, cancel := context.WithDeadline(ctx, flush)
		fs := w.cl.PollRecords(poll, pollRecords)
		cancel()
		if err := w.step(ctx, fs, &flush, &commit); err != nil {
			return err
		}
		w.cl.AllowRebalance()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return w.commit(stop)
}

// step counts what was fetched, and flushes and commits when it is time to.
func (w *counter) step(ctx context.Context, fs kgo.Fetches, flush, commit *time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := pollError(fs); err != nil {
		return err
	}
	fs.EachPartition(w.count)
	now := time.Now()
	if now.Before(*flush) {
		return nil
	}
	// A cancelled context would fail records whose input is polled and thus committed.
	ctx = context.WithoutCancel(ctx)
	*flush = now.Add(w.Flush)
	w.flush(ctx)
	if now.Before(*commit) {
		return w.acks.err()
	}
	*commit = now.Add(w.Commit)
	return w.commit(ctx)
}

func (w *counter) count(p kgo.FetchTopicPartition) {
	if p.Topic == w.In {
		word := func(b []byte) { w.words.add(b, 1) }
		p.EachRecord(func(r *kgo.Record) { w.split.each(r.Value, word) })
		return
	}
	if counts := w.counts[p.Partition]; counts != nil {
		p.EachRecord(func(r *kgo.Record) { counts.add(r.Key, int64(binary.BigEndian.Uint64(r.Value))) })
	}
}

// flush produces what changed. Partials, changelog and output are keyed by the word, and the two internal
// topics have equally many partitions: so a count's changelog is in the partition of its partials.
func (w *counter) flush(ctx context.Context) {
	w.words.flush(func(e *entry) {
		w.cl.Produce(ctx, w.slab.record(w.Repartition(), e.key, w.slab.value(e.change)), w.acks.promise)
	})
	if len(w.words.entries) > distinctWords {
		w.words = newTally()
	}
	for _, counts := range w.counts {
		counts.flush(func(e *entry) {
			v := w.slab.value(e.total)
			w.cl.Produce(ctx, w.slab.record(w.Changelog(), e.key, v), w.acks.promise)
			w.cl.Produce(ctx, w.slab.record(w.Out, e.key, v), w.acks.promise)
		})
	}
}

// commit flushes, waits for all acknowledgements, and commits what was polled.
func (w *counter) commit(ctx context.Context) error {
	w.flush(ctx)
	if err := w.cl.Flush(ctx); err != nil {
		return err
	}
	if err := w.acks.err(); err != nil {
		return err
	}
	return w.cl.CommitUncommittedOffsets(ctx)
}
