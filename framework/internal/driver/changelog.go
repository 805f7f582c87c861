package driver

import (
	"slices"

	"github.com/millrace/millrace/framework/connector"
)

// A crash may leave any part of what is on its way to the brokers. What a round changed in stores is therefore written when all
// that was made of it is acknowledged: else a window could be closed in its changelog, or a record seen, whose result is nowhere,
// and what is read again would not make it again. Likewise from store to store: what stands behind is written first. A connector
// that makes all of it durable as one needs none of that.

// states is what a round changed in the stores of tasks, by their depth.
type states [][]change

// change is what a round changed in one store.
type change struct {
	task *task
	outs []connector.Out
}

// keep has what is to be written to changelogs wait for the end of the round.
func (w *worker) keep(t *task, changelog []connector.Out) {
	for len(changelog) > 0 {
		topic := changelog[0].Topic
		n := slices.IndexFunc(changelog, func(o connector.Out) bool { return o.Topic != topic })
		if n < 0 {
			n = len(changelog)
		}
		depth := slices.Index(t.changelogs, topic)
		for len(w.open.states) <= depth {
			w.open.states = append(w.open.states, nil)
		}
		changes := w.open.states[depth]
		if last := len(changes) - 1; last < 0 || changes[last].task != t {
			changes = append(changes, change{t, w.spareOuts()})
		}
		last := &changes[len(changes)-1]
		last.outs = append(last.outs, changelog[:n]...)
		w.open.states[depth], changelog = changes, changelog[n:]
	}
}

// logNext hands over the next changes of a round of which all so far is acknowledged. false: there are none.
func (w *worker) logNext(r *round) bool {
	for len(r.states) > 0 {
		changes := r.states[0]
		r.states = r.states[1:]
		if len(changes) == 0 {
			continue
		}
		r.pending.Add(1) // it is not done before all of them are handed over
		for _, c := range changes {
			w.hand(r, c.outs)
			w.spare(c.outs)
		}
		r.release()
		return true
	}
	return false
}

// forget drops what a task that was let go changed and is not on its way: the next owner of its stores makes it again.
func (w *worker) forget(t *task) {
	for _, r := range append(slices.Clone(w.closed), w.open) {
		r.applying = slices.DeleteFunc(r.applying, func(a applying) bool { return a.task == t })
		for depth, changes := range r.states {
			r.states[depth] = slices.DeleteFunc(changes, func(c change) bool {
				if c.task == t {
					w.shared.budget.produced.Add(-bytesOf(c.outs))
					w.spare(c.outs)
				}
				return c.task == t
			})
		}
	}
}

// unwritten counts the changes that are kept.
func (r *round) unwritten() (n int64) {
	for _, changes := range r.states {
		for _, c := range changes {
			n += int64(len(c.outs))
		}
	}
	return n
}

// mostSpare is how many lists are kept to be used again.
const mostSpare = 16

func (w *worker) spareOuts() []connector.Out {
	if n := len(w.spares); n > 0 {
		outs := w.spares[n-1]
		w.spares = w.spares[:n-1]
		return outs
	}
	return nil
}

func (w *worker) spare(outs []connector.Out) {
	if clear(outs); len(w.spares) < mostSpare {
		w.spares = append(w.spares, outs[:0])
	}
}
