package driver

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

const (
	behindBytes = 256 << 20 // a repartition topic with more unread bytes holds its upstream
	behindTime  = 10 * time.Second
	// behindLooks is how many looks in a row must find that much time: offsets are committed once a second, so that the
	// rate between two looks says little.
	behindLooks = 5
	// behindLeast is the lag in bytes below which time does not count: it is gone before anybody notices.
	behindLeast = 16 << 20
)

// flow watches how far the readers of repartition topics are behind their writers, once a second, from the group's
// committed offsets: so that it holds across instances.
type flow struct {
	plan    *Plan
	topics  []int32        // repartition topics
	held    []atomic.Bool  // by topic
	bytes   []atomic.Int64 // written by this process, by topic
	records []atomic.Int64
	last    []int64 // committed at the last look, summed, by topic
	looks   []int   // in a row that found the topic behind in time
}

func newFlow(p *Plan) *flow {
	n := len(p.Topics)
	f := &flow{plan: p, held: make([]atomic.Bool, n), bytes: make([]atomic.Int64, n), records: make([]atomic.Int64, n), last: make([]int64, n), looks: make([]int, n)}
	for i, t := range p.Topics {
		f.last[i] = -1
		if t.Spec.Role&connector.RoleRepartition != 0 {
			f.topics = append(f.topics, int32(i))
		}
	}
	return f
}

// behind says that a topic which the sub-topology feeds is too far behind.
func (s *shared) behind(sub int) bool {
	for _, topic := range s.plan.Subs[sub].Feeds {
		if s.flow.held[topic].Load() {
			return true
		}
	}
	return false
}

// watch looks once a second until ctx ends.
func (f *flow) watch(ctx context.Context, admin connector.Admin, s *shared) {
	if len(f.topics) == 0 {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := f.look(ctx, admin, s.plan.App); err != nil && ctx.Err() == nil {
			s.log.Debug("lag of repartition topics", "error", err)
		}
	}
}

func (f *flow) look(ctx context.Context, admin connector.Admin, group string) error {
	names := make([]string, len(f.topics))
	for i, topic := range f.topics {
		names[i] = f.plan.Topics[topic].Name
	}
	ends, err := admin.Ends(ctx, names)
	if err != nil {
		return err
	}
	committed, err := admin.Committed(ctx, group, names)
	if err != nil {
		return err
	}
	for i, topic := range f.topics {
		lag, done := int64(0), int64(0)
		for p := range ends[i] {
			at := max(0, committed[i][p].Offset)
			lag += max(0, ends[i][p]-at)
			done += at
		}
		f.held[topic].Store(f.judge(topic, lag, done))
		f.last[topic] = done
	}
	return nil
}

// judge says whether a topic with that lag and that committed offset, a second after the last look, is too far behind.
func (f *flow) judge(topic int32, lag, done int64) bool {
	size := int64(100)
	if n := f.records[topic].Load(); n > 0 {
		size = f.bytes[topic].Load() / n
	}
	if lag*size > behindBytes {
		return true
	}
	rate := done - f.last[topic] // records a second
	if f.last[topic] < 0 || lag*size < behindLeast || lag <= rate*int64(behindTime/time.Second) {
		f.looks[topic] = 0
		return false
	}
	f.looks[topic]++
	return f.looks[topic] >= behindLooks
}
