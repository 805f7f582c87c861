package driver_test

import (
	"context"
	"errors"
	"hash/maphash"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// pipe is what a member has on its way to one partition, in order.
type pipe struct {
	at     simPlace
	flying []*flight // not stored yet
	stored []*flight // not acknowledged yet
	due    time.Time // of the last flight
}

// flight is the part of one Write that goes to one partition.
type flight struct {
	outs   []connector.Out // their bytes are the writer's
	sums   []uint64        // of the bytes as they were written
	due    time.Time
	offset int64 // of the first record once stored
	acked  func(int, error)
	given  bool // acked was called
}

var simHash = maphash.MakeSeed()

func sum(o *connector.Out) uint64 {
	all := maphash.Bytes(simHash, o.Key)*31 + maphash.Bytes(simHash, o.Value)
	for _, h := range o.Headers {
		all = all*31 + maphash.Bytes(simHash, h.Value)
	}
	return all
}

func outBytes(o *connector.Out) int64 { return int64(len(o.Key) + len(o.Value)) }

func (m *member) Write(outs []connector.Out, acked func(int, error)) {
	m.sim.mu.Lock()
	defer m.sim.mu.Unlock()
	byPlace := map[simPlace]*flight{}
	for _, o := range outs {
		at := simPlace{m.config.Topics[o.Topic].Name, o.Partition}
		f := byPlace[at]
		if f == nil {
			f = &flight{acked: acked}
			byPlace[at] = f
			defer m.launch(at, f)
		}
		f.outs, f.sums = append(f.outs, o), append(f.sums, sum(&o))
		m.instance.hold(outBytes(&o))
	}
	m.instance.flying += len(outs)
	m.instance.flown = max(m.instance.flown, m.instance.flying)
}

var errWriteRefused = errors.New("the record is too large")

// launch puts a flight on its way; sim.mu is held.
func (m *member) launch(at simPlace, f *flight) {
	if m.instance.crashed || m.closed {
		m.give(f, errCrashed)
		return
	}
	p := m.pipes[at]
	if p == nil {
		p = &pipe{at: at}
		m.pipes[at] = p
	}
	now := time.Now()
	f.due = now.Add(m.sim.upTo(m.sim.faults.ack))
	if f.due.Before(p.due) {
		f.due = p.due
	}
	p.due = f.due
	p.flying = append(p.flying, f)
	switch {
	case m.sim.plant == plantEarlyAck:
		m.give(f, nil)
	case m.sim.plant == plantReusedBytes && len(f.outs[0].Value) > 0:
		f.outs[0].Value[0]++
	}
	time.AfterFunc(f.due.Sub(now), func() {
		m.sim.mu.Lock()
		defer m.sim.mu.Unlock()
		for len(p.flying) > 0 && !p.flying[0].due.After(time.Now()) {
			m.land(p)
		}
	})
}

// land stores the first flight of a pipe; sim.mu is held.
func (m *member) land(p *pipe) {
	if m.sim.plant == plantReorder && len(p.flying) > 1 {
		p.flying[0], p.flying[1] = p.flying[1], p.flying[0]
	}
	f := p.flying[0]
	p.flying = p.flying[1:]
	if m.sim.refuse == p.at.topic {
		m.sim.refuse = ""
		m.sim.hits["refused"]++
		m.instance.refused = true
		m.give(f, errWriteRefused)
		return
	}
	for i := range f.outs {
		o := &f.outs[i]
		if sum(o) != f.sums[i] {
			m.sim.violate(bytesStayUntilAcked, "%s: a record for %s changed after it was written", m, p.at)
		}
		at := m.sim.append(p.at, simRecord{time: o.Time, key: clone(o.Key), value: clone(o.Value), headers: cloneHeaders(o.Headers)})
		if o.Offset != nil {
			*o.Offset = at
		}
		if i == 0 {
			f.offset = at
		}
	}
	p.stored = append(p.stored, f)
	time.AfterFunc(m.sim.upTo(m.sim.faults.ack), func() {
		m.sim.mu.Lock()
		defer m.sim.mu.Unlock()
		m.confirm(p) // not always the flight that set the timer: acknowledgements keep their order
	})
}

// confirm acknowledges the first flight of a pipe that is stored; sim.mu is held.
func (m *member) confirm(p *pipe) {
	if len(p.stored) == 0 || m.instance.crashed {
		return
	}
	f := p.stored[0]
	p.stored = p.stored[1:]
	records := m.sim.log(p.at).records[f.offset:]
	for i, n := 0, 0; n < len(f.outs); i++ {
		if !records[i].hidden && !records[i].control {
			m.sim.acknowledge(p.at, &records[i])
			n++
		}
	}
	m.give(f, nil)
}

func (s *sim) acknowledge(at simPlace, r *simRecord) {
	r.acked = true
	if s.onAck != nil && r.data() {
		s.onAck(at, r)
	}
}

// give acknowledges a flight, from a goroutine of its own; sim.mu is held.
func (m *member) give(f *flight, err error) {
	if f.given {
		return
	}
	f.given = true
	outs, acked, changed := f.outs, f.acked, false
	m.instance.flying -= len(outs)
	for i := range outs {
		changed = changed || sum(&outs[i]) != f.sums[i]
		m.instance.hold(-outBytes(&outs[i]))
	}
	if changed {
		m.sim.violate(bytesStayUntilAcked, "%s: a record changed before it was acknowledged", m)
	}
	time.AfterFunc(0, func() {
		for i := range outs {
			acked(int(outBytes(&outs[i])), err)
		}
	})
}

// landAll stores all that is on its way; sim.mu is held.
func (m *member) landAll() {
	for _, at := range sortedPlaces(m.pipes) {
		for p := m.pipes[at]; len(p.flying) > 0; {
			m.land(p)
		}
	}
}

// spill stores a part of what is on its way, a beginning in each partition, and refuses the rest; sim.mu is held.
func (m *member) spill() {
	for _, at := range sortedPlaces(m.pipes) {
		p := m.pipes[at]
		for n := m.sim.rng.IntN(len(p.flying) + 1); n > 0; n-- {
			m.land(p)
		}
		for _, f := range append(p.stored, p.flying...) {
			m.give(f, errCrashed)
		}
		p.flying, p.stored = nil, nil
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
