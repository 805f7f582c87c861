package framework

import (
	"context"

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
	held := gauge("millrace.held", "bytes of the memory budget in use", "By")
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
		o.ObserveInt64(held, c.Held.Load(), with)
		for i := range c.Drops {
			o.ObserveInt64(drops, c.Drops[i].Load(), metric.WithAttributes(app, attribute.String("reason", dropName(i))))
		}
		o.ObserveInt64(drops, c.Gap.Load(), metric.WithAttributes(app, attribute.String("reason", "gap")))
		for i := range c.Pauses {
			o.ObserveInt64(pauses, c.Pauses[i].Load(), metric.WithAttributes(app, attribute.String("reason", driver.PauseName(i))))
		}
		return nil
	}, in, out, restored, commits, drops, pauses, lag, held)
	if err != nil {
		return nil, err
	}
	return r.Unregister, nil
}
