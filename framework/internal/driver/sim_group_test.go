package driver_test

import (
	"cmp"
	"slices"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

const (
	simSession   = 10 * time.Second // after it the group notices that a member is gone
	simRebalance = time.Minute      // a member that has not let go by then is too slow
)

// simGroup is the consumer group: it gives tasks to members, and takes them away as Kafka's cooperative protocol does. Its
// methods are called with sim.mu held.
type simGroup struct {
	sim     *sim
	members []*member // joined, oldest first
	tasks   []simTask
	owner   map[int]*member // by task
	leaving map[int]bool    // the owner was told to let go, and has not yet
	target  map[int]*member // who is to have it
}

// simTask is partition p of all source topics of a sub-topology.
type simTask []simPlace

func (g *simGroup) join(m *member) {
	if g.tasks == nil {
		g.divide(m.config)
	}
	g.members = append(g.members, m)
	m.push(connector.Event{Kind: connector.Assigned}, nil)
	g.rebalance()
}

// divide makes the list of tasks.
func (g *simGroup) divide(c connector.WorkerConfig) {
	for _, topics := range c.Groups {
		for p := int32(0); ; p++ {
			var t simTask
			for _, topic := range topics {
				if name := c.Topics[topic].Name; p < int32(len(g.sim.topics[name])) {
					t = append(t, simPlace{name, p})
				}
			}
			if t == nil {
				break
			}
			g.tasks = append(g.tasks, t)
		}
	}
}

// rebalance decides anew who is to have what. Members hear of it by their next poll.
func (g *simGroup) rebalance() {
	able := slices.DeleteFunc(slices.Clone(g.members), func(m *member) bool { return m.away })
	g.target = map[int]*member{}
	if len(able) == 0 {
		return
	}
	most := (len(g.tasks) + len(able) - 1) / len(able)
	load := map[*member]int{}
	tasks := g.sim.rng.Perm(len(g.tasks))
	for _, t := range tasks {
		if o := g.owner[t]; o != nil && slices.Contains(able, o) && load[o] < most && g.sim.chance(0.7) {
			g.target[t] = o
			load[o]++
		}
	}
	for _, t := range tasks {
		if g.target[t] == nil {
			m := slices.MinFunc(able, func(a, b *member) int { return cmp.Compare(load[a], load[b]) })
			g.target[t] = m
			load[m]++
		}
	}
	g.move()
}

// move asks owners to let go of what is another's, and gives what is free.
func (g *simGroup) move() {
	revoke, assign := map[*member][]int{}, map[*member][]int{}
	for t := range g.tasks {
		switch o, next := g.owner[t], g.target[t]; {
		case next == nil || o == next || g.leaving[t]:
		case o == nil:
			assign[next] = append(assign[next], t)
		default:
			revoke[o] = append(revoke[o], t)
		}
	}
	for _, m := range slices.Clone(g.members) {
		if tasks := revoke[m]; tasks != nil {
			g.revoke(m, tasks)
		}
		if tasks := assign[m]; tasks != nil {
			g.assign(m, tasks)
		}
	}
}

func (g *simGroup) assign(m *member, tasks []int) {
	e := connector.Event{Kind: connector.Assigned}
	for _, t := range tasks {
		g.owner[t] = m
		for _, at := range g.tasks[t] {
			l := g.sim.log(at)
			p, known := g.sim.committed[at]
			if !known {
				p = connector.Position{Offset: l.start}
			}
			m.own(at, p.Offset)
			e.Partitions = append(e.Partitions, connector.Assignment{
				Partition: m.partition(at), Offset: p.Offset, End: l.end(), Metadata: p.Metadata,
			})
		}
	}
	m.push(e, nil)
}

func (g *simGroup) revoke(m *member, tasks []int) {
	e := connector.Event{Kind: connector.Revoked}
	for _, t := range tasks {
		g.leaving[t] = true
		for _, at := range g.tasks[t] {
			e.Partitions = append(e.Partitions, connector.Assignment{Partition: m.partition(at)})
		}
	}
	done := func() {
		for _, t := range tasks {
			if g.owner[t] == m {
				for _, at := range g.tasks[t] {
					m.told[at] = true
				}
			}
			g.free(t, m)
		}
		g.move()
	}
	if g.sim.plant == plantHideRevoke {
		for _, t := range tasks {
			for _, at := range g.tasks[t] {
				m.told[at] = true
			}
			delete(g.owner, t)
			delete(g.leaving, t)
		}
		g.move()
		return
	}
	m.push(e, done)
	time.AfterFunc(simRebalance, func() {
		g.sim.mu.Lock()
		defer g.sim.mu.Unlock()
		for _, t := range tasks {
			if g.owner[t] == m && g.leaving[t] && !m.instance.crashed {
				g.sim.violate(lagGoesToZero, "%s has not let go of %v within %s", m, g.tasks[t], simRebalance)
				return
			}
		}
	})
}

// free takes a task from its owner.
func (g *simGroup) free(t int, m *member) {
	if g.owner[t] != m {
		return
	}
	delete(g.owner, t)
	delete(g.leaving, t)
	for _, at := range g.tasks[t] {
		m.disown(at)
	}
}

// lose takes everything from a member at once, as when its session ran out. What it wrote is stored: a write that
// arrives later than the next owner's is beyond what at-least-once can tell apart.
func (g *simGroup) lose(m *member) {
	m.losing = false
	m.landAll()
	e := connector.Event{Kind: connector.Lost}
	for t := range g.tasks {
		if g.owner[t] == m {
			for _, at := range g.tasks[t] {
				e.Partitions = append(e.Partitions, connector.Assignment{Partition: m.partition(at)})
			}
			g.free(t, m)
		}
	}
	if len(e.Partitions) > 0 {
		m.away = true
		m.push(e, func() {
			if g.sim.rejoin > 0 {
				time.AfterFunc(g.sim.rejoin, func() {
					g.sim.mu.Lock()
					defer g.sim.mu.Unlock()
					m.away = false
					g.rebalance()
				})
				return
			}
			m.away = false
			g.rebalance()
		})
	}
	g.rebalance()
}

// expire removes a member that does not speak any more.
func (g *simGroup) expire(m *member) {
	time.AfterFunc(simSession, func() {
		g.sim.mu.Lock()
		defer g.sim.mu.Unlock()
		g.leave(m)
	})
}

func (g *simGroup) leave(m *member) {
	at := slices.Index(g.members, m)
	if at < 0 {
		return
	}
	g.members = slices.Delete(g.members, at, at+1)
	for t := range g.tasks {
		g.free(t, m)
	}
	g.rebalance()
}

// notify makes all members look for records.
func (g *simGroup) notify() {
	for _, m := range g.members {
		m.wakeLocked()
	}
}
