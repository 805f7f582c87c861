package driver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// ending knows when a bounded run is done: each source's end is fixed once, and its watermark is the end of input when it is
// read up to there, which goes on downstream as every watermark does. A sub-topology is done when all its tasks have come
// to the end of their inputs, with all that was due by it, and all its positions are committed at their ends; of tasks
// that other processes have, the positions must do. A task that nobody has is not done, whatever is committed: a run before may have
// read as far without closing windows, and this one gets it, or once more where it lost it. Then the ends of what the sub-topology feeds
// are fixed. A nil ending never ends. Its methods may be called from any goroutine.
type ending struct {
	plan    *Plan
	layout  *Layout
	owned   *Owned
	process string        // this one, as the group knows it
	changed chan struct{} // capacity 1: a position moved

	mu        sync.Mutex // guards what follows; never held over a call to the connector
	positions map[connector.Partition]int64
	ends      map[int32][]int64 // fixed ends by topic
	mine      map[connector.Partition]claim
	others    map[connector.Partition]bool // of other processes, as the group said last
	joined    map[int]bool                 // workers that were told what they have
	told      int                          // how often one was
	done      []bool                       // by sub-topology
	workers   []*worker                    // to be woken when an end is fixed
}

// claim is the worker of this process that has a partition, and whether its task has ended, with all that it made acknowledged.
type claim struct {
	worker int
	ended  bool
}

func newEnding(p *Plan, l *Layout, owned *Owned, process string) (*ending, error) {
	if at := p.cycle(); at >= 0 {
		return nil, fmt.Errorf("a bounded run cannot end: sub-topology %d feeds itself through a topic", at)
	}
	for _, t := range p.Topics {
		if t.Port != nil {
			return nil, fmt.Errorf("a bounded run cannot end: input %s has no end; end the context instead", t.Name)
		}
	}
	return &ending{
		plan: p, layout: l, owned: owned, process: process, changed: make(chan struct{}, 1), positions: map[connector.Partition]int64{},
		ends: map[int32][]int64{}, mine: map[connector.Partition]claim{}, others: map[connector.Partition]bool{}, joined: map[int]bool{}, done: make([]bool, len(p.Subs)),
	}, nil
}

// endsFrom returns the offset from which on it counts that upstream tasks have ended. Of those that lie before nobody knows whether they
// are of this run; who has ended says so again and again.
func (s *shared) endsFrom(a connector.Assignment) int64 {
	if s.ending == nil && !s.through.used {
		return math.MaxInt64
	}
	return a.End
}

// assigned notes where partitions stand when a worker is given them: what lies below is committed.
func (e *ending) assigned(worker int, as []connector.Assignment) {
	if e == nil {
		return
	}
	positions := make([]connector.Position, len(as))
	e.mu.Lock()
	e.joined[worker] = true
	e.told++
	for i, a := range as {
		positions[i] = connector.Position{Partition: a.Partition, Offset: a.Offset}
		e.mine[a.Partition] = claim{worker: worker}
		delete(e.others, a.Partition)
	}
	e.mu.Unlock()
	e.committed(positions)
}

// left notes that a worker has let a partition go. It is late sometimes: another worker of the process may have it by then.
func (e *ending) left(p connector.Partition, worker int) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.mine[p].worker == worker {
		delete(e.mine, p)
	}
}

// ended notes that tasks of a worker have come to the end of their inputs.
func (e *ending) ended(tasks []*task, worker int) {
	if e == nil || len(tasks) == 0 {
		return
	}
	e.mu.Lock()
	for _, t := range tasks {
		for _, p := range t.inputs {
			if c, mine := e.mine[p.at]; mine && c.worker == worker {
				e.mine[p.at] = claim{worker, true}
			}
		}
	}
	e.mu.Unlock()
	e.committed(nil)
}

// reached says that a position of a source is at the end that was fixed for it.
func (e *ending) reached(p connector.Partition, position int64) bool {
	if e == nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	ends := e.ends[p.Topic]
	return ends != nil && position >= ends[p.Partition]
}

