package peer

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Passthrough copies records from one topic to another, at least once: an offset is committed
// only when everything produced before it is acknowledged. It blocks until ctx ends.
func Passthrough(ctx context.Context, c Config) error {
	return each(ctx, c.Clients, func(ctx context.Context) error {
		p := &copier{Config: c}
		cl, err := c.client(kgo.ConsumeTopics(c.In), kgo.OnPartitionsRevoked(p.revoked))
		if err != nil {
			return err
		}
		p.cl = cl
		return p.run(ctx)
	})
}

// copier is one member of the group.
type copier struct {
	Config
	cl   *kgo.Client
	mu   sync.Mutex // held from a poll to its commit; the revoke callback waits for it
	acks acks
}

func (p *copier) run(ctx context.Context) error {
	defer p.cl.CloseAllowingRebalance()
	next := time.Now().Add(p.Commit)
	for ctx.Err() == nil {
		poll, cancel := context.WithDeadline(ctx, next)
		fs := p.cl.PollFetches(poll)
		cancel()
		if err := p.step(ctx, fs, &next); err != nil {
			return err
		}
		p.cl.AllowRebalance()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return p.commit(stop)
}

// step produces what was fetched, and commits when it is time to.
func (p *copier) step(ctx context.Context, fs kgo.Fetches, next *time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := pollError(fs); err != nil {
		return err
	}
	// A cancelled context would fail records that are polled and thus committed.
	produce := context.WithoutCancel(ctx)
	fs.EachRecord(func(r *kgo.Record) {
		// The fetched record itself is sent on: no allocation, timestamp and headers kept.
		r.Topic = p.Out
		p.cl.Produce(produce, r, p.acks.promise)
	})
	if now := time.Now(); !now.Before(*next) {
		*next = now.Add(p.Commit)
		return p.commit(produce)
	}
	return nil
}

// commit waits for all acknowledgements, then commits what was polled.
func (p *copier) commit(ctx context.Context) error {
	if err := p.cl.Flush(ctx); err != nil {
		return err
	}
	if err := p.acks.err(); err != nil {
		return err
	}
	return p.cl.CommitUncommittedOffsets(ctx)
}

func (p *copier) revoked(ctx context.Context, _ *kgo.Client, _ map[string][]int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.commit(ctx); err != nil {
		p.acks.first.CompareAndSwap(nil, &err)
	}
}
