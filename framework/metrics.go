package framework

import (
	"context"
	"time"

	"github.com/millrace/millrace/framework/internal/driver"
	"github.com/millrace/millrace/framework/internal/engine"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

func dropName(i int) string { return engine.Reason(i).String() }

// observe registers the metrics: an SDK reads the counters when it collects; without one nothing happens.
func (a *App) observe() (unregister func() error, err error) {
	provider := a.config.MeterProvider
	if provider == nil {
		provider = otel.GetMeterProvider()
	}
	meter := provider.Meter("github.com/millrace/millrace")
	counter := func(name, what string) metric.Int64ObservableCounter {
		c, e := meter.Int64ObservableCounter(name, metric.WithDescription(what))
		if e != nil {
			err = e
		}
		return c
	}
	gauge := func(name, what, unit string) metric.Int64ObservableGauge {
		g, e := meter.Int64ObservableGauge(name, metric.WithDescription(what), metric.WithUnit(unit))
		if e != nil {
			err = e
		}
		return g
	}
	in := counter("millrace.records.in", "records processed")
	out := counter("millrace.records.out", "records written, changelogs included")
	restored := counter("millrace.records.restored", "changelog records read to restore stores")
	commits := counter("millrace.commits", "commits of offsets answered")
	drops := counter("millrace.records.dropped", "records dropped, by reason")
	pauses := counter("millrace.pauses", "pauses of partitions, by reason")
	lag := gauge("millrace.lag", "records not read yet", "{record}")
	restoring := gauge("millrace.restore.left", "offsets of changelogs to be read yet by tasks that restore, where that is known", "{record}")
	stored := gauge("millrace.stores", "bytes that stores take in memory, about", "By")
	held := gauge("millrace.held", "bytes of the memory budget in use", "By")
	controls := counter("millrace.watermarks.sent", "watermarks sent through repartition topics, one a partition")
	watermark := gauge("millrace.watermark", "event time that the slowest task has come to, by sub-topology, since 1970", "ms")
	delay := gauge("millrace.watermark.delay", "how far the watermark of the slowest task is behind the clock, by sub-topology", "ms")
	if err != nil {
		return nil, err
	}
	app := attribute.String("application", a.config.Name)
	r, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		c := a.counters
		with := metric.WithAttributes(app)
		o.ObserveInt64(in, c.In.Load(), with)
		o.ObserveInt64(out, c.Out.Load(), with)
		o.ObserveInt64(restored, c.Restored.Load(), with)
		o.ObserveInt64(commits, c.Commits.Load(), with)
		o.ObserveInt64(lag, c.Lag(), with)
		_, left := a.restoring()
		o.ObserveInt64(restoring, left, with)
		o.ObserveInt64(stored, c.Stored(), with)
		o.ObserveInt64(held, c.Held.Load(), with)
		for i := range c.Drops {
			o.ObserveInt64(drops, c.Drops[i].Load(), metric.WithAttributes(app, attribute.String("reason", dropName(i))))
		}
		o.ObserveInt64(controls, c.Controls.Load(), with)
		now := time.Now().UnixMilli()
		for sub, at := range watermarks(a.progress.Tasks()) {
			by := metric.WithAttributes(app, attribute.Int("sub_topology", sub))
			o.ObserveInt64(watermark, at, by)
			o.ObserveInt64(delay, now-at, by)
		}
		o.ObserveInt64(drops, c.Gap.Load(), metric.WithAttributes(app, attribute.String("reason", "gap")))
		for i := range c.Pauses {
			o.ObserveInt64(pauses, c.Pauses[i].Load(), metric.WithAttributes(app, attribute.String("reason", driver.PauseName(i))))
		}
		return nil
	}, in, out, restored, commits, drops, pauses, lag, restoring, stored, held, controls, watermark, delay)
	if err != nil {
		return nil, err
	}
	return r.Unregister, nil
}

// watermarks returns the lowest known watermark of each sub-topology that has one here and has not come to its end, ms. Where one
// of its tasks knows none yet, it has none.
func watermarks(tasks []driver.TaskProgress) map[int]int64 {
	bySub := map[int][]driver.TaskProgress{}
	for _, t := range tasks {
		bySub[t.Sub] = append(bySub[t.Sub], t)
	}
	all := map[int]int64{}
	for sub, tasks := range bySub {
		if at := lowest(tasks); at != engine.NoTime && at != engine.EndOfInput {
			all[sub] = at
		}
	}
	return all
}

// lowest returns the lowest watermark of the tasks, engine.NoTime where one is not known, engine.EndOfInput where all have ended.
func lowest(tasks []driver.TaskProgress) int64 {
	at := int64(engine.EndOfInput)
	for _, t := range tasks {
		at = min(at, t.Watermark)
	}
	return at
}