// committed notes positions that are committed.
func (e *ending) committed(positions []connector.Position) {
	if e == nil {
		return
	}
	e.mu.Lock()
	for _, p := range positions {
		e.positions[p.Partition] = p.Offset
	}
	e.mu.Unlock()
	select {
	case e.changed <- struct{}{}:
	default:
	}
}

// wait returns when the run is done.
func (e *ending) wait(ctx context.Context, admin connector.Admin) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		left := 0
		for sub := range e.plan.Subs {
			over, err := e.over(ctx, admin, sub)
			if err != nil {
				return err
			}
			if !over {
				left++
			}
		}
		if left == 0 {
			return nil
		}
		select {
		case <-e.changed:
		case <-tick.C: // brokers that did not answer are asked again
			e.ask(ctx, admin)
		case <-ctx.Done():
			return nil
		}
	}
}

// ask learns which partitions other instances have, and what the group has committed of them.
func (e *ending) ask(ctx context.Context, admin connector.Admin) {
	if e.owned.all() {
		return
	}
	e.mu.Lock()
	told := e.told
	e.mu.Unlock()
	owners, err := admin.Owners(ctx, e.plan.App)
	if err != nil {
		return // the next try is a second away
	}
	for _, sub := range e.plan.Subs {
		for _, topic := range sub.Sources {
			committed, err := admin.Committed(ctx, e.plan.App, []string{e.plan.Topics[topic].Name})
			if err != nil {
				continue
			}
			e.mu.Lock()
			for number, at := range committed[0] {
				p := connector.Partition{Topic: topic, Partition: int32(number)}
				if e.owned.has(p) { // of its own it hears from its workers, when they are answered
					continue
				}
				e.positions[p] = max(e.positions[p], at.Offset)
				owner, has := owners[e.plan.Topics[topic].Name][int32(number)]
				e.others[p] = has && owner != e.process && e.told == told
			}
			e.mu.Unlock()
		}
	}
}

// over says whether a sub-topology is done, fixing the ends of its sources once all upstream is.
func (e *ending) over(ctx context.Context, admin connector.Admin, sub int) (bool, error) {
	if e.done[sub] {
		return true, nil
	}
	for _, up := range e.plan.upstream(sub) {
		if !e.done[up] {
			return false, nil
		}
	}
	for _, topic := range e.plan.Subs[sub].Sources {
		if e.ends[topic] != nil { // only this goroutine sets it
			continue
		}
		ends, err := admin.Ends(ctx, []string{e.plan.Topics[topic].Name})
		if errors.Is(err, connector.ErrTemporary) || ctx.Err() != nil {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("find the end of topic %s: %w", e.plan.Topics[topic].Name, err)
		}
		e.mu.Lock()
		e.ends[topic] = ends[0]
		e.mu.Unlock()
		for _, w := range e.workers {
			w.wake()
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.joined) < len(e.workers) {
		return false, nil
	}
	for _, topic := range e.plan.Subs[sub].Sources {
		for number, end := range e.ends[topic] {
			p := connector.Partition{Topic: topic, Partition: int32(number)}
			at, known := e.positions[p]
			has, mine := e.mine[p]
			if !known || at < end || mine && !has.ended || !mine && !e.others[p] {
				return false, nil
			}
		}
	}
	e.done[sub] = true
	return true, nil
}

// cycle returns a sub-topology that feeds itself, -1 if there is none.
func (p *Plan) cycle() int {
	const visiting, visited = 1, 2
	state := make([]int, len(p.Subs))
	var visit func(sub int) bool
	visit = func(sub int) bool {
		if state[sub] != 0 {
			return state[sub] == visiting
		}
		state[sub] = visiting
		for _, up := range p.upstream(sub) {
			if visit(up) {
				return true
			}
		}
		state[sub] = visited
		return false
	}
	for sub := range p.Subs {
		if visit(sub) {
			return sub
		}
	}
	return -1
}
