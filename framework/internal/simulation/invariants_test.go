package simulation_test

import (
	"encoding/binary"
	"slices"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

// watch asserts while a world goes on, from what is in the logs, that watermarks keep what they promise:
//
//	A  what an upstream task writes behind its watermark is born at it, or later
//	B  what a partition of a repartition topic has is born at its watermark, or later, when it is read
//	C  frontiers, watermarks and closed bounds never fall, over aborts, moves and restarts
//
// After crashes records are read again, so that A and B do not hold then.
type watch struct {
	world *world
	told  map[speaker]int64               // highest watermark by committed control records
	open  map[*instance]map[speaker]int64 // by those of open transactions
	bound map[*partitionLog]int64
}

// speaker is an upstream task, towards one partition.
type speaker struct{ topic, partition, task int32 }

// seen is what is known of a task beside what it says.
type seen struct {
	fronts  []front // by input, as the log says
	since   []int64 // by input: the offset from which on the log counts, since times were lost there
	flushed int64   // watermark at the last flush; unborn: an input had ended
	reached int64   // the same, when positions were committed last
	check   bool    // it has to reach that again
}

// front is what a partition of a repartition topic has been told.
type front struct {
	at      []int64
	ended   bool // somebody's
	highest int64
}

func newWatch(w *world) watch {
	return watch{world: w, told: map[speaker]int64{}, open: map[*instance]map[speaker]int64{}, bound: map[*partitionLog]int64{}}
}

// control is a watermark in a record of a repartition topic.
type control struct {
	task, of  int32
	watermark int64
	ended     bool
}

func reserved(r *connector.Record) (b []byte, ok bool) {
	at := slices.IndexFunc(r.Headers, func(h connector.Header) bool { return h.Key == "mr" })
	if at < 0 {
		return nil, false
	}
	return r.Headers[at].Value, true
}

func controlOf(r *connector.Record) (c control, ok bool) {
	b, ok := reserved(r)
	if !ok || b[0] != 0 {
		return c, false
	}
	b = b[1:]
	number := func() int32 {
		v, n := binary.Uvarint(b)
		b = b[n:]
		return int32(v)
	}
	c.task, c.of = number(), number()
	w, n := binary.Varint(b)
	c.watermark, c.ended = w, b[n]&2 != 0
	return c, true
}

// birthOf returns the birth watermark of a data record, as far as it says it: that of one which is on time may be lower.
func birthOf(r *connector.Record) int64 {
	if b, ok := reserved(r); ok && b[0]&1 != 0 {
		late, _ := binary.Varint(b[1:])
		return r.Time + late
	}
	return r.Time
}

// bornAt says up to which watermark a record of a repartition topic keeps the promise. A partial result does while its window is open.
func (w *watch) bornAt(topic int32, r *connector.Record) int64 {
	p, ok := w.world.graph.partials[w.world.graph.plan.Topics[topic].Name]
	if !ok {
		return birthOf(r)
	}
	suffix := r.Key[len(r.Key)-16:]
	start, second := int64(binary.BigEndian.Uint64(suffix)), int64(binary.BigEndian.Uint64(suffix[8:]))
	if !p.panes {
		return second + p.of.grace - 1
	}
	latest := int64(0) // the pane's last window
	for _, s := range p.of.at(start) {
		latest = max(latest, s[1])
	}
	return latest + p.of.grace - 1
}

func (w *watch) exact() bool { return w.world.schedule.mode.exact() }

// wrote is told of each record that a task writes.
func (w *watch) wrote(t *task, topic, partition int32, e *entry) {
	role := w.world.graph.plan.Topics[topic].Spec.Role
	if role&connector.RoleChangelog != 0 && string(e.r.Key) == "mr" {
		w.closed(t, topic, e)
	}
	if role&connector.RoleRepartition == 0 || !w.exact() {
		return
	}
	by := speaker{topic, partition, t.partition}
	told, ok := w.open[t.at][by]
	if !ok {
		if told, ok = w.told[by]; !ok {
			told = unborn
		}
	}
	c, ok := controlOf(&e.r)
	switch {
	case !ok:
		if born := w.bornAt(topic, &e.r); born < told {
			w.world.fault("A: task %s wrote a record born at %d to %s/%d, time %d, behind its watermark %d", t.ID, born, w.world.graph.plan.Topics[topic].Name, partition, e.r.Time, told)
		}
	case c.task != t.partition || c.of != w.world.layout.Tasks[t.sub]:
		w.world.fault("task %s says that it is %d of %d", t.ID, c.task, c.of)
	case w.world.schedule.mode == aborts:
		if w.open[t.at] == nil {
			w.open[t.at] = map[speaker]int64{}
		}
		w.open[t.at][by] = max(told, c.watermark)
	default:
		w.told[by] = max(told, c.watermark)
	}
}

// closed is told of closed bounds.
func (w *watch) closed(t *task, topic int32, e *entry) {
	log := w.world.logs[topic][t.partition]
	for i := len(log.entries) - 2; i >= 0 && w.exact(); i-- {
		before := log.entries[i]
		if before.state == aborted || string(before.r.Key) != "mr" {
			continue
		}
		if was, is := int64(binary.BigEndian.Uint64(before.r.Value)), int64(binary.BigEndian.Uint64(e.r.Value)); is < was {
			w.world.fault("C: the closed bound of task %s falls from %d to %d", t.ID, was, is)
		}
		break
	}
}

// started is told of a task at the beginning, and where it goes on.
func (w *watch) started(t *task) {
	t.seen.check = true
	t.seen.flushed = unborn
	if len(t.seen.fronts) == 0 {
		t.seen.reached = unborn
		t.seen.since = make([]int64, len(t.Inputs()))
	}
	t.seen.fronts = nil
	for i, in := range t.Inputs() {
		f := front{highest: unborn}
		for range in.Upstream {
			f.at = append(f.at, unborn)
		}
		t.seen.fronts = append(t.seen.fronts, f)
		if in.Upstream > 0 && t.committed[i].Metadata == "" {
			t.seen.reached = unborn // the times are lost, or there were none yet
			t.seen.since[i] = t.committed[i].Offset
		}
		for _, e := range w.world.log(in).entries[t.seen.since[i]:t.committed[i].Offset] {
			if e.state != aborted && !e.r.Control {
				t.seen.fronts[i].read(e)
			}
		}
		w.same(t, i, "C: after a start")
	}
}

func (f *front) read(e *entry) {
	if c, ok := controlOf(&e.r); ok {
		f.at[c.task] = max(f.at[c.task], c.watermark)
		f.ended = f.ended || c.ended
	} else if len(f.at) == 0 {
		f.highest = max(f.highest, e.r.Time)
	}
}

func (f *front) watermark(disorder int64) int64 {
	switch {
	case len(f.at) > 0:
		return slices.Min(f.at)
	case f.highest == unborn:
		return unborn
	}
	return f.highest - disorder
}

// same compares what an input says of its watermark with what the log says.
func (w *watch) same(t *task, input int, when string) {
	f := &t.seen.fronts[input]
	if !w.exact() || w.world.schedule.plantTime || f.ended || t.Holding() || w.world.graph.inValues && len(f.at) == 0 {
		return
	}
	in := t.Inputs()[input]
	if got, want := in.Watermark(), f.watermark(in.Disorder); got != want && got != engine.EndOfInput {
		w.world.fault("%s task %s has %s/%d at %d, its log says %d", when, t.ID, in.Name, in.Partition, got, want)
	}
}

// read is told of what a task has taken in.
func (w *watch) read(t *task, input int, from int64, entries []*entry) {
	in, f := t.Inputs()[input], &t.seen.fronts[input]
	for _, e := range entries {
		if e.r.Control {
			continue
		}
		if _, control := controlOf(&e.r); !control && len(f.at) > 0 && w.exact() {
			if born, at := w.bornAt(in.Topic, &e.r), f.watermark(0); born < at {
				w.world.fault("B: task %s read %s/%d@%d, born at %d, when the partition was at %d", t.ID, in.Name, in.Partition, e.r.Offset, born, at)
			}
		}
		f.read(e)
	}
	w.same(t, input, "after records")
}

// flushed is told of the end of each round.
func (w *watch) flushed(t *task) {
	t.seen.flushed = t.Watermark()
	for i, in := range t.Inputs() {
		if in.Watermark() == engine.EndOfInput || t.seen.fronts[i].ended {
			t.seen.flushed = unborn
		}
	}
	if t.Watermark() != unborn && t.seen.check && w.exact() {
		t.seen.check = false
		if t.Watermark() < t.seen.reached && !t.Closing() && !t.Holding() {
			w.world.fault("C: task %s was at %d, and goes on at %d", t.ID, t.seen.reached, t.Watermark())
		}
	}
}

// committed is told when positions are.
func (w *watch) committed(t *task) {
	if t.seen.flushed != unborn {
		t.seen.reached = max(t.seen.reached, t.seen.flushed)
	}
	for by, at := range w.open[t.at] {
		w.told[by] = max(at, w.toldTo(by))
	}
	delete(w.open, t.at)
}

func (w *watch) toldTo(by speaker) int64 {
	if at, ok := w.told[by]; ok {
		return at
	}
	return unborn
}

func (w *watch) aborted(at *instance) { delete(w.open, at) }
