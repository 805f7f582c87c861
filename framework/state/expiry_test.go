package state_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/state"
	"github.com/millrace/millrace/framework/state/disk"
)

// endingWorld is a table whose entries end, beside what it should be.
type endingWorld struct {
	t         *testing.T
	rng       *rand.Rand
	table     *state.KV[string, int64]
	time      int64 // of the record in process
	come      int64
	watermark int64
	is        map[string]ending
	changelog map[string]bool
	offset    int64
	swept     int // tombstones of what nothing asked for
}

type ending struct{ value, time int64 }

const endsAfter = 100

func newEndingWorld(t *testing.T, seed uint64, db *disk.DB) *endingWorld {
	w := &endingWorld{t: t, rng: rand.New(rand.NewPCG(seed, 4)), is: map[string]ending{}, changelog: map[string]bool{}, watermark: 1000}
	w.table = state.NewKV("ends", codec.String, codec.Int64, &w.time)
	if db != nil {
		content, err := db.Open("ends", 0, "a table")
		if err != nil {
			t.Fatal(err)
		}
		w.table.OnDisk(content)
	}
	w.table.Expire(state.Expiry{After: endsAfter * time.Millisecond, Time: &w.time, Come: &w.come, Watermark: func() int64 { return w.watermark }})
	return w
}

// record is one that comes: event time never comes to less than the watermark by it.
func (w *endingWorld) record() {
	w.time = w.watermark - 50 + w.rng.Int64N(250)
	w.come = max(w.time, w.watermark+w.rng.Int64N(20))
	k := fmt.Sprint("key ", w.rng.IntN(100))
	does := w.rng.IntN(4)
	if e, ok := w.is[k]; ok && e.time+endsAfter <= w.come && does < 3 {
		delete(w.is, k)
	}
	e, there := w.is[k]
	switch does {
	case 0, 1:
		if !there {
			e.time = w.time
		}
		e = ending{w.rng.Int64(), max(e.time, w.time)}
		w.is[k] = e
		w.table.Put(k, e.value)
	case 2:
		if v, ok := w.table.Get(k); ok != there || v != e.value {
			w.t.Fatalf("%s is %d, %t, want %d, %t", k, v, ok, e.value, there)
		}
	default:
		var want, got []string
		for _, k := range slices.Sorted(maps.Keys(w.is)) {
			if e := w.is[k]; e.time+endsAfter > w.come {
				want = append(want, fmt.Sprint(k, "=", e.value))
			}
		}
		for k, v := range w.table.All() {
			got = append(got, fmt.Sprint(k, "=", v))
		}
		if !slices.Equal(got, want) {
			w.t.Fatalf("it has %v, want %v", got, want)
		}
	}
}

func (w *endingWorld) flush() {
	var b *disk.Batch
	if d := w.table.Disk(); d != nil {
		b = d.Batch()
	}
	err := w.table.Flush(func(key, value []byte, time int64) error {
		w.offset++
		if value == nil {
			if e, there := w.is[string(key)]; there {
				if w.swept++; e.time+endsAfter > w.watermark {
					w.t.Fatalf("%s is removed, which was set for %d, when the watermark was %d", key, e.time, w.watermark)
				}
			}
			delete(w.changelog, string(key))
		} else {
			w.changelog[string(key)] = true
		}
		if b != nil {
			return b.Set(key, value, time)
		}
		return nil
	})
	if err == nil && b != nil {
		err = b.Commit(w.offset, "", time.Unix(0, 0))
		w.table.Applied(w.table.Flushed())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// What is found under a key depends on the records of that key, and not on when what has ended is removed; in the end it is.
func TestEntriesEndByEventTimeWheneverTheyAreRemoved(t *testing.T) {
	for _, where := range []string{"memory", "disk"} {
		t.Run(where, func(t *testing.T) {
			swept := 0
			for seed := range uint64(20) {
				var db *disk.DB
				if where == "disk" {
					var err error
					if db, err = disk.Open("state", disk.Options{App: "app", MemoryBytes: 4 << 10, FS: vfs.NewMem()}); err != nil {
						t.Fatal(err)
					}
				}
				w := newEndingWorld(t, seed, db)
				for range 2000 {
					w.record()
					if w.rng.IntN(10) == 0 {
						w.watermark += w.rng.Int64N(40)
					}
					if w.rng.IntN(30) == 0 {
						w.flush()
					}
				}
				swept += w.swept
				w.watermark += 10_000
				for range 20 {
					w.flush()
				}
				if len(w.changelog) > 0 || w.table.Len() > 0 {
					t.Fatalf("seed %d: long after all have ended the changelog has %d entries and the table %d", seed, len(w.changelog), w.table.Len())
				}
				if db != nil {
					if err := db.Close(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if swept == 0 {
				t.Error("nothing was removed before it was asked for: the run proves little")
			}
		})
	}
}

// At the end of the input all watermarks are there, which is no reason to forget what the next run goes on from.
func TestTheEndOfTheInputEndsNoEntry(t *testing.T) {
	w := newEndingWorld(t, 1, nil)
	w.time, w.come = 1000, 1000
	w.table.Put("a", 1)
	for _, w.watermark = range []int64{-1 << 63, 1<<63 - 1} {
		w.flush()
		if _, ok := w.table.Get("a"); !ok {
			t.Errorf("with the watermark %d the entry is gone", w.watermark)
		}
	}
}
