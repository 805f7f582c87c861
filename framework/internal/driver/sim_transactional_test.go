package driver_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// transactionalInstance is an instance whose workers commit what they write with the positions since that is asked for, and go back to
// their last commit where that fails.
type transactionalInstance struct{ *instance }

func (i transactionalInstance) Capabilities() connector.Capabilities {
	return connector.Capabilities{Transactional: true, Durable: true, Shared: true}
}

func (i transactionalInstance) Open(ctx context.Context, c connector.WorkerConfig) (connector.Worker, error) {
	if !c.Atomic {
		return nil, errors.New("nobody asked for transactions")
	}
	w, err := i.instance.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	m := &transactionalMember{member: w.(*member)}
	m.current.Store(m.member)
	return m, nil
}

// transactionalMember keeps what is written until it is committed. Fields are guarded by sim.mu.
type transactionalMember struct {
	*member
	current    atomic.Pointer[member] // member, for Wake: acknowledgements come with mu held
	unsaved    []connector.Out
	pending    []*pendingAck
	committing bool
}

// pendingAck is of what is written and not acknowledged.
type pendingAck struct {
	acked func(int, error)
	bytes []int
	given bool
}

func (p *pendingAck) give(err error) {
	if p.given {
		return
	}
	p.given = true
	for _, n := range p.bytes {
		p.acked(n, err)
	}
}

func (m *transactionalMember) Wake() { m.current.Load().Wake() }

func (m *transactionalMember) Write(outs []connector.Out, acked func(int, error)) {
	s := m.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.committing {
		s.violate(nothingInBetween, "%s writes %d records to %s", m, len(outs), m.config.Topics[outs[0].Topic].Name)
	}
	p := &pendingAck{acked: acked}
	for _, o := range outs {
		p.bytes = append(p.bytes, int(outBytes(&o)))
		o.Key, o.Value, o.Headers = clone(o.Key), clone(o.Value), cloneHeaders(o.Headers)
		m.unsaved = append(m.unsaved, o)
	}
	m.pending = append(m.pending, p)
	refused := s.chance(s.faults.notNow / 4)
	time.AfterFunc(s.upTo(s.faults.ack), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if refused && !p.given {
			s.hits["fenced"]++
			p.give(fmt.Errorf("write: %w", connector.ErrAborted))
		}
		p.give(nil)
	})
}

