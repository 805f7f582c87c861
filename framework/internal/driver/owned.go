package driver

import (
	"maps"
	"slices"
	"sync"

	"github.com/millrace/millrace/framework/connector"
)

// Owned is which partitions the workers of this process have. After a run it says what they had at its end.
// Its methods may be called from any goroutine.
type Owned struct {
	mu         sync.Mutex
	plan       *Plan
	layout     *Layout
	partitions map[connector.Partition]int // the worker that has it
}

func (o *Owned) begin(p *Plan, l *Layout) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.plan, o.layout, o.partitions = p, l, map[connector.Partition]int{}
}

func (o *Owned) take(p connector.Partition, worker int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.partitions[p] = worker
}

// leave is late sometimes: another worker of the process may have the partition by then.
func (o *Owned) leave(p connector.Partition, worker int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.partitions[p] == worker {
		delete(o.partitions, p)
	}
}

func (o *Owned) has(p connector.Partition) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, has := o.partitions[p]
	return has
}

// all says that this process has all partitions.
func (o *Owned) all() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for _, s := range o.plan.Subs {
		for _, topic := range s.Sources {
			n += int(o.layout.Partitions[topic])
		}
	}
	return len(o.partitions) == n
}

// Of returns the partitions of a source topic that this process has, in order, and how many the topic has; 0 if it is no
// source topic or the run has not begun.
func (o *Owned) Of(topic string) (owned []int32, of int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.plan == nil {
		return nil, 0
	}
	at := slices.IndexFunc(o.plan.Topics, func(t Topic) bool { return t.Name == topic })
	if at < 0 {
		return nil, 0
	}
	for p := range maps.Keys(o.partitions) {
		if p.Topic == int32(at) {
			owned = append(owned, p.Partition)
		}
	}
	slices.Sort(owned)
	return owned, int(o.layout.Partitions[at])
}
