package driver

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/millrace/millrace/framework/connector"
)

// through lets an emitter wait until what came of its record is through the repartition topics behind it: its receipt is
// for all that is downstream, whichever worker does it.
type through struct {
	plan     *Plan
	admin    connector.Admin
	emitters atomic.Int32
	used     bool // the graph has an input that is emitted into
	bell     bell

	mu      sync.Mutex // guards reached
	reached map[connector.Partition]int64
}

func newThrough(p *Plan, admin connector.Admin) *through {
	used := slices.ContainsFunc(p.Topics, func(t Topic) bool { return t.Port != nil })
	return &through{plan: p, admin: admin, used: used, reached: map[connector.Partition]int64{}}
}

// waiting says that an emitter waits: rounds are flushed at once.
func (t *through) waiting() bool { return t.emitters.Load() > 0 }

// assigned notes where a task begins.
func (t *through) assigned(task *task) {
	t.mu.Lock()
	for i, p := range task.inputs {
		t.reached[p.at] = task.Inputs()[i].Position()
	}
	t.mu.Unlock()
	t.bell.ring()
}

// settled notes positions below which everything made is written.
func (t *through) settled(positions []partitionPosition) {
	if len(positions) == 0 || !t.used {
		return
	}
	t.mu.Lock()
	for _, p := range positions {
		t.reached[p.of.at] = p.offset
	}
	t.mu.Unlock()
	t.bell.ring()
}

// wait returns when all that the sub-topology feeds, and what that feeds, has processed what is in its topics now, or the
// application is over. inside says that this goroutine would wait for itself.
func (t *through) wait(ctx context.Context, over <-chan struct{}, inside func() bool, sub int) error {
	t.emitters.Add(1)
	defer t.emitters.Add(-1)
	seen := map[int]bool{sub: true}
	for level := []int{sub}; len(level) > 0; {
		var next []int
		for _, sub := range level {
			for _, topic := range t.plan.internal(sub) {
				if err := t.waitTopic(ctx, over, inside, topic); err != nil {
					return err
				}
				for reader, s := range t.plan.Subs {
					for _, source := range s.Sources {
						if source == topic && !seen[reader] {
							seen[reader] = true
							next = append(next, reader)
						}
					}
				}
			}
		}
		level = next
	}
	return nil
}

func (t *through) waitTopic(ctx context.Context, over <-chan struct{}, inside func() bool, topic int32) error {
	ends, err := t.admin.Ends(ctx, []string{t.plan.Topics[topic].Name})
	if err != nil {
		return err
	}
	for first := true; ; first = false {
		changed := t.bell.heard()
		switch {
		case t.past(topic, ends[0]):
			return nil
		case first && inside():
			return ErrInside
		}
		select {
		case <-changed:
		case <-over:
			return ErrEnded
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (t *through) past(topic int32, ends []int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for p, end := range ends {
		if t.reached[connector.Partition{Topic: topic, Partition: int32(p)}] < end {
			return false
		}
	}
	return true
}

// bell tells any number of goroutines that something changed.
type bell struct {
	mu sync.Mutex
	ch chan struct{} // closed by ring; nil: nobody listens
}

// heard returns a channel that is closed at the next ring.
func (b *bell) heard() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch == nil {
		b.ch = make(chan struct{})
	}
	return b.ch
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ch != nil {
		close(b.ch)
		b.ch = nil
	}
}
