package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

const (
	keyBytes   = 100
	valueBytes = 100
	round      = 10_000 // records between two batches: about a tenth of a second's
	diskRatio  = 0.8    // of what is done by hand
)

// onDisk is one of two contestants: it reads the value of each record's key, changes it, and writes what changed as one batch a round.
type onDisk interface {
	// fill writes keys without reading them.
	fill(keys keyList) error
	take(key string) error
	flush() error
	// content returns how many keys there are, and how many records were taken for them, and closes.
	content() (keys, total int64, err error)
}

// raceOnDisk has both sides take the same records, uniform and Zipf 1.1, on a folder each that has all keys.
func raceOnDisk(ctx context.Context, c config) (passed bool, err error) {
	fmt.Printf("%d keys of %d bytes with values of %d, %d records, a batch every %d, %d MiB of memory\n",
		c.keys, keyBytes, valueBytes, c.records, round, c.memory>>20)
	keys := newKeys(c.keys)
	for _, side := range []string{byHand, millrace} {
		if err := c.fill(side, keys); err != nil {
			return false, err
		}
	}
	passed = true
	for _, d := range []struct {
		name string
		next func(*rand.Rand) func() int
	}{
		{"uniform", func(r *rand.Rand) func() int { return func() int { return r.IntN(c.keys) } }},
		{"zipf 1.1", func(r *rand.Rand) func() int {
			z := rand.NewZipf(r, 1.1, 1, uint64(c.keys-1))
			return func() int { return int(z.Uint64()) }
		}},
	} {
		if !c.wants(d.name) {
			continue
		}
		reached, err := pairs(c, "disk, "+d.name, diskRatio, func(pair int, side string) (result, error) {
			if ctx.Err() != nil {
				return result{}, ctx.Err()
			}
			next := d.next(rand.New(rand.NewPCG(1, uint64(pair))))
			records := make([]int32, c.records)
			for i := range records {
				records[i] = int32(keys.scattered(next()))
			}
			return c.takeOnDisk(side, "disk "+d.name, keys, records)
		})
		if err != nil {
			return false, err
		}
		passed = passed && reached
	}
	return passed, nil
}

// fill makes the folder that runs of a side begin with: all keys, merged into the lowest level, so that no side begins with work that the
// other one does not have. They are written twice, since files that lie over none are not merged but moved, and stay small.
func (c config) fill(side string, keys keyList) error {
	s, err := openOnDisk(side, c.filled(side), c.memory)
	for range 2 {
		if err == nil {
			err = s.fill(keys)
		}
	}
	if err == nil {
		_, _, err = s.content()
	}
	if err != nil {
		return err
	}
	o := bareOptions(c.memory)
	db, err := pebble.Open(c.filled(side), o)
	if err != nil {
		return err
	}
	for range 2 { // from the level that is the lowest one at first, and from there
		err = errors.Join(err, db.Compact(context.Background(), []byte{0}, []byte{0xff}, true))
	}
	m := db.Metrics()
	fmt.Printf("     %-8s begins with %d MiB in %d files, %d of them in the lowest level\n", side, m.Total().TablesSize>>20, m.Total().TablesCount, m.Levels[6].TablesCount)
	err = errors.Join(err, db.Close())
	o.Cache.Unref()
	return err
}

func (c config) filled(side string) string { return filepath.Join(c.folder, side+", filled") }

// takeOnDisk has a side take records.
func (c config) takeOnDisk(side, name string, keys keyList, records []int32) (got result, err error) {
	folder := filepath.Join(c.folder, side)
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if err := os.CopyFS(folder, os.DirFS(c.filled(side))); err != nil {
		return got, err
	}
	s, err := openOnDisk(side, folder, c.memory)
	if err != nil {
		return got, err
	}
	runtime.GC()
	err = c.profiled(name, side, func() error {
		began, used := time.Now(), processorTime()
		for i, k := range records {
			if err = s.take(keys.at(int(k))); err == nil && (i+1)%round == 0 {
				err = s.flush()
			}
			if err != nil {
				return err
			}
		}
		got = rate(len(records), time.Since(began), processorTime()-used)
		return nil
	})
	n, total, failed := s.content()
	err = errors.Join(err, failed)
	if err == nil && (n != int64(keys.count()) || total != n+int64(len(records))) {
		err = fmt.Errorf("wrong content: %d keys with %d records, not %d with %d", n, total, keys.count(), keys.count()+len(records))
	}
	return got, err
}

func openOnDisk(side, folder string, memory int64) (onDisk, error) {
	if side == byHand {
		return openBare(folder, memory)
	}
	return openTable(folder, memory)
}

// keyList has the keys one behind the other: in a list of its own each would be looked at by the garbage collector.
type keyList string

// newKeys returns keys in order.
func newKeys(n int) keyList {
	b := make([]byte, 0, n*keyBytes)
	for i := range n {
		b = fmt.Appendf(b, "customer-%09d-", i)
		for j := range 5 {
			b = fmt.Appendf(b, "%016x", mix(uint64(i*5+j)))
		}
		b = append(b, '.')
	}
	return keyList(b)
}

func (k keyList) count() int      { return len(k) / keyBytes }
func (k keyList) at(i int) string { return string(k[i*keyBytes : (i+1)*keyBytes]) }

// scattered returns a key whose neighbours are others than those of the key before it: few keys take most records of Zipf's distribution,
// and are not to stand side by side.
func (k keyList) scattered(i int) int { return int(mix(uint64(i)) % uint64(k.count())) }

// mix scatters numbers (the finalizer of splitmix64).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
