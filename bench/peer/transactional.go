package peer

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
)

// PassthroughExactlyOnce copies records from one topic to another in transactions, each of which holds what was copied
// and the offsets, and ends once a commit interval. It blocks until ctx ends.
func PassthroughExactlyOnce(ctx context.Context, c Config) error {
	var members atomic.Int32
	return each(ctx, c.Clients, func(ctx context.Context) error {
		s, err := kgo.NewGroupTransactSession(append([]kgo.Opt{
			kgo.SeedBrokers(c.Brokers...),
			kgo.ConsumerGroup(c.Group),
			kgo.ConsumeTopics(c.In),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			kgo.FetchIsolationLevel(kgo.ReadCommitted()),
			kgo.TransactionalID(fmt.Sprintf("%s-%d", c.Group, members.Add(1))),
		}, c.Options...)...)
		if err != nil {
			return err
		}
		defer s.Close()
		for ctx.Err() == nil {
			if err := copyOnce(ctx, c, s); err != nil {
				return err
			}
		}
		return nil
	})
}

// copyOnce copies what comes within a commit interval, and commits it.
func copyOnce(ctx context.Context, c Config, s *kgo.GroupTransactSession) error {
	var acks acks
	begun := false
	within, cancel := context.WithTimeout(ctx, c.Commit)
	defer cancel()
	// A cancelled context would fail records that are polled and thus committed.
	produce := context.WithoutCancel(ctx)
	for within.Err() == nil {
		fs := s.PollFetches(within)
		if err := pollError(fs); err != nil {
			return err
		}
		if fs.NumRecords() > 0 && !begun {
			if err := s.Begin(); err != nil {
				return err
			}
			begun = true
		}
		fs.EachRecord(func(r *kgo.Record) {
			r.Topic = c.Out
			s.Produce(produce, r, acks.promise)
		})
	}
	if !begun {
		return nil
	}
	end, cancelEnd := context.WithTimeout(produce, stopTimeout)
	defer cancelEnd()
	// An abort, as after a rebalance, goes back to what was committed last: the session does that by itself.
	_, err := s.End(end, kgo.TransactionEndTry(acks.err() == nil))
	return err
}
