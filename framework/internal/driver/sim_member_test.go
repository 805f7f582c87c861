package driver_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// simFetch is about how many bytes a fetch of one partition brings.
const simFetch = 1 << 10

// member is one worker's connection: connector.Worker over the simulation. Fields are guarded by sim.mu.
type member struct {
	sim      *sim
	instance *instance
	config   connector.WorkerConfig
	topics   map[string]int32 // index by name

	owned    map[simPlace]*holding
	told     map[simPlace]bool // let go by the worker itself at a revoke: it had the time to end its commits
	stalled  map[simPlace]bool // was paused when it was let go
	restores map[simPlace]*restoring
	events   []connector.Event
	undone   int                         // events handed out whose Done was not called
	out      map[*connector.Record]int64 // bytes of runs handed out, by first record
	losing   bool                        // its next poll hears that everything is lost
	away     bool                        // between a loss and the next join
	closed   bool
	pipes    map[simPlace]*pipe

	woken   chan struct{} // capacity 1, by the driver
	changed chan struct{} // capacity 1, by the simulation
}

// holding is a partition that the member owns.
type holding struct {
	next    int64 // offset to fetch
	paused  bool
	stalled bool // Resume has no effect
	ready   time.Time
}

// restoring is a partition being restored.
type restoring struct {
	next, end int64
	anew      bool // to be said with the next run
	ready     time.Time
}

func newMember(i *instance, c connector.WorkerConfig) *member {
	m := &member{
		sim: i.sim, instance: i, config: c, topics: map[string]int32{}, owned: map[simPlace]*holding{},
		told: map[simPlace]bool{}, stalled: map[simPlace]bool{}, restores: map[simPlace]*restoring{},
		out: map[*connector.Record]int64{}, pipes: map[simPlace]*pipe{},
		woken: make(chan struct{}, 1), changed: make(chan struct{}, 1),
	}
	for at, t := range c.Topics {
		m.topics[t.Name] = int32(at)
	}
	return m
}

func (m *member) String() string { return fmt.Sprintf("%s worker %d", m.instance.name, m.config.Index) }

func (m *member) partition(at simPlace) connector.Partition {
	return connector.Partition{Topic: m.topics[at.topic], Partition: at.partition}
}

func (m *member) place(p connector.Partition) simPlace {
	return simPlace{m.config.Topics[p.Topic].Name, p.Partition}
}

func (m *member) own(at simPlace, offset int64) {
	m.owned[at] = &holding{next: offset, paused: true, stalled: m.stalled[at] && m.sim.plant == plantOldPause}
	delete(m.told, at)
}

func (m *member) disown(at simPlace) {
	m.stalled[at] = true
	delete(m.owned, at)
}

// push queues an event; done runs with sim.mu held when the worker is done with it.
func (m *member) push(e connector.Event, done func()) {
	called := false
	e.Done = func() {
		m.sim.mu.Lock()
		defer m.sim.mu.Unlock()
		if called {
			m.sim.violate(runEndsWell, "%s called Done of an event twice", m)
		}
		called = true
		m.sim.trace("%s is done with %s %v", m, e.Kind, e.Partitions)
		m.undone--
		if done != nil && !m.instance.crashed && !m.closed {
			done()
		}
	}
	m.sim.trace("%s: %s %v", m, e.Kind, e.Partitions)
	m.events = append(m.events, e)
	m.wakeLocked()
}

func (m *member) wakeLocked() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

func (m *member) Wake() {
	select {
	case m.woken <- struct{}{}:
	default:
	}
}

