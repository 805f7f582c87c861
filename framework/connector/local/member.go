package local

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/millrace/millrace/framework/connector"
)

// Member is one worker in a Group. All methods may be called from any goroutine.
type Member struct {
	group  *Group
	host   Host
	tasks  map[connector.Partition]*task // those that it could have
	active bool                          // gets tasks; not so between being expelled and having heard of it
	told   bool                          // it was told of an assignment
	lost   []*task                       // to be told
	left   bool
	news   atomic.Bool // Events has something to say: a poll without news takes no lock
}

// wake tells the worker that there is news; the group's mu is held.
func (m *Member) wake() {
	m.news.Store(true)
	m.host.Wake()
}

// Events returns what has happened since the last call, in order: at most one event of each kind. The first call
// returns an Assigned event in any case, without partitions where there is nothing for the member.
// It returns ErrClosed after Leave, and the error of Host.Begin.
func (m *Member) Events() ([]connector.Event, error) {
	if !m.news.Load() {
		return nil, nil
	}
	g := m.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if m.left {
		return nil, ErrClosed
	}
	m.news.Store(false)
	if len(m.lost) > 0 {
		e := m.event(connector.Lost, m.lost, m.rejoin)
		m.lost = nil
		return []connector.Event{e}, nil
	}
	var events []connector.Event
	if revoked := m.advance(revoking, leaving); len(revoked) > 0 {
		events = append(events, m.event(connector.Revoked, revoked, func() { m.release(revoked) }))
	}
	assigned := m.advance(given, held)
	if len(assigned) == 0 && (m.told || !m.active) {
		return events, nil
	}
	m.told = true
	e, err := m.assign(assigned)
	return append(events, e), err
}

// advance brings the member's tasks from one stage to the next and returns them; the group's mu is held.
func (m *Member) advance(from, to stage) (tasks []*task) {
	for _, t := range m.group.tasks {
		if t.holder == m && t.stage == from {
			t.stage = to
			tasks = append(tasks, t)
		}
	}
	return tasks
}

func (m *Member) event(kind connector.EventKind, tasks []*task, done func()) connector.Event {
	e := connector.Event{Kind: kind, Done: sync.OnceFunc(done)}
	for _, t := range tasks {
		for _, p := range m.partitions(t) {
			e.Partitions = append(e.Partitions, connector.Assignment{Partition: p})
		}
	}
	return e
}

// assign makes the event of tasks that the member has from now on. The group's mu is held, but not while Begin looks at
// logs: nobody else can commit their positions.
func (m *Member) assign(tasks []*task) (connector.Event, error) {
	g := m.group
	e := m.event(connector.Assigned, tasks, func() {})
	committed := make([]connector.Position, len(e.Partitions))
	for i, a := range e.Partitions {
		committed[i] = g.position(m.host.Config.Topics[a.Topic].Name, a.Partition.Partition)
		committed[i].Partition = a.Partition
	}
	g.mu.Unlock()
	defer g.mu.Lock()
	var faults []error
	for i := range e.Partitions {
		source := slices.IndexFunc(m.host.Config.Sources, func(s connector.Source) bool { return s.Topic == e.Partitions[i].Topic })
		if source < 0 {
			return e, fmt.Errorf("topic %s is in Groups and not in Sources", m.host.Config.Topics[e.Partitions[i].Topic].Name)
		}
		var err error
		e.Partitions[i], err = m.host.Begin(m.host.Config.Sources[source], committed[i])
		faults = append(faults, err)
	}
	return e, errors.Join(faults...)
}

// release lets go what was revoked.
func (m *Member) release(tasks []*task) {
	g := m.group
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, t := range tasks {
		if t.holder == m && t.stage == leaving {
			t.free()
		}
	}
	g.rebalance()
}

// rejoin makes an expelled member one that gets tasks again.
func (m *Member) rejoin() {
	g := m.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if !m.left {
		m.active = true
		g.rebalance()
	}
}

// Commit keeps the positions. Those of partitions that are not the member's are refused: the error is a
// *connector.CommitError that names them then. A partition is the member's from the event that assigns it until the Done
// of the event that revokes it, or until the member is expelled.
//
// If store is not nil it is called with the positions that are not refused, before they are kept; where it returns an
// error nothing is kept, and the error is returned. The group stands still meanwhile, so that what is stored is never
// another's by then; store must not call the group.
func (m *Member) Commit(positions []connector.Position, store func([]connector.Position) error) error {
	g := m.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if m.left {
		return ErrClosed
	}
	var refused *connector.CommitError
	allowed := make([]connector.Position, 0, len(positions))
	for _, p := range positions {
		if t := m.tasks[p.Partition]; t != nil && t.committable(m) {
			allowed = append(allowed, p)
			continue
		}
		if refused == nil {
			refused = &connector.CommitError{Err: fmt.Errorf("topic %s, partition %d is not this worker's", m.topic(p.Topic), p.Partition.Partition)}
		}
		refused.Refused = append(refused.Refused, p.Partition)
	}
	if store != nil {
		if err := store(allowed); err != nil {
			return err
		}
	}
	for _, p := range allowed {
		g.committed[place{m.topic(p.Topic), p.Partition.Partition}] = p
	}
	if refused != nil {
		return refused
	}
	return nil
}

func (m *Member) topic(index int32) string {
	if topics := m.host.Config.Topics; index >= 0 && int(index) < len(topics) {
		return topics[index].Name
	}
	return fmt.Sprintf("number %d, which the graph does not have", index)
}

// Leave takes the member out of the group; its tasks go to the others. It is safe to call twice.
func (m *Member) Leave() {
	g := m.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if m.left {
		return
	}
	m.left, m.active, m.lost = true, false, nil
	m.news.Store(true)
	g.members = slices.DeleteFunc(g.members, func(o *Member) bool { return o == m })
	m.drop()
	g.rebalance()
}

// Expel takes the member's tasks away without asking, as brokers do with a member that does not answer: commits of them
// are refused from now on, and the next event says that they are lost. When that one's Done was called the member gets
// tasks again. It is meant for tests.
func (m *Member) Expel() {
	g := m.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if m.left || !m.active {
		return
	}
	if m.lost = m.drop(); len(m.lost) > 0 {
		m.active = false
		m.wake()
	}
	g.rebalance()
}

// drop frees all tasks of the member and returns those that it believes to have; the group's mu is held.
func (m *Member) drop() (believed []*task) {
	for _, t := range m.group.tasks {
		if t.holder != m {
			continue
		}
		if t.stage == held || t.stage == revoking {
			believed = append(believed, t)
		}
		t.free()
	}
	return believed
}
