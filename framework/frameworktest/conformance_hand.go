package frameworktest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// hand works a worker as the driver does and keeps what comes. It checks what holds at any time: no record of a
// partition that the worker does not have, or that is paused; offsets that rise.
type hand struct {
	connector.Worker
	trial    *trial
	config   connector.WorkerConfig
	assigned map[connector.Partition]connector.Assignment
	paused   map[connector.Partition]bool
	read     map[connector.Partition][]connector.Record // of partitions, since they were assigned
	ends     map[connector.Partition]int64
	restored map[connector.Partition][]connector.Record
	complete map[connector.Partition]bool
	events   []connector.Event // all of them
	open     []connector.Event // not done
	skipped  int64             // records behind which reading went on

	acks []*acks // of each write

	lazy     bool // does not resume what it is assigned
	slow     bool // leaves Revoked and Lost events open
	without  bool // polls without records
	closed   bool
	closeErr error
}

func newHand(t *trial, w connector.Worker, c connector.WorkerConfig) *hand {
	return &hand{
		Worker: w, trial: t, config: c, assigned: map[connector.Partition]connector.Assignment{}, paused: map[connector.Partition]bool{},
		read: map[connector.Partition][]connector.Record{}, ends: map[connector.Partition]int64{},
		restored: map[connector.Partition][]connector.Record{}, complete: map[connector.Partition]bool{},
	}
}

// poll polls once and takes what comes.
func (h *hand) poll(wait time.Duration) error {
	b, err := h.Poll(h.trial.ctx, wait, !h.without)
	if err != nil {
		return fmt.Errorf("poll: %w", err)
	}
	for _, e := range b.Events {
		if err := h.heed(e); err != nil {
			return err
		}
	}
	for _, run := range b.Runs {
		if err := h.take(run); err != nil {
			return fmt.Errorf("%s: %w", named(h.config, run.Partition), err)
		}
	}
	return nil
}

func (h *hand) heed(e connector.Event) error {
	if e.Done == nil {
		return fmt.Errorf("an event (%s) has no Done", e.Kind)
	}
	h.events = append(h.events, e)
	var resume []connector.Partition
	for _, a := range e.Partitions {
		delete(h.assigned, a.Partition) // it can go before its assignment was told
		if e.Kind == connector.Assigned {
			h.assigned[a.Partition], h.paused[a.Partition] = a, true
			delete(h.read, a.Partition)
			resume = append(resume, a.Partition)
		}
	}
	if e.Kind == connector.Assigned && !h.lazy {
		h.resume(resume...)
	}
	if e.Kind != connector.Assigned && h.slow {
		h.open = append(h.open, e)
		return nil
	}
	e.Done()
	return nil
}

// answer calls Done of the events that were left open.
func (h *hand) answer() {
	for _, e := range h.open {
		e.Done()
	}
	h.open = nil
}

func (h *hand) pause(ps ...connector.Partition) {
	for _, p := range ps {
		h.paused[p] = true
	}
	h.Pause(ps)
}

func (h *hand) resume(ps ...connector.Partition) {
	for _, p := range ps {
		h.paused[p] = false
	}
	h.Resume(ps)
}

func (h *hand) take(run connector.Run) error {
	if run.Err != nil {
		return run.Err
	}
	if run.Restore {
		h.restored[run.Partition] = append(h.restored[run.Partition], copied(run.Records)...)
		if run.Restored {
			if h.complete[run.Partition] {
				return errors.New("it is restored twice")
			}
			h.complete[run.Partition] = true
		}
		h.Recycle(run.Records)
		return nil
	}
	a, ours := h.assigned[run.Partition]
	switch {
	case len(run.Records) > 0 && !ours:
		return errors.New("records come of a partition that the worker does not have")
	case len(run.Records) > 0 && h.paused[run.Partition]:
		return errors.New("records come of a partition that is paused")
	case len(run.Records) > 0 && h.without:
		return errors.New("records come and were not asked for")
	}
	next := a.Offset
	if read := h.read[run.Partition]; len(read) > 0 {
		next = read[len(read)-1].Offset + 1
	}
	if run.SkippedTo > 0 {
		h.skipped += run.SkippedTo - next
	}
	for _, r := range run.Records {
		if r.Offset < next {
			return fmt.Errorf("offset %d comes where %d or more is next", r.Offset, next)
		}
		next = r.Offset + 1
	}
	if run.End >= 0 {
		h.ends[run.Partition] = run.End
	}
	h.read[run.Partition] = append(h.read[run.Partition], copied(run.Records)...)
	h.Recycle(run.Records)
	return nil
}

// copied returns a copy that stays when the records are recycled.
func copied(records []connector.Record) []connector.Record {
	out := make([]connector.Record, len(records))
	for i, r := range records {
		r.Key, r.Value, r.Headers = slices.Clone(r.Key), slices.Clone(r.Value), slices.Clone(r.Headers)
		for j := range r.Headers {
			r.Headers[j].Value = slices.Clone(r.Headers[j].Value)
		}
		out[i] = r
	}
	return out
}

// position returns where a partition was read to.
func (h *hand) position(p connector.Partition) connector.Position {
	at := h.assigned[p].Offset
	if read := h.read[p]; len(read) > 0 {
		at = read[len(read)-1].Offset + 1
	}
	return connector.Position{Partition: p, Offset: at}
}

// values returns the values that were read, without markers.
func values(records []connector.Record) (values []string) {
	for _, r := range records {
		if !r.Control {
			values = append(values, string(r.Value))
		}
	}
	return values
}

// same says how what came differs from what should have.
func same(what string, got, want []string) error {
	if slices.Equal(got, want) {
		return nil
	}
	if len(got)+len(want) > 20 {
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				return fmt.Errorf("%s: number %d is %q, want %q", what, i, got[i], want[i])
			}
		}
		return fmt.Errorf("%s: there are %d, want %d", what, len(got), len(want))
	}
	return fmt.Errorf("%s: got %q, want %q", what, got, want)
}

// named says which partition it is.
func named(c connector.WorkerConfig, p connector.Partition) string {
	return fmt.Sprintf("topic %s, partition %d", c.Topics[p.Topic].Name, p.Partition)
}

// has says whether that many records were read of a partition.
func (h *hand) has(p connector.Partition, n int) func() bool {
	return func() bool { return len(values(h.read[p])) >= n }
}

// owns says whether the worker has that many partitions.
func (h *hand) owns(n int) func() bool { return func() bool { return len(h.assigned) == n } }

// until is trial.until for one worker.
func (h *hand) until(what string, come func() bool) error { return h.trial.until(what, come, h) }

// commit commits positions.
func (h *hand) commit(positions ...connector.Position) error {
	return h.trial.patiently("commit", func() error { return h.Commit(h.trial.ctx, positions) })
}

// close closes the worker, once.
func (h *hand) close() error {
	if h.closed {
		return h.closeErr
	}
	h.closed = true
	h.answer()
	h.closeErr = h.trial.soon("close", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), h.trial.author.Patience)
		defer cancel()
		return h.Worker.Close(ctx)
	})
	if h.closeErr != nil {
		h.closeErr = fmt.Errorf("close the worker: %w", h.closeErr)
	}
	for _, a := range h.acks { // one may have come twice
		h.closeErr = errors.Join(h.closeErr, a.fault())
	}
	return h.closeErr
}

func at(topic, partition int32) connector.Partition {
	return connector.Partition{Topic: topic, Partition: partition}
}
