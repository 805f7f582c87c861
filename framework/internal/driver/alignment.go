package driver

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

const (
	// alignFetch is how long a partition waits for others before it is not fetched any more: its queue lasts for a while, and
	// what the client has fetched is dropped by a pause.
	alignFetch = 100 * time.Millisecond
	// alignLooks is how many looks in a row, a second apart, may find a partition of another process where it was: then it is
	// waited for no more, until it moves. Its operators may hold records, so that it is further than what is committed says.
	alignLooks = 10
)

// alignment keeps source partitions from running ahead of each other in event time: one whose watermark is more than drift
// ahead of the slowest is not read on. It is compared with those only that have records to be read: one that is read to its
// end holds the watermark, and nothing comes of waiting for it. So the slowest that has some is never paused for alignment.
//
// Partitions are compared where their records can come together: in sub-topologies that are linked by topics. Where those
// of other processes are is known from what the group commits, once a second. A nil alignment aligns nothing.
type alignment struct {
	drift  int64 // ms
	plan   *Plan
	layout *Layout
	of     []int    // group, by sub-topology
	subs   []int    // by topic, the sub-topology that reads it as a source; -1: none does
	marks  [][]mark // by topic, by partition
	limits []atomic.Int64

	mu sync.Mutex // held while limits are found, so that the last to find them has seen all marks
}

// mark is where a source partition is, as whoever has it says.
type mark struct {
	watermark atomic.Int64 // ms; engine.NoTime: not known yet; noMark: there is nothing to be read
	offset    int64        // committed at the last look, of one that another process has
	looks     int          // in a row that found it there
}

// noMark is beyond all watermarks: a partition that is waited for no more.
const noMark = math.MaxInt64

func newAlignment(p *Plan, l *Layout, drift time.Duration) *alignment {
	if drift <= 0 {
		return nil
	}
	a := &alignment{drift: drift.Milliseconds(), plan: p, layout: l, of: p.linked(), limits: make([]atomic.Int64, len(p.Subs))}
	for i, t := range p.Topics {
		marks := make([]mark, 0)
		if !t.between() && t.Port == nil {
			marks = make([]mark, l.Partitions[i])
		}
		for m := range marks {
			marks[m].watermark.Store(engine.NoTime)
		}
		a.marks = append(a.marks, marks)
		a.subs = append(a.subs, -1)
	}
	for s, sub := range p.Subs {
		a.limits[s].Store(engine.NoTime)
		for _, topic := range sub.Sources {
			a.subs[topic] = s
		}
	}
	return a
}

// linked returns, for each sub-topology, the first one that it is linked with by topics, in either direction.
func (p *Plan) linked() []int {
	of := make([]int, len(p.Subs))
	for s := range of {
		of[s] = s
	}
	for range p.Subs { // a chain is at most that long
		for s := range p.Subs {
			for _, up := range p.upstream(s) {
				first := min(of[s], of[up])
				of[s], of[up] = first, first
			}
		}
	}
	return of
}

// aligned says that the partition takes part.
func (a *alignment) aligned(p connector.Partition) bool {
	return a != nil && len(a.marks[p.Topic]) > 0 && a.subs[p.Topic] >= 0
}

// set notes where a partition of this process is; it returns whether that is news.
func (a *alignment) set(p *partition) bool {
	at := int64(noMark)
	if !p.ended && (!p.empty() || p.lag() > 0) {
		at = p.watermark()
	}
	return a.marks[p.at.Topic][p.at.Partition].watermark.Swap(at) != at
}

// sum finds, for each group, the watermark beyond which a partition is ahead, and says whether one rose.
func (a *alignment) sum() (rose bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for s, of := range a.of {
		if of != s {
			continue
		}
		slowest := int64(noMark)
		for topic, sub := range a.subs {
			if sub < 0 || a.of[sub] != s {
				continue
			}
			for m := range a.marks[topic] {
				slowest = min(slowest, a.marks[topic][m].watermark.Load())
			}
		}
		limit := engine.Later(slowest, a.drift)
		if was := a.limits[s].Swap(limit); limit > was {
			rose = true
		}
	}
	return rose
}

