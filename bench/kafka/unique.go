package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/millrace/millrace/bench/input"
)

// unique counts words none of which comes twice, and each count is written at once: neither a combiner nor a cache has anything to
// save, so that each record costs its way through the repartition topic, the store, the changelog and the output.
func unique(ctx context.Context, h *harness) (bool, error) {
	var want input.Digest
	err := h.load(ctx, h.id+"-input", h.records, func(i int, dst []byte) []byte {
		v := uniqueWord(i, dst)
		want.Add(v[len(dst):])
		return v
	})
	if err != nil {
		return false, err
	}
	defer h.clean(context.WithoutCancel(ctx), h.id)
	r := h.counting("records", func(ctx context.Context, c config) error { return h.eachOnce(ctx, c, want) })
	r.throughput = 3
	if err := h.warm(ctx, r); err != nil {
		return false, err
	}
	return h.race(ctx, r)
}

// uniqueWord appends word i, of 16 bytes. Neighbours are far apart in any order of keys.
func uniqueWord(i int, dst []byte) []byte {
	const odd = 0x9e3779b97f4a7c15 // what is multiplied by an odd number stays distinct
	digits := strconv.FormatUint(uint64(i)*odd, 16)
	for range 16 - len(digits) {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// eachOnce checks that the output has each word once, with a count of one.
func (h *harness) eachOnce(ctx context.Context, c config, want input.Digest) error {
	var got input.Digest
	var bad error
	err := h.read(ctx, c.out, func(r *kgo.Record) {
		if len(r.Value) != 8 || binary.BigEndian.Uint64(r.Value) != 1 {
			bad = fmt.Errorf("%q is counted as %x, it is there once", r.Key, r.Value)
		}
		got.Add(r.Key)
	})
	if err = errors.Join(err, bad); err == nil && got != want {
		err = fmt.Errorf("%d words in, %d out, or not the same ones", want.Records, got.Records)
	}
	return err
}
