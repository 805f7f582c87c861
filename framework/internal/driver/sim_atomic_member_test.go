package driver_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// atomicInstance is an instance whose workers write and commit as one.
type atomicInstance struct {
	*instance
	polls atomic.Int64 // of all its workers
}

func (i *atomicInstance) Capabilities() connector.Capabilities {
	return connector.Capabilities{Atomic: true, Durable: true}
}

func (i *atomicInstance) Open(ctx context.Context, c connector.WorkerConfig) (connector.Worker, error) {
	w, err := i.instance.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	return &atomicMember{member: w.(*member), polls: &i.polls}, nil
}

// atomicMember keeps what is written until it is committed. Fields are guarded by sim.mu.
type atomicMember struct {
	*member
	polls      *atomic.Int64
	unsaved    []connector.Out
	committing bool
	apart      []connector.Position // of the commit before, with plantApart
}

// Write acknowledges after a while, each in a goroutine of its own.
func (m *atomicMember) Write(outs []connector.Out, acked func(int, error)) {
	s := m.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.committing {
		s.violate(nothingInBetween, "%s writes %d records to %s", m, len(outs), m.config.Topics[outs[0].Topic].Name)
	}
	bytes := make([]int, len(outs))
	for i, o := range outs {
		bytes[i] = int(outBytes(&o))
		o.Key, o.Value, o.Headers = clone(o.Key), clone(o.Value), cloneHeaders(o.Headers)
		m.unsaved = append(m.unsaved, o)
	}
	time.AfterFunc(s.upTo(s.faults.ack), func() {
		for _, n := range bytes {
			acked(n, nil)
		}
	})
}

func (m *atomicMember) Commit(ctx context.Context, positions []connector.Position) error {
	s := m.sim
	s.mu.Lock()
	m.committing = true
	wait := s.upTo(100 * time.Millisecond)
	s.mu.Unlock()
	err := sleep(ctx, wait)
	s.mu.Lock()
	defer s.mu.Unlock()
	m.committing = false
	switch {
	case m.instance.crashed || m.closed:
		if len(m.unsaved) > 0 {
			s.hits["dropped"]++
		}
		return errCrashed
	case err != nil:
		return err
	case s.chance(s.faults.commitRefused):
		s.hits["commit"]++
		return fmt.Errorf("commit: %w", connector.ErrTemporary)
	}
	for _, o := range m.unsaved {
		at := simPlace{m.config.Topics[o.Topic].Name, o.Partition}
		offset := s.append(at, simRecord{time: o.Time, key: o.Key, value: o.Value, headers: o.Headers})
		s.acknowledge(at, &s.log(at).records[offset])
	}
	m.unsaved = nil
	if s.plant == plantApart {
		positions, m.apart = m.apart, positions
	}
	var stored []simPlace
	for _, p := range positions {
		at := m.place(p.Partition)
		s.checkPosition(at, p)
		s.committed[at] = p
		stored = append(stored, at)
	}
	s.onCommit(stored)
	return nil
}

// Poll looks no more often than once a millisecond, so that a worker that only looks does not stop the clock.
func (m *atomicMember) Poll(ctx context.Context, wait time.Duration, records bool) (connector.Batch, error) {
	m.polls.Add(1)
	return m.member.Poll(ctx, max(wait, time.Millisecond), records)
}