// ahead says that a partition's watermark is too far ahead. One that waits goes on when it is well within, so that it does not
// stop again at once.
func (a *alignment) ahead(p *partition) bool {
	w := p.watermark()
	if w == engine.NoTime || w == engine.EndOfInput {
		return false
	}
	limit := a.limits[a.of[p.task.sub]].Load()
	if p.pauses&PauseAlignment != 0 && limit != noMark {
		limit -= a.drift / 4
	}
	return w > limit
}

func (p *partition) watermark() int64 { return p.task.Inputs()[p.input].Watermark() }

// align lets those of the worker's partitions wait that are ahead, and the others go on. Workers that wait hear of it when
// they may go on.
func (w *worker) align() {
	a := w.shared.align
	if a == nil {
		return
	}
	news := false
	for at, p := range w.parts {
		news = a.aligned(at) && a.set(p) || news
	}
	if news && a.sum() {
		for _, other := range w.shared.workers {
			if other != w && other.waits.Load() {
				other.wake()
			}
		}
	}
	waits := false
	for at, p := range w.parts {
		switch {
		case !a.aligned(at) || !a.ahead(p):
			w.resume(p, PauseAlignment)
		default:
			w.pause(p, PauseAlignment)
			waits = true
		}
	}
	w.waits.Store(waits)
}

// overtook is align for one partition that has just taken records.
func (w *worker) overtook(p *partition) {
	if a := w.shared.align; a.aligned(p.at) && a.ahead(p) {
		w.pause(p, PauseAlignment)
		w.waits.Store(true)
	}
}

// watch looks once a second where the partitions of other processes are, until ctx ends.
func (a *alignment) watch(ctx context.Context, admin connector.Admin, s *shared) {
	if a == nil {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for ; ctx.Err() == nil; waitTick(ctx, tick) {
		if err := a.look(ctx, admin, s.owned); err != nil && ctx.Err() == nil {
			s.log.Debug("event time of other processes", "error", err)
		}
		if a.sum() {
			for _, w := range s.workers {
				w.wake()
			}
		}
	}
}

func (a *alignment) look(ctx context.Context, admin connector.Admin, owned *Owned) (err error) {
	for topic, marks := range a.marks {
		if a.subs[topic] < 0 {
			continue
		}
		committed, ends, fault := a.positions(ctx, admin, topic)
		err = errors.Join(err, fault)
		for number := range marks {
			at := connector.Partition{Topic: int32(topic), Partition: int32(number)}
			switch {
			case owned.has(at):
			case number >= len(ends) || number >= len(committed):
				marks[number].stays()
			default:
				marks[number].look(committed[number], ends[number], a.plan.Topics[topic].Disorder)
			}
		}
	}
	return err
}

// positions returns what the group has committed of a source, and where its partitions end.
func (a *alignment) positions(ctx context.Context, admin connector.Admin, topic int) (committed []connector.Position, ends []int64, err error) {
	if len(a.marks[topic]) == 0 {
		return nil, nil, nil
	}
	names := []string{a.plan.Topics[topic].Name}
	allEnds, err := admin.Ends(ctx, names)
	if err != nil {
		return nil, nil, err
	}
	all, err := admin.Committed(ctx, a.plan.App, names)
	if err != nil {
		return nil, nil, err
	}
	return all[0], allEnds[0], nil
}

func waitTick(ctx context.Context, tick *time.Ticker) {
	select {
	case <-ctx.Done():
	case <-tick.C:
	}
}

// look notes where another process is, from what it has committed and where the partition ends.
func (m *mark) look(at connector.Position, end int64, disorder int64) {
	watermark := int64(engine.NoTime) // it has not committed yet
	if times, err := engine.DecodeTimes(at.Metadata); err == nil && len(times.At) == 1 {
		watermark = engine.Earlier(times.At[0], disorder)
	}
	switch {
	case at.Offset >= end || end == 0:
		m.offset, m.looks = at.Offset, 0
		m.watermark.Store(noMark)
	case at.Offset != m.offset:
		m.offset, m.looks = at.Offset, 0
		m.watermark.Store(watermark)
	default:
		m.stays()
	}
}

// stays notes that nothing is known to have happened: for some time that is waited for.
func (m *mark) stays() {
	if m.looks++; m.looks >= alignLooks {
		m.watermark.Store(noMark)
	}
}
