package main

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/bench/input"
)

// passthrough copies a topic to another: against a loop that polls and produces.
func passthrough(ctx context.Context, h *harness) (bool, error) {
	in := h.id + "-input"
	e := input.NewEvents()
	if err := h.load(ctx, in, h.records, e.Append); err != nil {
		return false, err
	}
	defer h.clean(context.WithoutCancel(ctx), h.id)
	r := &race{
		unit:    "records",
		clients: map[string]int{"peer": h.clients, "millrace": h.clients},
		prepare: func(ctx context.Context, c config) error { return h.create(ctx, c.out, "delete") },
		finished: func(ctx context.Context, c config) (bool, error) {
			return h.consumed(ctx, c.group, c.in)
		},
		verify: func(ctx context.Context, c config) error {
			var got input.Digest
			if err := h.read(ctx, c.out, func(r *kgo.Record) { got.Add(r.Value) }); err != nil {
				return err
			}
			if got != e.Digest() {
				return fmt.Errorf("%d records in, %d out, or not the same ones", e.Digest().Records, got.Records)
			}
			return nil
		},
		throughput: 0.85,
		cpu:        1.25,
	}
	if h.clients == 0 {
		r.clients["millrace"] = 2
		best, err := h.bestClients(ctx, r)
		if err != nil {
			return false, err
		}
		r.clients["peer"] = best
	} else if err := h.warm(ctx, r); err != nil {
		return false, err
	}
	return h.race(ctx, r)
}

// bestClients returns the number of clients with which the peer is fastest. It warms up the broker as well.
func (h *harness) bestClients(ctx context.Context, r *race) (int, error) {
	rates := map[int][]float64{}
	for range 3 {
		for _, n := range []int{1, 2} {
			r.clients["peer"] = n
			got, err := h.once(ctx, r, "peer")
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

// warm runs the peer twice for nothing: a new broker gets faster for some seconds.
func (h *harness) warm(ctx context.Context, r *race) error {
	for range 2 {
		if _, err := h.once(ctx, r, "peer"); err != nil {
			return err
		}
	}
	return nil
}
