// Package peer holds the programs that Millrace is measured against: what an expert writes by hand on
// franz-go for the same work, with the same guarantee. They are services: each runs until its context
// ends, then flushes, commits and leaves its group.
package peer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Config is what every peer needs.
type Config struct {
	Brokers []string
	Group   string // consumer group, and prefix of internal topics
	In, Out string // topics; both exist

	// Clients is the number of group members, each with a goroutine and a Kafka client of its own.
	Clients int
	// Commit is the time between two commits of offsets.
	Commit time.Duration
	// Flush is the time between two flushes of what was combined (word count only).
	Flush time.Duration
	// Options are added to each client's, for hooks and tuning.
	Options []kgo.Opt
}

// client returns a group member that reads the topics, and commits and produces as at-least-once asks:
// committed records only in, all replicas and idempotent out; compression is the client's default.
func (c Config) client(opts ...kgo.Opt) (*kgo.Client, error) {
	all := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ConsumerGroup(c.Group),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(),
	}
	return kgo.NewClient(append(append(all, opts...), c.Options...)...)
}

// each runs n members side by side, one goroutine each, until all have ended; the first error ends all.
func each(ctx context.Context, n int, run func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, n)
	var members sync.WaitGroup
	for i := range n {
		members.Go(func() {
			if errs[i] = run(ctx); errs[i] != nil {
				cancel()
			}
		})
	}
	members.Wait()
	return errors.Join(errs...)
}

// acks keeps the first error of produced records.
type acks struct{ first atomic.Pointer[error] }

// promise is given to each Produce. The client calls it from its own goroutine.
func (a *acks) promise(r *kgo.Record, err error) {
	if err != nil {
		err = fmt.Errorf("produce to %s: %w", r.Topic, err)
		a.first.CompareAndSwap(nil, &err)
	}
}

func (a *acks) err() error {
	if p := a.first.Load(); p != nil {
		return *p
	}
	return nil
}

// pollError returns the first error of a poll that is no end of waiting.
func pollError(fs kgo.Fetches) error {
	for _, e := range fs.Errors() {
		if !errors.Is(e.Err, context.DeadlineExceeded) && !errors.Is(e.Err, context.Canceled) {
			return fmt.Errorf("fetch %s/%d: %w", e.Topic, e.Partition, e.Err)
		}
	}
	return nil
}

const stopTimeout = 20 * time.Second // for flush and commit at the end
