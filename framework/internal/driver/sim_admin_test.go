package driver_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/millrace/millrace/framework/connector"
)

// instance is a process of the application: a connector of its own, whose workers can be made to vanish.
type instance struct {
	sim     *sim
	name    string
	crashed bool  // from now on nothing of it has any effect; guarded by sim.mu
	held    int64 // bytes fetched and not recycled, written and not acknowledged; guarded by sim.mu
	bound   int64 // of held; 0: not checked
	flying  int   // records written and not acknowledged; guarded by sim.mu
	flown   int   // the most of them
	refused bool  // one of its writes was refused for good; guarded by sim.mu
	members []*member
}

var errCrashed = errors.New("this instance crashed")

func (i *instance) Kind() string { return "sim" }

func (i *instance) Capabilities() connector.Capabilities {
	return connector.Capabilities{Durable: true, Shared: true}
}

func (i *instance) Admin(context.Context) (connector.Admin, error) { return &simAdmin{i.sim}, nil }

func (i *instance) Open(_ context.Context, c connector.WorkerConfig) (connector.Worker, error) {
	s := i.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	if i.crashed {
		return nil, errCrashed
	}
	m := newMember(i, c)
	i.members = append(i.members, m)
	s.group.join(m)
	return m, nil
}

// hold counts memory; sim.mu is held.
func (i *instance) hold(bytes int64) {
	if i.held += bytes; i.bound > 0 && i.held > i.bound {
		i.sim.violate(memoryIsBounded, "%s holds %d bytes, %d are allowed", i.name, i.held, i.bound)
	}
}

// crash makes the instance vanish: a part of what it wrote is stored, it never speaks again, and the group notices after
// the session time-out.
func (i *instance) crash() {
	s := i.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	i.crashed = true
	for _, m := range i.members {
		m.spill()
		m.wakeLocked()
		s.group.expire(m)
	}
}

type simAdmin struct{ sim *sim }

func (a *simAdmin) Close() error { return nil }

func (a *simAdmin) Topics(_ context.Context, topics []connector.TopicSpec) ([]connector.TopicInfo, error) {
	a.sim.mu.Lock()
	defer a.sim.mu.Unlock()
	infos := make([]connector.TopicInfo, len(topics))
	for i, t := range topics {
		name := t.Name
		infos[i] = connector.TopicInfo{Name: name, Partitions: int32(len(a.sim.topics[name]))}
	}
	return infos, nil
}

func (a *simAdmin) Create(_ context.Context, topics []connector.TopicSpec) error {
	a.sim.mu.Lock()
	defer a.sim.mu.Unlock()
	for _, t := range topics {
		if a.sim.topics[t.Name] == nil {
			a.sim.create(t.Name, t.Partitions)
		}
	}
	return nil
}

func (a *simAdmin) Ends(_ context.Context, names []string) ([][]int64, error) {
	a.sim.mu.Lock()
	defer a.sim.mu.Unlock()
	if a.sim.chance(a.sim.faults.adminFails) {
		a.sim.hits["admin"]++
		return nil, fmt.Errorf("list ends: %w", connector.ErrTemporary)
	}
	ends := make([][]int64, len(names))
	for i, name := range names {
		for _, l := range a.sim.topics[name] {
			end := l.end()
			if name == simRepartition {
				end += a.sim.ahead
			}
			ends[i] = append(ends[i], end)
		}
	}
	return ends, nil
}

func (a *simAdmin) Owners(context.Context, string) (map[string]map[int32]string, error) {
	a.sim.mu.Lock()
	defer a.sim.mu.Unlock()
	g, owners := &a.sim.group, map[string]map[int32]string{}
	for t, m := range g.owner {
		for _, at := range g.tasks[t] {
			if owners[at.topic] == nil {
				owners[at.topic] = map[int32]string{}
			}
			if !g.leaving[t] {
				owners[at.topic][at.partition] = m.config.Process
			}
		}
	}
	return owners, nil
}

func (a *simAdmin) Committed(_ context.Context, _ string, names []string) ([][]connector.Position, error) {
	a.sim.mu.Lock()
	defer a.sim.mu.Unlock()
	committed := make([][]connector.Position, len(names))
	for i, name := range names {
		for _, l := range a.sim.topics[name] {
			at := connector.Position{Offset: -1}
			if p, ok := a.sim.committed[l.at]; ok {
				at = connector.Position{Offset: p.Offset, Metadata: p.Metadata}
			}
			committed[i] = append(committed[i], at)
		}
	}
	return committed, nil
}
