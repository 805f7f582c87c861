package driver

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/millrace/millrace/framework/internal/engine"
)

// Port is where an in-memory input meets the task that processes its records. It outlives the task: the task may move
// from one worker to another.
type Port struct {
	bell bell

	mu     sync.Mutex // guards what follows
	host   Host
	ended  bool
	err    error         // why it ended, nil: it was stopped
	closed chan struct{} // by end; nil: nobody asked for it
}

// Host processes the records of an input.
type Host interface {
	// Enter waits for the caller's turn. Until Emit or Leave nobody else's record is processed.
	Enter(ctx context.Context) error
	// Leave gives the turn up.
	Leave()
	// Emit processes the record that the input has put into its entry, ends the turn and waits until all downstream is
	// done with the record. now: its event time is the wall clock's, else time, ms.
	Emit(ctx context.Context, now bool, time int64) error
}

var (
	// ErrEnded: the application that the input belongs to has ended.
	ErrEnded = errors.New("the application has ended: nothing is taken any more")
	// ErrInside: a function of the graph emits into its own graph and would wait for itself.
	ErrInside = errors.New("emitted from inside an operator of the same graph, which would wait for itself: feed records back with Loop")

	errMoved = errors.New("the task moved")
)

// Attach gives the port a host.
func (p *Port) Attach(h Host) {
	p.mu.Lock()
	p.host = h
	p.mu.Unlock()
	p.bell.ring()
}

func (p *Port) detach(h Host) {
	p.mu.Lock()
	if p.host == h {
		p.host = nil
	}
	p.mu.Unlock()
	p.bell.ring()
}

func (p *Port) end(err error) {
	p.mu.Lock()
	if p.closed != nil && !p.ended {
		close(p.closed)
	}
	p.host, p.ended, p.err = nil, true, err
	p.mu.Unlock()
	p.bell.ring()
}

// over returns a channel that is closed when the application has ended, whatever its workers still do.
func (p *Port) over() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed == nil {
		if p.closed = make(chan struct{}); p.ended {
			close(p.closed)
		}
	}
	return p.closed
}

// Enter waits until the input has a host and the caller its turn.
func (p *Port) Enter(ctx context.Context) (Host, error) {
	for {
		changed := (<-chan struct{})(nil)
		p.mu.Lock()
		host, ended, err := p.host, p.ended, p.err
		if host == nil && !ended {
			changed = p.bell.heard()
		}
		p.mu.Unlock()
		switch {
		case ended && err != nil:
			return nil, errors.Join(ErrEnded, err)
		case ended:
			return nil, ErrEnded
		case host == nil:
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		if err := host.Enter(ctx); err != errMoved {
			return host, err
		}
	}
}

// portHost is a worker's task as the host of an input.
type portHost struct {
	worker *worker
	task   *task
	input  int
	port   *Port
	gone   chan struct{}   // closed when the task is let go
	over   <-chan struct{} // closed when the application has ended
	bell   bell            // rings when the task may take records again
	feeds  bool            // what it makes may go through topics to other tasks

	// Of the record in process; used by whoever has the turn.
	clock    time.Time
	at       int64
	meta     engine.Meta
	err      error
	receipts chan error // gets as many as are pending
	pending  int
	process  func() // take, as a value that is made once
	wakes    int64  // the task's next timer after it
}

func newPortHost(w *worker, t *task, input int, port *Port) *portHost {
	h := &portHost{
		worker: w, task: t, input: input, port: port, gone: make(chan struct{}), over: port.over(),
		feeds: len(w.shared.plan.internal(t.sub)) > 0,
	}
	h.process = h.take
	return h
}

func (h *portHost) detach() {
	close(h.gone)
	h.port.detach(h)
	h.bell.ring()
}

// ring tells emitters that wait for the task that it takes records.
func (t *task) ring() {
	if len(t.ports) == 0 || t.Blocked() {
		return
	}
	for _, host := range t.ports {
		host.bell.ring()
	}
}

func (h *portHost) Enter(ctx context.Context) error {
	w := h.worker
	if w.shared.marked(ctx) {
		return ErrInside
	}
	select {
	case w.turn <- struct{}{}:
	default:
		if w.shared.inside() {
			return ErrInside
		}
		select {
		case w.turn <- struct{}{}:
		case <-h.gone:
			return errMoved
		case <-h.over:
			return errMoved
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for {
		select {
		case <-h.gone:
			h.Leave()
			return errMoved
		default:
		}
		if h.task.inputs[h.input].ended {
			h.Leave()
			return ErrEnded
		}
		if !h.task.Blocked() {
			return nil
		}
		changed := h.bell.heard()
		h.Leave()
		if w.shared.inside() {
			return ErrInside
		}
		select {
		case <-changed:
		case <-h.gone:
			return errMoved
		case <-h.over:
			return errMoved
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case w.turn <- struct{}{}:
		case <-h.over:
			return errMoved
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (h *portHost) Leave() { <-h.worker.turn }

func (h *portHost) Emit(ctx context.Context, now bool, at int64) error {
	h.clock, h.at = time.Now(), at
	if now {
		h.at = h.clock.UnixMilli()
	}
	h.worker.shared.within(h.process)
	receipts, pending, err := h.receipts, h.pending, h.err
	h.receipts, h.err = nil, nil
	h.Leave()
	for range pending {
		select {
		case e := <-receipts:
			err = engine.JoinErrors(err, e)
		case <-ctx.Done():
			return engine.JoinErrors(err, ctx.Err())
		case <-h.gone:
			return engine.JoinErrors(err, ErrEnded)
		case <-h.over:
			return engine.JoinErrors(err, ErrEnded)
		}
	}
	if h.feeds {
		err = engine.JoinErrors(err, h.worker.shared.through.wait(ctx, h.over, h.worker.shared.inside, h.task.sub))
	}
	return err
}

// take processes the record and writes what comes of it.
func (h *portHost) take() {
	w, t := h.worker, h.task
	in := t.Inputs()[h.input]
	t.Clock(h.clock.UnixNano())
	h.meta = engine.Meta{Time: h.at, Birth: in.Birth(), NoKey: true, Topic: in.Name, Partition: in.Partition, Offset: in.Position()}
	h.err, h.pending = t.Take(h.input, &h.meta, in.Entry), 0
	if t.Unflushed() {
		h.err = engine.JoinErrors(h.err, t.Flush())
		if !w.dirty {
			w.dirty = true
			w.wake()
		}
		w.write(t)
	}
	if at := t.Wake(); at != h.wakes {
		h.wakes = at
		w.wake() // it may wait for a later timer
	}
	if t.Holding() {
		receipts := make(chan error, 2)
		h.receipts, h.pending = receipts, t.Await(h.input, func(e error) { receipts <- e })
	}
	if h.pending > 0 {
		w.wake() // for the timers and stages that hold
	}
	if err := t.Err(); err != nil {
		w.faults.set(err)
		w.wake()
	}
}
