package local

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/millrace/millrace/framework/connector"
)

// ErrClosed is returned to those who use a worker that is closed.
var ErrClosed = errors.New("the worker is closed")

// Group is the workers of one application in this process. It gives each task (partition p of all topics of one of
// [connector.WorkerConfig].Groups) to one of them, and keeps the positions that they commit, by the names of topics.
//
// The tasks are spread evenly. When a worker joins or leaves, only the tasks move that must: their owner hears of it by
// a Revoked event, and their next owner gets them when that event's Done was called or the owner has left. The same
// calls lead to the same assignment.
//
// All methods may be called from any goroutine. NewGroup makes one.
type Group struct {
	mu        sync.Mutex // guards all of the group, its members' and tasks' state too; not held over calls of Host.Begin
	names     [][]string // topics of each sub-topology
	counts    [][]int32  // their partitions
	tasks     []*task    // by sub-topology, then by partition
	members   []*Member  // in the order in which they joined
	committed map[place]connector.Position
}

// place names a partition by its topic's name; positions outlive workers, and with them the indexes of topics.
type place struct {
	topic     string
	partition int32
}

// NewGroup returns a group without members and positions.
func NewGroup() *Group { return &Group{committed: map[place]connector.Position{}} }

// Host is what a group needs to know of one of its workers and of what that reads.
type Host struct {
	Config connector.WorkerConfig
	// Partitions are the numbers of partitions, by topic index; those of the sources count.
	Partitions []int32
	// Begin decides where a partition that is being assigned begins: it gets what is committed, Offset -1 where nothing
	// is, and returns the whole assignment. Its error is final for the worker. Begin (the function) decides it for
	// ordinary logs. It is called by Member.Events, on the goroutine of its caller.
	Begin func(s connector.Source, committed connector.Position) (connector.Assignment, error)
	// Wake is called when there are events for the worker. It must not block, nor call the group.
	Wake func()
}

// Join adds a worker. It owns nothing until Events says so. Workers of one group read the same topics; one that does not
// is refused as long as others are there.
func (g *Group) Join(h Host) (*Member, error) {
	names, counts := h.layout()
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case len(g.members) == 0:
		g.names, g.counts = names, counts
		g.tasks = newTasks(counts)
	case !equal(g.names, names):
		return nil, fmt.Errorf("group %s: another graph runs under this name: give this application another name, or end the other", h.Config.Group)
	case !equal(g.counts, counts):
		return nil, fmt.Errorf("group %s: partitions were added to a topic while others of the group run: start them again", h.Config.Group)
	}
	m := &Member{group: g, host: h, active: true, tasks: map[connector.Partition]*task{}}
	for _, t := range g.tasks {
		for _, p := range m.partitions(t) {
			m.tasks[p] = t
		}
	}
	g.members = append(g.members, m)
	g.rebalance()
	m.wake() // it has an event even where there is no task for it
	return m, nil
}

// layout returns the names and the numbers of partitions of the topics of each sub-topology.
func (h *Host) layout() (names [][]string, counts [][]int32) {
	for _, topics := range h.Config.Groups {
		var n []string
		var c []int32
		for _, t := range topics {
			n = append(n, h.Config.Topics[t].Name)
			c = append(c, h.Partitions[t])
		}
		names, counts = append(names, n), append(counts, c)
	}
	return names, counts
}

func equal[T comparable](a, b [][]T) bool {
	return slices.EqualFunc(a, b, func(x, y []T) bool { return slices.Equal(x, y) })
}

// Committed returns the position that is committed of a partition. Its Topic is 0, and its Offset -1 where there is
// none.
func (g *Group) Committed(topic string, partition int32) connector.Position {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.position(topic, partition)
}

func (g *Group) position(topic string, partition int32) connector.Position {
	p, ok := g.committed[place{topic, partition}]
	p.Topic, p.Partition.Partition = 0, partition
	if !ok {
		p.Offset = -1
	}
	return p
}

// Owners returns, by topic and partition, which process reads it. What is on its way from one member to another is not in it.
func (g *Group) Owners() map[string]map[int32]string {
	g.mu.Lock()
	defer g.mu.Unlock()
	owners := map[string]map[int32]string{}
	for _, t := range g.tasks {
		if t.holder == nil || t.stage != held {
			continue
		}
		for _, p := range t.holder.partitions(t) {
			topic := t.holder.host.Config.Topics[p.Topic].Name
			if owners[topic] == nil {
				owners[topic] = map[int32]string{}
			}
			owners[topic][p.Partition] = t.holder.host.Config.Process
		}
	}
	return owners
}

// SetCommitted sets the position of a partition, whoever owns it: for positions that were stored before this process
// began.
func (g *Group) SetCommitted(topic string, partition int32, offset int64, metadata string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.committed[place{topic, partition}] = connector.Position{Offset: offset, Metadata: metadata}
}

// rebalance brings tasks on their way to where they are to be; g.mu is held.
func (g *Group) rebalance() {
	var active []*Member
	for _, m := range g.members {
		if m.active {
			active = append(active, m)
		}
	}
	targets := spread(g.tasks, active)
	for i, t := range g.tasks {
		if woken := t.move(targets[i]); woken != nil {
			woken.wake()
		}
	}
}
