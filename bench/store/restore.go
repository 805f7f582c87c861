package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/millrace/millrace/framework"
)

// raceToRestore has both sides read the changelog of a table: into memory and onto disk.
func raceToRestore(ctx context.Context, c config) (passed bool, err error) {
	if c.side != "" {
		return true, c.restore(ctx)
	}
	k, err := openCluster(ctx, c)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, k.close(context.WithoutCancel(ctx))) }()
	c = k.config
	n := 2 * c.keys // each key twice
	err = k.load(ctx, c.changelog(), n, func(i int, dst []byte) []byte { return fmt.Appendf(dst, "customer-%09d", mix(uint64(i%c.keys))%1e9) }, customer)
	if err != nil {
		return false, err
	}
	passed = true
	for _, place := range []struct {
		name    string
		atLeast float64
	}{{"memory", 0.5}, {"disk", 0.8}} {
		if !c.wants(place.name) {
			continue
		}
		reached, err := pairs(c, "restore, "+place.name, place.atLeast, func(pair int, side string) (result, error) {
			c := c
			c.side, c.only, c.folder = side, place.name, filepath.Join(c.folder, fmt.Sprint(pair, side))
			got, err := restoreOnce(ctx, c, n)
			return got, errors.Join(err, os.RemoveAll(c.folder))
		})
		if err != nil {
			return false, err
		}
		passed = passed && reached
	}
	return passed, nil
}

// restoreOnce runs a side.
func restoreOnce(ctx context.Context, c config, records int) (result, error) {
	p, err := startChild(ctx, c)
	if err != nil {
		return result{}, err
	}
	from, err := p.wait(begun)
	var to moment
	if err == nil {
		to, err = p.wait(restored)
	}
	if err == nil && to.Count != int64(records) {
		err = fmt.Errorf("%d records were restored, not %d", to.Count, records)
	}
	if err != nil {
		p.kill()
		return result{}, err
	}
	return rate(records, to.At.Sub(from.At), to.Used-from.Used), p.stop()
}

// restore is a side.
func (c config) restore(ctx context.Context) error {
	return c.profiled("restore "+c.only, c.side, func() error {
		switch {
		case c.side == byHand && c.only == "memory":
			return intoMap(ctx, c)
		case c.side == byHand:
			return intoPebble(ctx, c)
		case c.only == "memory":
			return serve(ctx, c, keeping, "", framework.AtLeastOnce)
		}
		return serve(ctx, c, keeping, c.folder, framework.AtLeastOnce)
	})
}

// customer appends a value of about 100 bytes that compresses as text does.
func customer(i int, dst []byte) []byte {
	x := mix(uint64(i))
	return fmt.Appendf(dst, `{"id":%d,"name":"%s %s","city":"%s","orders":%d,"balance":%d.%02d,"since":"20%02d-%02d-%02d"}`,
		i, given[x%8], family[x>>3%8], city[x>>6%8], x>>9%1000, x>>19%100000, x>>36%100, x>>43%27, 1+x>>48%12, 1+x>>52%28)
}

var (
	given  = strings.Fields("Ada Alan Barbara Claude Edsger Grace John Leslie")
	family = strings.Fields("Lovelace Turing Liskov Shannon Dijkstra Hopper McCarthy Lamport")
	city   = strings.Fields("Amsterdam Berlin Lisbon Madrid Oslo Prague Vienna Zurich")
)
