package file

import (
	"fmt"
	"slices"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/connector/local"
)

// cursor is how far a partition of an internal topic was read.
type cursor struct {
	log    *local.Log
	next   int64
	paused bool
	stop   func() // ends watching the log
}

// read appends a run, if there is something.
func (c *cursor) read(runs []connector.Run, at connector.Partition, p *pool) []connector.Run {
	if c.paused || c.next == c.log.Span().End {
		return runs
	}
	run := connector.Run{Partition: at}
	records := p.records()
	if run.Records, run.Bytes, run.End, run.Err = c.log.Read(records, c.next, pollBytes); run.Err != nil {
		c.paused = true // it is told once
		return append(runs, run)
	}
	if n := len(run.Records); n > 0 {
		c.next = run.Records[n-1].Offset + 1
		p.lend(run.Records, lent{bytes: run.Bytes})
		runs = append(runs, run)
	}
	return runs
}

// restoration is how far a partition of a changelog was restored.
type restoration struct {
	at   connector.Partition
	log  *local.Snapshot // nil: there is none
	next int64
	anew bool // to be said with the next run
}

// Restore starts to read partitions of changelogs up to where they end now.
func (w *worker) Restore(of []connector.Restoration) {
	for _, want := range of {
		w.RestoreStop([]connector.Partition{want.Partition})
		r := &restoration{at: want.Partition, next: want.From}
		if l := w.log(want.Partition); l != nil {
			r.log = l.Snapshot()
			if r.anew = !r.log.Has(want.From); r.anew || want.From == 0 {
				r.next = r.log.Start
			}
		}
		w.restorations = append(w.restorations, r)
	}
}

// RestoreStop gives up partitions.
func (w *worker) RestoreStop(partitions []connector.Partition) {
	w.restorations = slices.DeleteFunc(w.restorations, func(r *restoration) bool { return slices.Contains(partitions, r.at) })
}

// log returns the log of a partition of an internal topic.
func (w *worker) log(p connector.Partition) *local.Log {
	if p.Topic < 0 || int(p.Topic) >= len(w.config.Topics) {
		return nil
	}
	return w.job.topics.log(w.config.Topics[p.Topic].Name, p.Partition)
}

// restore adds a run of each partition that is being restored.
func (w *worker) restore() {
	w.restorations = slices.DeleteFunc(w.restorations, func(r *restoration) bool {
		if len(w.runs) > 0 && w.bytes() > pollBytes {
			return false
		}
		run := r.read(w.pool)
		w.runs = append(w.runs, run)
		return run.Restored || run.Err != nil
	})
}

func (r *restoration) read(p *pool) connector.Run {
	run := connector.Run{Partition: r.at, End: -1, Restore: true, Anew: r.anew}
	r.anew = false
	if r.log == nil {
		run.Err = fmt.Errorf("topic %d has no partition %d to restore", r.at.Topic, r.at.Partition)
		return run
	}
	run.End = r.log.End
	run.Records, run.Bytes = r.log.Read(p.records(), r.next, pollBytes)
	if n := len(run.Records); n > 0 {
		r.next = run.Records[n-1].Offset + 1
		p.lend(run.Records, lent{bytes: run.Bytes})
	}
	run.Restored = len(run.Records) == 0 || r.next >= r.log.End
	return run
}

// Purge deletes records of internal topics that were read. Their bytes go when the journal is rewritten.
func (w *worker) Purge(positions []connector.Position) {
	for _, p := range positions {
		if l := w.log(p.Partition); l != nil {
			l.Purge(p.Offset)
		}
	}
}
