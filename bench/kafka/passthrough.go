package main

import (
	"bytes"
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/bench/input"
)

// passthrough copies a topic to another: against a loop that polls and produces, in transactions where it is to be exactly-once.
// As uppercase it puts values into upper case on the way.
func passthrough(ctx context.Context, h *harness) (bool, error) {
	in := h.id + "-input"
	e := input.NewEvents()
	if err := h.load(ctx, in, h.records, e.Append); err != nil {
		return false, err
	}
	defer h.clean(context.WithoutCancel(ctx), h.id)
	want := e.Digest()
	if h.what == "uppercase" {
		want = upper(h.records)
	}
	clients := h.clients
	if clients == 0 {
		clients = 2
	}
	r := &race{
		unit:    "records",
		clients: map[string]int{h.peer: clients, millrace: clients},
		prepare: func(ctx context.Context, c config) error { return h.create(ctx, c.out, "delete") },
		finished: func(ctx context.Context, c config) (bool, error) {
			return h.consumed(ctx, c.group, c.in)
		},
		verify: func(ctx context.Context, c config) error {
			var got input.Digest
			if err := h.read(ctx, c.out, func(r *kgo.Record) { got.Add(r.Value) }); err != nil {
				return err
			}
			if got != want {
				return fmt.Errorf("%d records in, %d out, or not the same ones", want.Records, got.Records)
			}
			return nil
		},
	}
	switch {
	case h.guarantee == exactlyOnce && h.peer == kafkaStreams:
		r.throughput = 3
	case h.guarantee == exactlyOnce:
		r.throughput = 0.8
	case h.peer == handWritten:
		r.throughput, r.cpu = 0.85, 1.25
	}
	if h.clients == 0 && h.peer == handWritten {
		best, err := h.bestClients(ctx, r)
		if err != nil {
			return false, err
		}
		r.clients[handWritten] = best
	} else if err := h.warm(ctx, r); err != nil {
		return false, err
	}
	return h.race(ctx, r)
}

// upper returns what the first n events in upper case add up to.
func upper(n int) (d input.Digest) {
	e := input.NewEvents()
	var b []byte
	for i := range n {
		b = e.Append(i, b[:0])
		d.Add(bytes.ToUpper(b))
	}
	return d
}

// bestClients returns the number of clients with which the peer is fastest. It warms up the broker as well.
func (h *harness) bestClients(ctx context.Context, r *race) (int, error) {
	rates := map[int][]float64{}
	for range 3 {
		for _, n := range []int{1, 2} {
			r.clients[handWritten] = n
			got, err := h.once(ctx, r, handWritten)
			if err != nil {
				return 0, err
			}
			rates[n] = append(rates[n], got.perSecond)
		}
	}
	one, two := median(rates[1], self), median(rates[2], self)
	fmt.Printf("peer with 1 client: %.0f %s/s; with 2: %.0f\n", one, r.unit, two)
	if two > one {
		return 2, nil
	}
	return 1, nil
}
