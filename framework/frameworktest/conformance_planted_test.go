package frameworktest

import (
	"context"
	"slices"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/connector/local"
)

// plant is a bug, and the check that must find it.
type plant struct {
	bug, check string
	plant      func(p *planted)
}

func plants() []plant {
	return slices.Concat(readingPlants, groupPlants, writingPlants, otherPlants)
}

// planted is a connector in memory with a bug. Its functions stand between the suite and a worker that is right; nil:
// nothing does.
type planted struct {
	*local.Broker
	can     connector.Capabilities
	config  func(*connector.WorkerConfig)
	open    func() // before a worker is opened
	admin   func(connector.Admin) connector.Admin
	poll    func(w *plantedWorker, ctx context.Context, wait time.Duration, records bool) (connector.Batch, error)
	batch   func(w *plantedWorker, b *connector.Batch)
	out     func(*connector.Out)
	write   func(w *plantedWorker, outs []connector.Out, acked func(int, error))
	commit  func(w *plantedWorker, positions []connector.Position) error
	pause   func(w *plantedWorker, partitions []connector.Partition)
	resume  func(w *plantedWorker, partitions []connector.Partition)
	restore func(w *plantedWorker, of []connector.Restoration)
	purge   func(w *plantedWorker, positions []connector.Position)
	wake    func(w *plantedWorker)
	close   func(w *plantedWorker, ctx context.Context) error
	reopen  func() connector.Connector
	workers []connector.Worker
}

// plantedWorker is a worker of one.
type plantedWorker struct {
	connector.Worker
	of     *planted
	closed bool
	late   []connector.Out
	last   []connector.Run
}

func (p *planted) Capabilities() connector.Capabilities { return p.can }

func (p *planted) Admin(ctx context.Context) (connector.Admin, error) {
	a, err := p.Broker.Admin(ctx)
	if p.admin != nil {
		a = p.admin(a)
	}
	return a, err
}

func (p *planted) Open(ctx context.Context, c connector.WorkerConfig) (connector.Worker, error) {
	if p.config != nil {
		p.config(&c)
	}
	if p.open != nil {
		p.open()
	}
	w, err := p.Broker.Open(ctx, c)
	if err != nil {
		return nil, err
	}
	p.workers = append(p.workers, w)
	return &plantedWorker{Worker: w, of: p}, nil
}

func (w *plantedWorker) Poll(ctx context.Context, wait time.Duration, records bool) (b connector.Batch, err error) {
	if w.of.poll != nil {
		b, err = w.of.poll(w, ctx, wait, records)
	} else {
		b, err = w.Worker.Poll(ctx, wait, records)
	}
	if w.of.batch != nil {
		w.of.batch(w, &b)
	}
	return b, err
}

func (w *plantedWorker) Write(outs []connector.Out, acked func(int, error)) {
	outs = slices.Clone(outs)
	for i := range outs {
		if w.of.out != nil {
			w.of.out(&outs[i])
		}
	}
	if w.of.write != nil {
		w.of.write(w, outs, acked)
		return
	}
	w.Worker.Write(outs, acked)
}

func (w *plantedWorker) Commit(ctx context.Context, positions []connector.Position) error {
	if w.of.commit != nil {
		return w.of.commit(w, slices.Clone(positions))
	}
	return w.Worker.Commit(ctx, positions)
}

// divert calls what is planted, else the worker.
func divert[T any](w *plantedWorker, planted func(*plantedWorker, T), right func(T), t T) {
	if planted != nil {
		planted(w, t)
		return
	}
	right(t)
}

func (w *plantedWorker) Pause(ps []connector.Partition) { divert(w, w.of.pause, w.Worker.Pause, ps) }

func (w *plantedWorker) Resume(ps []connector.Partition) {
	divert(w, w.of.resume, w.Worker.Resume, ps)
}

func (w *plantedWorker) Restore(of []connector.Restoration) {
	divert(w, w.of.restore, w.Worker.Restore, of)
}

func (w *plantedWorker) Purge(ps []connector.Position) { divert(w, w.of.purge, w.Worker.Purge, ps) }

func (w *plantedWorker) Wake() {
	if w.of.wake == nil {
		w.Worker.Wake()
	}
}

func (w *plantedWorker) Close(ctx context.Context) error {
	if w.of.close != nil {
		return w.of.close(w, ctx)
	}
	return w.Worker.Close(ctx)
}

// plantedAdmin is an admin with a bug.
type plantedAdmin struct {
	connector.Admin
	ends      func([][]int64)
	committed func([][]connector.Position)
	create    func([]connector.TopicSpec)
	topics    func([]connector.TopicInfo)
	closed    bool
	stale     bool // who read once reads for ever
	owners    map[string]map[int32]string
}

func (a *plantedAdmin) Owners(ctx context.Context, group string) (map[string]map[int32]string, error) {
	owners, err := a.Admin.Owners(ctx, group)
	if a.stale && len(owners) == 0 {
		owners = a.owners
	}
	a.owners = owners
	return owners, err
}

func (a *plantedAdmin) Create(ctx context.Context, specs []connector.TopicSpec) error {
	if a.create != nil {
		a.create(specs)
	}
	return a.Admin.Create(ctx, specs)
}

func (a *plantedAdmin) Close() error {
	if a.closed {
		return local.ErrClosed
	}
	a.closed = true
	return nil
}

func (a *plantedAdmin) Ends(ctx context.Context, names []string) ([][]int64, error) {
	ends, err := a.Admin.Ends(ctx, names)
	if a.ends != nil {
		a.ends(ends)
	}
	return ends, err
}

func (a *plantedAdmin) Committed(ctx context.Context, group string, names []string) ([][]connector.Position, error) {
	committed, err := a.Admin.Committed(ctx, group, names)
	if a.committed != nil {
		a.committed(committed)
	}
	return committed, err
}

func (a *plantedAdmin) Topics(ctx context.Context, specs []connector.TopicSpec) ([]connector.TopicInfo, error) {
	infos, err := a.Admin.Topics(ctx, specs)
	if a.topics != nil {
		a.topics(infos)
	}
	return infos, err
}

// eachRun calls f with each run.
func eachRun(b *connector.Batch, f func(r *connector.Run)) {
	for i := range b.Runs {
		f(&b.Runs[i])
	}
}
