package local

import (
	"slices"

	"github.com/millrace/millrace/framework/connector"
)

const (
	minRun  = 32 << 10 // of one run, beyond its first record
	maxRun  = 1 << 20
	minPoll = 64 << 10
	maxPoll = 8 << 20
)

// pollBytes is how much one poll returns at most, beyond one record of each kind.
func (w *worker) pollBytes() int64 { return min(max(w.config.Budget/4, minPoll), maxPoll) }

// cursor is how far a partition was read.
type cursor struct {
	at      connector.Partition
	log     *Log
	next    int64
	paused  bool
	skipGap bool
	stop    func() // ends watching the log
}

// read adds runs until they take about limit bytes: one of each partition that is not paused, all of about the same
// share, each poll beginning with the partition after the last one that had its turn. w.mu is held.
func (w *worker) read(limit int64) {
	n, reading := len(w.cursors), int64(0)
	for _, c := range w.cursors {
		if !c.paused {
			reading++
		}
	}
	share := min(max(limit/max(reading, 1), minRun), maxRun)
	for i := 0; i < n && limit > 0; i++ {
		c := w.cursors[(w.turn+i)%n]
		if c.paused {
			continue
		}
		run, some := c.read(w, share)
		if !some {
			continue
		}
		limit -= run.Bytes
		w.runs = append(w.runs, run)
		if limit <= 0 {
			w.turn = (w.turn + i + 1) % n
		}
	}
}

// read returns the next run, if there is something.
func (c *cursor) read(w *worker, limit int64) (run connector.Run, some bool) {
	span := c.log.Span()
	if c.next == span.End {
		return run, false
	}
	run.Partition = c.at
	free := w.pool.take(span.End - c.next)
	for {
		if c.next < span.Start && c.skipGap {
			run.SkippedTo, c.next = span.Start, span.Start
		}
		if run.Records, run.Bytes, run.End, run.Err = c.log.Read(free, c.next, limit); run.Err == nil {
			break
		}
		if span = c.log.Span(); c.next >= span.Start || !c.skipGap {
			c.paused = true // it is said once
			break
		}
	}
	return w.weigh(run, &c.next, free), len(run.Records) > 0 || run.SkippedTo > 0 || run.Err != nil
}

// weigh completes a run whose records were read into free.
func (w *worker) weigh(run connector.Run, next *int64, free []connector.Record) connector.Run {
	n := len(run.Records)
	if n == 0 {
		w.pool.put(free)
		run.Records, run.Bytes = nil, 0
		return run
	}
	*next = run.Records[n-1].Offset + 1
	run.Bytes += int64(cap(run.Records)-n) * recordBytes
	return run
}

// restoration is how far a partition was restored.
type restoration struct {
	at   connector.Partition
	log  *Snapshot // nil: there is no such partition
	next int64
	anew bool // to be said with the next run
}

// Restore starts to read partitions up to where they end now.
func (w *worker) Restore(of []connector.Restoration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, want := range of {
		w.restoreStop(want.Partition)
		r := &restoration{at: want.Partition, next: want.From}
		if l := w.log(want.Partition); l != nil {
			r.log = l.Snapshot()
			if r.anew = !r.log.Has(want.From); r.anew {
				r.next = 0
			}
		}
		w.restorations = append(w.restorations, r)
	}
	w.notify()
}

// RestoreStop gives up partitions.
func (w *worker) RestoreStop(partitions []connector.Partition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range partitions {
		w.restoreStop(p)
	}
}

func (w *worker) restoreStop(p connector.Partition) {
	w.restorations = slices.DeleteFunc(w.restorations, func(r *restoration) bool { return r.at == p })
}

// restore adds runs of restorations until they take about limit bytes, and returns what is left of it. w.mu is held.
func (w *worker) restore(limit int64) (left int64) {
	w.restorations = slices.DeleteFunc(w.restorations, func(r *restoration) bool {
		if limit <= 0 {
			return false
		}
		run := r.read(w, min(limit, maxRun))
		limit -= run.Bytes
		w.runs = append(w.runs, run)
		return run.Restored || run.Err != nil
	})
	return limit
}

func (r *restoration) read(w *worker, limit int64) connector.Run {
	run := connector.Run{Partition: r.at, End: -1, Restore: true, Anew: r.anew}
	r.anew = false
	if r.log == nil {
		run.Err = errNoPartition
		return run
	}
	run.End = r.log.End
	free := w.pool.take(r.log.End - r.next)
	run.Records, run.Bytes = r.log.Read(free, r.next, limit)
	run = w.weigh(run, &r.next, free)
	run.Restored = len(run.Records) == 0 || r.next >= r.log.End
	return run
}
