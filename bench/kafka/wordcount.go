package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/bench/input"
	"github.com/millrace/millrace/bench/peer"
)

const lineWords = 12

// wordcount counts words through a repartition topic, with a changelog: against a program that combines before its
// repartition and flushes every 100 ms, or against Kafka Streams.
func wordcount(ctx context.Context, h *harness) (bool, error) {
	in := h.id + "-input"
	l := input.NewLines(lineWords, true)
	if err := h.load(ctx, in, h.records, l.Append); err != nil {
		return false, err
	}
	defer h.clean(context.WithoutCancel(ctx), h.id)
	want := l.Counts()
	r := h.counting("lines", func(ctx context.Context, c config) error { return h.counted(ctx, c, want) })
	switch {
	case h.guarantee == exactlyOnce:
		r.throughput = 20
	case h.peer == handWritten:
		r.throughput = 0.6
	}
	if err := h.warm(ctx, r); err != nil {
		return false, err
	}
	return h.race(ctx, r)
}

// counting returns a race of graphs that count behind a repartition topic.
func (h *harness) counting(unit string, verify func(context.Context, config) error) *race {
	clients := h.clients
	if clients == 0 {
		clients = 2
	}
	return &race{
		unit:    unit,
		clients: map[string]int{h.peer: clients, millrace: clients},
		prepare: h.prepareCount,
		// Once the input is committed, all partial counts are in the repartition topic.
		finished: func(ctx context.Context, c config) (bool, error) {
			done, err := h.consumed(ctx, c.group, c.in)
			if done && err == nil {
				done, err = h.consumed(ctx, c.group, repartition(c))
			}
			return done, err
		},
		verify: verify,
	}
}

// prepareCount creates the topics that a side does not create by itself.
func (h *harness) prepareCount(ctx context.Context, c config) error {
	err := h.create(ctx, c.out, "delete")
	if c.side == handWritten {
		err = errors.Join(err, h.create(ctx, repartition(c), "delete"), h.create(ctx, peer.Config{Group: c.group}.Changelog(), "compact"))
	}
	return err
}

// repartition names the topic of partial counts, the same on both sides.
func repartition(c config) string { return peer.Config{Group: c.group}.Repartition() }

// counted compares the last counts of the output with a batch program's.
func (h *harness) counted(ctx context.Context, c config, want map[string]int64) error {
	got := map[string]int64{}
	var bad error
	if err := h.read(ctx, c.out, func(r *kgo.Record) {
		if len(r.Value) != 8 {
			bad = fmt.Errorf("a count of %d bytes: 8, big endian, are expected", len(r.Value))
			return
		}
		got[string(r.Key)] = int64(binary.BigEndian.Uint64(r.Value))
	}); err != nil || bad != nil {
		return errors.Join(err, bad)
	}
	if len(got) != len(want) {
		return fmt.Errorf("%d words, the batch has %d", len(got), len(want))
	}
	for word, n := range want {
		if got[word] != n {
			return fmt.Errorf("%q is counted %d times, the batch has %d", word, got[word], n)
		}
	}
	return nil
}
