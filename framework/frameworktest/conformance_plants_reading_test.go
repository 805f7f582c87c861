package frameworktest

import (
	"context"
	"slices"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

var readingPlants = []plant{
	{"two records change places", "records of a partition come in the order in which they were written", func(p *planted) {
		p.batch = func(_ *plantedWorker, b *connector.Batch) {
			eachRun(b, func(r *connector.Run) {
				if n := len(r.Records); n > 1 && !r.Restore {
					r.Records[n-1].Value, r.Records[n-2].Value = r.Records[n-2].Value, r.Records[n-1].Value
				}
			})
		}
	}},
	{"a run comes twice", "records of a partition come in the order in which they were written", func(p *planted) {
		p.batch = func(_ *plantedWorker, b *connector.Batch) { b.Runs = append(b.Runs, b.Runs...) }
	}},
	{"the last record of a run is lost", "records of a partition come in the order in which they were written", func(p *planted) {
		p.batch = func(_ *plantedWorker, b *connector.Batch) {
			eachRun(b, func(r *connector.Run) { r.Records = r.Records[:max(0, len(r.Records)-1)] })
		}
	}},
	{"one more is committed than was said", "reading goes on at the committed position", func(p *planted) {
		p.commit = func(w *plantedWorker, ps []connector.Position) error {
			for i := range ps {
				ps[i].Offset++
			}
			return w.Worker.Commit(context.Background(), ps)
		}
	}},
	{"metadata is forgotten", "what was committed comes back with its metadata", func(p *planted) {
		p.commit = func(w *plantedWorker, ps []connector.Position) error {
			for i := range ps {
				ps[i].Metadata = ""
			}
			return w.Worker.Commit(context.Background(), ps)
		}
	}},
	{"Start is not heeded", "where reading begins is said by the source", func(p *planted) {
		p.config = func(c *connector.WorkerConfig) {
			c.Sources = slices.Clone(c.Sources)
			for i := range c.Sources {
				c.Sources[i].Start = connector.Start{}
			}
		}
	}},
	{"records come without times", "records have their times", func(p *planted) {
		p.batch = func(_ *plantedWorker, b *connector.Batch) {
			eachRun(b, func(r *connector.Run) {
				for i := range r.Records {
					r.Records[i].Time = 0
				}
			})
		}
	}},
	{"assigned partitions are read at once", "assigned partitions start paused", func(p *planted) {
		p.batch = func(w *plantedWorker, b *connector.Batch) {
			for _, e := range b.Events {
				for _, a := range e.Partitions {
					w.Worker.Resume([]connector.Partition{a.Partition})
				}
			}
		}
	}},
	{"Pause does nothing", "a paused partition gives nothing while others do", func(p *planted) {
		p.pause = func(*plantedWorker, []connector.Partition) {}
	}},
	{"Pause pauses everything", "a paused partition gives nothing while others do", func(p *planted) {
		p.pause = func(w *plantedWorker, _ []connector.Partition) {
			w.Worker.Pause([]connector.Partition{at(0, 0), at(0, 1)})
		}
	}},
	{"what was read last comes again after a pause", "a pause loses and repeats nothing", func(p *planted) {
		var again []connector.Run
		p.batch = func(w *plantedWorker, b *connector.Batch) {
			eachRun(b, func(r *connector.Run) {
				kept := *r
				kept.Records = slices.Clone(r.Records)
				w.last = append(w.last, kept)
			})
			b.Runs, again = append(again, b.Runs...), nil
		}
		p.resume = func(w *plantedWorker, ps []connector.Partition) {
			again = w.last
			w.Worker.Resume(ps)
		}
	}},
	{"records come that were not asked for", "records that are not asked for stay where they are", func(p *planted) {
		p.poll = func(w *plantedWorker, ctx context.Context, wait time.Duration, _ bool) (connector.Batch, error) {
			return w.Worker.Poll(ctx, wait, true)
		}
	}},
	{"a full partition comes before the others", "a partition with much does not starve the others", func(p *planted) {
		p.batch = func(w *plantedWorker, b *connector.Batch) { b.Runs = b.Runs[:min(1, len(b.Runs))] }
	}},
}