func (m *member) Poll(ctx context.Context, wait time.Duration, records bool) (connector.Batch, error) {
	until := time.Now().Add(wait)
	for {
		b, next, err := m.gather(records)
		left := time.Until(until)
		if err != nil || len(b.Events)+len(b.Runs) > 0 {
			return b, err
		}
		if left <= 0 {
			select {
			case <-m.woken:
			default:
			}
			return b, nil
		}
		timer := time.NewTimer(min(left, next))
		select {
		case <-m.woken:
			return b, nil
		case <-ctx.Done():
			return b, nil
		case <-m.changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// gather returns what there is for the worker, and how long it takes until there may be more.
func (m *member) gather(records bool) (b connector.Batch, next time.Duration, err error) {
	s := m.sim
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.instance.crashed || m.closed {
		return b, 0, errCrashed
	}
	if m.undone > 0 {
		s.violate(runEndsWell, "%s polls before it is done with %d events", m, m.undone)
	}
	if m.losing {
		s.group.lose(m)
		s.hits["lost"]++
	}
	b.Events, m.events = m.events, nil
	m.undone = len(b.Events)
	now := time.Now()
	next = time.Hour
	for _, at := range sortedPlaces(m.restores) {
		if r := m.restores[at]; now.Before(r.ready) {
			next = min(next, r.ready.Sub(now))
		} else {
			b.Runs = append(b.Runs, m.restoreRun(at, r))
		}
	}
	if !records && s.plant != plantUnasked {
		return b, next, nil
	}
	for _, at := range sortedPlaces(m.owned) {
		h := m.owned[at]
		switch l := s.log(at); {
		case h.paused && s.plant != plantUnasked || h.next >= l.end() || s.stuck[at]:
		case now.Before(h.ready):
			next = min(next, h.ready.Sub(now))
		default:
			run := connector.Run{Partition: m.partition(at), End: l.end()}
			run.Records, run.Bytes, h.next = l.read(h.next, 1+s.rng.Int64N(simFetch), s.plant != plantNoMarkers)
			if s.chance(0.1) {
				run.End = -1
			}
			h.ready = now.Add(s.slow[at] + s.upTo(s.faults.fetch))
			m.handOut(run.Records, run.Bytes)
			b.Runs = append(b.Runs, run)
		}
	}
	return b, next, nil
}

func (m *member) restoreRun(at simPlace, r *restoring) connector.Run {
	run := connector.Run{Partition: m.partition(at), End: -1, Restore: true, Anew: r.anew}
	r.anew = false
	if r.next < r.end && m.sim.plant != plantNoRestore {
		run.Records, run.Bytes, r.next = m.sim.log(at).read(r.next, 1+m.sim.rng.Int64N(simFetch), true)
		m.handOut(run.Records, 0)
		r.ready = time.Now().Add(m.sim.upTo(m.sim.faults.fetch))
	}
	if r.next >= r.end || m.sim.plant == plantNoRestore {
		run.Restored = true
		delete(m.restores, at)
	}
	return run
}

func (m *member) handOut(records []connector.Record, bytes int64) {
	if len(records) > 0 {
		m.out[&records[0]] = bytes
		m.instance.hold(bytes)
	}
}

func (m *member) Recycle(records []connector.Record) {
	if len(records) == 0 {
		return
	}
	m.sim.mu.Lock()
	defer m.sim.mu.Unlock()
	bytes, ok := m.out[&records[0]]
	if !ok {
		m.sim.violate(recycledOnce, "%s recycled %d records that it was not given, or gave back before", m, len(records))
	}
	delete(m.out, &records[0])
	m.instance.hold(-bytes)
	scribble(records)
}

func (m *member) Pause(ps []connector.Partition) { m.each(ps, func(h *holding) { h.paused = true }) }

func (m *member) Resume(ps []connector.Partition) {
	m.each(ps, func(h *holding) { h.paused = h.stalled })
}

func (m *member) each(ps []connector.Partition, f func(*holding)) {
	m.sim.mu.Lock()
	defer m.sim.mu.Unlock()
	for _, p := range ps {
		if h := m.owned[m.place(p)]; h != nil {
			f(h)
		}
	}
}

func (m *member) Restore(of []connector.Restoration) {
	m.sim.mu.Lock()
	defer m.sim.mu.Unlock()
	for _, r := range of {
		at := m.place(r.Partition)
		if r.From > 0 {
			m.sim.hits["tail"]++
		}
		end := m.sim.log(at).end()
		anew := r.From > end
		if anew {
			r.From = 0
		}
		m.restores[at] = &restoring{next: r.From, end: end, anew: anew, ready: time.Now().Add(m.sim.restoring + m.sim.upTo(m.sim.faults.fetch))}
	}
}

func (m *member) RestoreStop(ps []connector.Partition) {
	m.sim.mu.Lock()
	defer m.sim.mu.Unlock()
	for _, p := range ps {
		delete(m.restores, m.place(p))
	}
}

func (m *member) Close(context.Context) error {
	if m.sim.plant == plantLeak {
		go func() { <-m.changed; <-m.changed; <-m.changed }()
	}
	m.sim.mu.Lock()
	defer m.sim.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	for _, bytes := range m.out {
		m.instance.hold(-bytes)
	}
	if !m.instance.crashed {
		m.landAll()
		for _, p := range m.pipes {
			for len(p.stored) > 0 {
				m.confirm(p)
			}
		}
		m.sim.group.leave(m)
	}
	return nil
}

func sortedPlaces[V any](m map[simPlace]V) []simPlace {
	return slices.SortedFunc(maps.Keys(m), func(a, b simPlace) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
	})
}

var errRefused = errors.New("the partition is another member's")
