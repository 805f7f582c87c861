package driver_test

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/framework/connector"
)

func (m *member) Commit(ctx context.Context, positions []connector.Position) error {
	s := m.sim
	s.mu.Lock()
	before, after := s.upTo(s.faults.ack), s.upTo(s.faults.ack)
	as := map[simPlace]*holding{} // the ownership under which it commits: Kafka's generation
	for _, p := range positions {
		at := m.place(p.Partition)
		if as[at] = m.owned[at]; m.told[at] {
			s.violate(commitsAreOwners, "%s commits %s after it let it go", m, at)
		}
	}
	s.mu.Unlock()
	if err := sleep(ctx, before); err != nil {
		return err
	}
	err := m.store(positions, as)
	if late := sleep(ctx, after); late != nil {
		return late
	}
	return err
}

func (m *member) store(positions []connector.Position, as map[simPlace]*holding) error {
	s := m.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.instance.crashed || m.closed {
		return errCrashed
	}
	failed := s.chance(s.faults.commitRefused)
	if failed {
		if s.hits["commit"]++; s.hits["commit"]%2 == 0 {
			return fmt.Errorf("commit: %w", connector.ErrTemporary)
		}
	}
	refused := &connector.CommitError{Err: errRefused}
	var stored []simPlace
	for _, p := range positions {
		at := m.place(p.Partition)
		task := s.group.taskOf(at)
		if s.group.owner[task] != m || m.owned[at] != as[at] {
			if m.told[at] {
				s.violate(commitsAreOwners, "a commit of %s by %s arrives after it let it go", at, m)
			}
			refused.Refused = append(refused.Refused, p.Partition)
			continue
		}
		if s.group.leaving[task] && s.plant == plantNoCommit {
			continue
		}
		if s.chance(s.faults.notNow) {
			s.hits["not now"]++
			refused.Refused = append(refused.Refused, p.Partition)
			continue
		}
		s.trace("%s commits %s@%d", m, at, p.Offset)
		s.checkPosition(at, p)
		s.committed[at] = p
		stored = append(stored, at)
	}
	if s.onCommit != nil {
		s.onCommit(stored)
	}
	switch {
	case failed:
		return fmt.Errorf("commit: %w", connector.ErrTemporary)
	case len(refused.Refused) > 0:
		return refused
	}
	return nil
}

func (m *member) Purge(positions []connector.Position) {
	m.sim.mu.Lock()
	defer m.sim.mu.Unlock()
	for _, p := range positions {
		at := m.place(p.Partition)
		if m.sim.plant == plantEarlyPurge {
			p.Offset = m.sim.log(at).end()
		}
		if p.Offset > m.sim.committed[at].Offset {
			m.sim.violate(purgesFollowCommits, "%s is purged below %d, %d is committed", at, p.Offset, m.sim.committed[at].Offset)
		}
		m.sim.hits["purge"]++
		m.sim.log(at).start = max(m.sim.log(at).start, p.Offset)
	}
}

func (g *simGroup) taskOf(at simPlace) int {
	for t, places := range g.tasks {
		for _, p := range places {
			if p == at {
				return t
			}
		}
	}
	return -1
}
