package main

import (
	"context"
	"time"

	"github.com/millrace/millrace/framework"
)

// delaysStore is the store of the open hours; the names of its internal topics have its name in them.
const delaysStore = "delays"

// topology computes hours: each airport's flights of an hour of scheduled departure, once, when the hour is final. Flights
// that come after that go to late.
func topology(departures framework.Topic[string, Flight], hours framework.Topic[string, Hour], late framework.Topic[string, Flight]) func(*framework.Topology) {
	return func(t *framework.Topology) {
		t.RequireRepeatable()
		hourly := t.From(departures.EventTime(Flight.at)).GroupBy(Flight.from).Tumbling(time.Hour).Emit(framework.OnClose)
		hourly.Late().To(late)
		hourly.Aggregate(delaysStore, framework.Fold(delays{}, delays.add).Merge(delays.merge)).
			Stream().
			MapRecord(finalHour).
			To(hours)
	}
}

// delays are sums: whole numbers, so that they are exact and do not depend on the order.
type delays struct {
	Flights int64
	Known   int64 // flights that have a delay
	Minutes int64 // of their delays
}

func (d delays) add(f Flight) delays {
	d.Flights++
	if f.Delay != nil {
		d.Known++
		d.Minutes += int64(*f.Delay)
	}
	return d
}

func (d delays) merge(o delays) delays {
	return delays{d.Flights + o.Flights, d.Known + o.Known, d.Minutes + o.Minutes}
}

// mean is the mean delay in minutes, rounded once; nil: none is known.
func (d delays) mean() *float64 {
	if d.Known == 0 {
		return nil
	}
	return new(float64(d.Minutes) / float64(d.Known))
}

func finalHour(_ context.Context, r framework.Record[string, delays]) (framework.Record[string, Hour], error) {
	return r.WithValue(Hour{r.Key, r.Window.Start().UTC(), r.Value.Flights, r.Value.mean()}), nil
}
