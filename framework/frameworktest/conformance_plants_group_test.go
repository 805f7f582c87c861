package frameworktest

import (
	"context"
	"slices"

	"github.com/millrace/millrace/framework/connector"
)

var groupPlants = []plant{
	{"an empty assignment is not told", "a worker is told of an assignment, even of nothing", func(p *planted) {
		p.batch = func(w *plantedWorker, b *connector.Batch) {
			b.Events = slices.DeleteFunc(b.Events, func(e connector.Event) bool { return len(e.Partitions) == 0 })
		}
	}},
	{"tasks are split", "two workers share tasks as a whole", func(p *planted) {
		p.batch = func(_ *plantedWorker, b *connector.Batch) {
			for _, e := range b.Events {
				for i := range e.Partitions {
					if q := &e.Partitions[i].Partition; q.Topic == 1 {
						q.Partition = 3 - q.Partition
					}
				}
			}
		}
	}},
	{"all are expelled when a worker joins", "a third worker takes its share and nothing else moves", func(p *planted) {
		p.open = func() {
			for _, w := range p.workers {
				p.Expel(w)
			}
		}
	}},
	{"a worker that closes stays in the group", "the partitions of a worker that closes go to the others", func(p *planted) {
		p.close = func(*plantedWorker, context.Context) error { return nil }
	}},
	{"what is being revoked cannot be committed", "a revoked partition can be committed until it is let go", func(p *planted) {
		p.batch = func(_ *plantedWorker, b *connector.Batch) {
			for _, e := range b.Events {
				if e.Kind == connector.Revoked {
					e.Done()
				}
			}
		}
	}},
	{"refusals are not told", "a partition that was let go cannot be committed", func(p *planted) {
		p.commit = func(w *plantedWorker, ps []connector.Position) error {
			w.Worker.Commit(context.Background(), ps)
			return nil
		}
	}},
	{"with one position all are refused", "a partition of another worker cannot be committed, and the others are", func(p *planted) {
		p.commit = func(w *plantedWorker, ps []connector.Position) error {
			err := w.Worker.Commit(context.Background(), ps)
			if refused, ok := err.(*connector.CommitError); ok {
				for _, q := range ps {
					refused.Refused = append(refused.Refused, q.Partition)
				}
			}
			return err
		}
	}},
	{"a loss is told as a revocation", "what was lost cannot be committed", func(p *planted) {
		p.batch = func(_ *plantedWorker, b *connector.Batch) {
			for i := range b.Events {
				if b.Events[i].Kind == connector.Lost {
					b.Events[i].Kind = connector.Revoked
				}
			}
		}
	}},
	{"what is lost is committed", "what was lost cannot be committed", func(p *planted) {
		p.commit = func(w *plantedWorker, ps []connector.Position) error {
			for _, q := range ps {
				p.Group("conformance").SetCommitted("in", q.Partition.Partition, q.Offset, q.Metadata)
			}
			return nil
		}
	}},
}
