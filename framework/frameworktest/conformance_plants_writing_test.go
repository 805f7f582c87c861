package frameworktest

import (
	"context"
	"slices"

	"github.com/millrace/millrace/framework/connector"
)

var writingPlants = []plant{
	{"records are acknowledged twice", "each record written is acknowledged once and stands in the sink in order", func(p *planted) {
		p.write = func(w *plantedWorker, outs []connector.Out, acked func(int, error)) {
			w.Worker.Write(outs, func(n int, err error) { acked(n, err); acked(n, err) })
		}
	}},
	{"records are acknowledged before they are copied", "each record written is acknowledged once and stands in the sink in order", func(p *planted) {
		p.write = func(w *plantedWorker, outs []connector.Out, acked func(int, error)) {
			w.late = append(w.late, outs...)
			for _, o := range outs {
				acked(len(o.Key)+len(o.Value), nil)
			}
		}
		p.close = func(w *plantedWorker, ctx context.Context) error {
			w.Worker.Write(w.late, func(int, error) {})
			return w.Worker.Close(ctx)
		}
	}},
	{"writes overtake each other", "each record written is acknowledged once and stands in the sink in order", func(p *planted) {
		p.write = func(w *plantedWorker, outs []connector.Out, acked func(int, error)) {
			slices.Reverse(outs)
			w.Worker.Write(outs, acked)
		}
	}},
	{"times are lost", "sinks keep times", func(p *planted) { p.out = func(o *connector.Out) { o.Time = 0 } }},
	{"keys are lost", "sinks keep keys", func(p *planted) { p.out = func(o *connector.Out) { o.Key = nil } }},
	{"no key becomes an empty one", "sinks keep the absence of a key", func(p *planted) { p.out = func(o *connector.Out) { o.Key = append([]byte{}, o.Key...) } }},
	{"headers are lost", "sinks keep headers", func(p *planted) { p.out = func(o *connector.Out) { o.Headers = nil } }},
	{"null becomes empty", "sinks keep null values", func(p *planted) { p.out = func(o *connector.Out) { o.Value = append([]byte{}, o.Value...) } }},
	{"empty becomes null", "sinks keep empty values", func(p *planted) { p.out = func(o *connector.Out) { o.Value = append([]byte(nil), o.Value...) } }},
	{"repartition topics lose headers", "repartition topics keep all of a record", func(p *planted) { p.out = func(o *connector.Out) { o.Headers = nil } }},
	{"a worker does not hear of what it writes", "a worker reads what it writes", func(p *planted) {
		p.batch = func(_ *plantedWorker, b *connector.Batch) {
			b.Runs = slices.DeleteFunc(b.Runs, func(r connector.Run) bool { return r.Topic == 1 })
		}
	}},
	{"a purge takes one more", "a purge deletes nothing from the position on", func(p *planted) {
		p.purge = func(w *plantedWorker, ps []connector.Position) {
			w.Worker.Purge([]connector.Position{{Partition: ps[0].Partition, Offset: ps[0].Offset + 1}})
		}
	}},
	{"a gap is not told", "a position below what was purged is a gap", func(p *planted) {
		p.batch = func(_ *plantedWorker, b *connector.Batch) {
			for _, e := range b.Events {
				for i := range e.Partitions {
					e.Partitions[i].Gap = 0
				}
			}
		}
	}},
	{"a gap is always skipped", "a position below what was purged is a gap", func(p *planted) {
		p.config = func(c *connector.WorkerConfig) {
			c.Sources = slices.Clone(c.Sources)
			for i := range c.Sources {
				c.Sources[i].SkipGap = true
			}
		}
	}},
	{"a restoration ends early", "a restoration reads a changelog from its start to its end", func(p *planted) {
		p.batch = func(_ *plantedWorker, b *connector.Batch) {
			eachRun(b, func(r *connector.Run) { r.Restored = r.Restore })
		}
	}},
	{"an empty changelog is never restored", "an empty changelog is restored at once", func(p *planted) {
		p.batch = func(_ *plantedWorker, b *connector.Batch) {
			b.Runs = slices.DeleteFunc(b.Runs, func(r connector.Run) bool { return r.Restore && len(r.Records) == 0 })
		}
	}},
	{"a restoration is not begun anew", "a restoration that is begun anew starts at the start", func(p *planted) {
		begun := map[connector.Partition]bool{}
		p.restore = func(w *plantedWorker, of []connector.Restoration) {
			for _, q := range of {
				if !begun[q.Partition] {
					begun[q.Partition] = true
					w.Worker.Restore([]connector.Restoration{q})
				}
			}
		}
	}},
	{"RestoreStop stops others", "a restoration that was given up says no more", func(p *planted) {
		p.restore = func(w *plantedWorker, of []connector.Restoration) { w.Worker.Restore(of[:1]) }
	}},
	{"nothing is read while changelogs are restored", "records come while changelogs are restored", func(p *planted) {
		p.restore = func(w *plantedWorker, of []connector.Restoration) {
			w.Worker.Restore(of)
			w.Worker.Pause([]connector.Partition{at(0, 0)})
		}
		p.resume = func(*plantedWorker, []connector.Partition) {}
	}},
}
