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
	layout     *layout
	partitions map[connector.Partition]bool
}

func (o *Owned) begin(p *Plan, l *layout) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.plan, o.layout, o.partitions = p, l, map[connector.Partition]bool{}
}

func (o *Owned) set(p connector.Partition, has bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if has {
		o.partitions[p] = true
	} else {
		delete(o.partitions, p)
	}
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
	return owned, int(o.layout.partitions[at])
}