func (m *transactionalMember) Commit(ctx context.Context, positions []connector.Position) error {
	s := m.sim
	s.mu.Lock()
	m.committing = true
	as := m.owned
	before, after := s.upTo(100*time.Millisecond), s.upTo(s.faults.ack)
	s.mu.Unlock()
	if err := sleep(ctx, before); err != nil {
		return fmt.Errorf("%w: %w", connector.ErrAborted, err)
	}
	err := m.store(positions, as)
	if late := sleep(ctx, after); late != nil {
		return fmt.Errorf("%w: %w", connector.ErrAborted, late)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.committing = false
	return err
}

func (m *transactionalMember) store(positions []connector.Position, as map[simPlace]*holding) error {
	s := m.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.instance.crashed || m.closed {
		return errCrashed
	}
	undone := func(what string) error {
		s.hits[what]++
		return fmt.Errorf("%w: %s", connector.ErrAborted, what)
	}
	switch {
	case m.away || m.losing:
		return undone("not a member")
	case s.chance(s.faults.notNow):
		return undone("aborted")
	}
	for _, p := range positions {
		if at := m.place(p.Partition); m.owned[at] == nil || as[at] != m.owned[at] || s.group.owner[s.group.taskOf(at)] != m.member {
			return undone("not the owner")
		}
	}
	for _, o := range m.unsaved {
		at := simPlace{m.config.Topics[o.Topic].Name, o.Partition}
		offset := s.append(at, simRecord{time: o.Time, key: o.Key, value: o.Value, headers: o.Headers})
		if o.Offset != nil {
			*o.Offset = offset
		}
		s.acknowledge(at, &s.log(at).records[offset])
	}
	m.unsaved = nil
	var stored []simPlace
	for _, p := range positions {
		at := m.place(p.Partition)
		s.checkPosition(at, p)
		if s.plant != plantApart || !s.chance(0.2) {
			s.committed[at] = p
		}
		stored = append(stored, at)
	}
	if s.onCommit != nil {
		s.onCommit(stored)
	}
	if s.chance(s.faults.notNow) {
		return undone("applied, then an error")
	}
	return nil
}

// Abort leaves the group and joins it anew.
func (m *transactionalMember) Abort(ctx context.Context, cause error) error {
	s := m.sim
	s.mu.Lock()
	if !errors.Is(cause, connector.ErrAborted) {
		s.violate(runEndsWell, "%s goes back to its last commit after %v", m, cause)
	}
	if m.instance.crashed {
		s.mu.Unlock()
		return errCrashed
	}
	s.hits["abort"]++
	m.unsaved, m.committing = nil, false
	for _, p := range m.pending {
		p.give(errors.New("given up"))
	}
	m.pending = nil
	s.mu.Unlock()
	if err := m.member.Close(ctx); err != nil {
		return err
	}
	if err := sleep(ctx, s.rejoin); err != nil {
		return err
	}
	w, err := m.instance.Open(ctx, m.config)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m.member = w.(*member)
	m.current.Store(m.member)
	return nil
}

// Close gives up what is not committed.
func (m *transactionalMember) Close(ctx context.Context) error {
	m.sim.mu.Lock()
	for _, p := range m.pending {
		p.give(errors.New("given up"))
	}
	m.pending = nil
	m.sim.mu.Unlock()
	return m.member.Close(ctx)
}

// Whatever happens to members, commits and writes: each line is there once, in order, and nothing is counted twice.
func TestExactlyOnceSurvivesWhateverASeedDoesToIt(t *testing.T) {
	seeds, first := *simSeeds/8, uint64(1)
	if *simSeed > 0 {
		first, seeds = *simSeed, 1
	}
	var mu sync.Mutex
	hits := map[string]int{}
	t.Run("graphs", func(t *testing.T) {
		for _, g := range atomicGraphs() {
			t.Run(g.name, func(t *testing.T) {
				t.Parallel()
				for seed := first; seed < first+uint64(seeds); seed++ {
					report(t, seed, simulateTransactional(t, g, seed, plantNone, func(s *sim) {
						mu.Lock()
						defer mu.Unlock()
						for name, n := range s.hits {
							hits[name] += n
						}
					}))
				}
			})
		}
	})
	for _, fault := range []string{"crash", "stop", "start", "move", "lost", "abort", "aborted", "applied, then an error", "fenced", "restored", "bounded"} {
		if hits[fault] == 0 && seeds > 1 {
			t.Errorf("no seed hit %q: the run proves nothing about it", fault)
		}
	}
	t.Log("hits:", hits)
}

func TestExactlyOnceIsBrokenByAPlantedBug(t *testing.T) {
	for seed := uint64(1); seed <= 300; seed++ {
		for _, g := range atomicGraphs() {
			for _, v := range simulateTransactional(t, g, seed, plantApart, nil) {
				if v.invariant == exactlyOnce {
					return
				}
			}
		}
	}
	t.Errorf("positions that are not stored with their outputs break nothing")
}

func simulateTransactional(t *testing.T, g heldGraph, seed uint64, plant plant, after func(*sim)) []violation {
	t.Helper()
	return simulateIn(t, seed, plant, after, func(t *testing.T, s *sim) {
		w := newHeldWorld(t, s, g)
		w.config.ExactlyOnce, w.graceful = true, false
		w.via = func(i *instance) connector.Connector { return transactionalInstance{i} }
		s.faults.notNow, s.faults.commitRefused = []float64{0, 0.1}[s.seed%2], 0
		w.run()
	})
}
