package state_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/state"
	"github.com/millrace/millrace/framework/state/disk"
)

// diskWorld is a table on disk beside what it should be: a map. What a flush hands out is given to the folder later, in order, or never
// where what is not committed is dropped.
type diskWorld struct {
	t       *testing.T
	rng     *rand.Rand
	db      *disk.DB
	table   *state.KV[string, int64]
	now     int64
	is      map[string]int64 // what the table has
	was     map[string]int64 // as of the last flush that the folder has
	flushes []diskFlush      // not applied yet
	offset  int64
}

type diskFlush struct {
	number  uint32
	records []diskRecord
	is      map[string]int64
}

type diskRecord struct{ key, value []byte }

func (w *diskWorld) openTable() {
	content, err := w.db.Open("counts", 0, "a table")
	if err != nil {
		w.t.Fatal(err)
	}
	w.table = state.NewKV("counts", codec.String, codec.Int64, &w.now)
	w.table.OnDisk(content)
}

func (w *diskWorld) flush() {
	f := diskFlush{is: maps.Clone(w.is)}
	if err := w.table.Flush(func(key, value []byte, _ int64) error {
		f.records = append(f.records, diskRecord{slices.Clone(key), slices.Clone(value)})
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	f.number = w.table.Flushed()
	w.flushes = append(w.flushes, f)
}

func (w *diskWorld) apply() {
	if len(w.flushes) == 0 {
		return
	}
	f := w.flushes[0]
	w.flushes = w.flushes[1:]
	b := w.table.Disk().Batch()
	for _, r := range f.records {
		if err := b.Set(r.key, r.value, 0); err != nil {
			w.t.Fatal(err)
		}
	}
	w.offset += int64(len(f.records))
	if err := b.Commit(w.offset, "", time.Unix(0, 0)); err != nil {
		w.t.Fatal(err)
	}
	w.table.Applied(f.number)
	w.was = f.is
}

// abort drops what is in memory, and goes on from what the folder has.
func (w *diskWorld) abort() {
	w.flushes = nil
	w.is = maps.Clone(w.was)
	w.openTable()
	if got := w.table.Disk().Checkpoint().Offset; got != w.offset {
		w.t.Fatalf("the folder has its changelog up to %d, want %d", got, w.offset)
	}
}

func (w *diskWorld) key() string { return fmt.Sprint("key ", w.rng.IntN(200)) }

func (w *diskWorld) step() {
	k := w.key()
	switch n := w.rng.IntN(100); {
	case n < 40:
		w.is[k] = w.rng.Int64()
		w.table.Put(k, w.is[k])
	case n < 50:
		e := w.table.Entry(k)
		v, ok := e.Value()
		if want, there := w.is[k]; ok != there || v != want {
			w.t.Fatalf("%s is %d, %t, want %d, %t", k, v, ok, want, there)
		}
		w.is[k] = v + 1
		e.Set(v+1, 0)
	case n < 65:
		delete(w.is, k)
		w.table.Delete(k)
	case n < 85:
		v, ok := w.table.Get(k)
		if want, there := w.is[k]; ok != there || v != want {
			w.t.Fatalf("%s is %d, %t, want %d, %t", k, v, ok, want, there)
		}
	case n < 92:
		w.flush()
	case n < 97:
		w.apply()
	case n < 98:
		w.abort()
	default:
		w.compare()
	}
}

// compare compares all entries, and those of a range.
func (w *diskWorld) compare() {
	from, to := w.key(), w.key()
	var want, got, all []string
	for _, k := range slices.Sorted(maps.Keys(w.is)) {
		all = append(all, fmt.Sprint(k, "=", w.is[k]))
		if from <= k && k < to {
			want = append(want, all[len(all)-1])
		}
	}
	for k, v := range w.table.Range(from, to) {
		got = append(got, fmt.Sprint(k, "=", v))
	}
	if !slices.Equal(got, want) {
		w.t.Fatalf("from %s to %s it has\n%s, want\n%s", from, to, strings.Join(got, " "), strings.Join(want, " "))
	}
	got = nil
	for k, v := range w.table.All() {
		got = append(got, fmt.Sprint(k, "=", v))
	}
	if !slices.Equal(got, all) {
		w.t.Fatalf("it has\n%s, want\n%s", strings.Join(got, " "), strings.Join(all, " "))
	}
	for range w.table.All() {
		break // which must not go on
	}
}

// Whatever is changed, handed out, applied, forgotten and dropped: the table has what a map would have.
func TestATableOnDiskIsAMap(t *testing.T) {
	forgot := 0
	for seed := range uint64(100) {
		db, err := disk.Open("state", disk.Options{App: "app", MemoryBytes: 4 << 10, FS: vfs.NewMem()})
		if err != nil {
			t.Fatal(err)
		}
		w := &diskWorld{t: t, rng: rand.New(rand.NewPCG(seed, 1)), db: db, is: map[string]int64{}, was: map[string]int64{}}
		w.openTable()
		for range 1500 {
			if w.step(); t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		w.compare()
		if w.table.Len() < len(w.is) {
			forgot++
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if forgot < 50 {
		t.Errorf("in %d of 100 worlds the table had entries on disk only: the run proves little", forgot)
	}
}

func TestATableOnDiskNamesWhatItCannotRead(t *testing.T) {
	db, err := disk.Open("state", disk.Options{App: "app", MemoryBytes: 1 << 20, FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	w := &diskWorld{t: t, db: db, is: map[string]int64{}}
	w.openTable()
	b := w.table.Disk().Batch()
	if err := b.Set([]byte("a"), []byte("no number"), 0); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(1, "", time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if p := fmt.Sprint(recover()); !strings.Contains(p, "store counts: decode a value as int64") || !strings.Contains(p, "use another store name") {
			t.Errorf("got %s", p)
		}
	}()
	w.table.Get("a")
}
