package disk_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/millrace/millrace/framework/state/disk"
)

// restore commits as a restoration does: to a store that nobody has read.
func restore(t *testing.T, s *disk.Store, offset int64, key, value string) {
	t.Helper()
	b := s.Batch()
	if err := b.Set([]byte(key), []byte(value), 0); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(offset, "", noon); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsHeldIsThereForWhoReads(t *testing.T) {
	db := open(t, vfs.NewMem(), "app")
	defer db.Close()
	s := store(t, db, "counts", 0)
	restore(t, s, 1, "a", "1")
	restore(t, s, 2, "b", "1")
	restore(t, s, 3, "a", "2")
	if v, _, ok, err := s.Get([]byte("a")); err != nil || !ok || string(v) != "2" {
		t.Errorf("a is %q, %v, %v", v, ok, err)
	}
	restore(t, s, 4, "b", "2")
	want(t, s, 4, "a=2 b=2")
	other := store(t, db, "counts", 1)
	restore(t, other, 9, "c", "1")
	want(t, other, 9, "c=1")
}

func TestWhatIsHeldIsThereForTheNextOwner(t *testing.T) {
	db := open(t, vfs.NewMem(), "app")
	defer db.Close()
	first := store(t, db, "counts", 0)
	restore(t, first, 1, "a", "1")
	second := store(t, db, "counts", 0)
	restore(t, first, 2, "a", "late")
	want(t, second, 1, "a=1")
}

func TestWhatIsHeldIsThereWhenTheFolderIsOpenedAgain(t *testing.T) {
	fs := vfs.NewMem()
	db := open(t, fs, "app")
	restore(t, store(t, db, "counts", 0), 1, "a", "1")
	restore(t, store(t, db, "counts", 1), 2, "b", "1")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, fs, "app")
	defer db.Close()
	want(t, store(t, db, "counts", 0), 1, "a=1")
	want(t, store(t, db, "counts", 1), 2, "b=1")
}

func TestWhatIsHeldGoesWhenTheStoreIsCleared(t *testing.T) {
	db := open(t, vfs.NewMem(), "app")
	defer db.Close()
	s := store(t, db, "counts", 0)
	restore(t, s, 1, "a", "1")
	if err := s.Clear(); err != nil {
		t.Fatal(err)
	}
	restore(t, s, 1, "b", "1")
	want(t, s, 1, "b=1")
}

// A store takes no more memory than it has, however much is restored: half of it while the other half is written.
func TestNoMoreIsHeldThanThereIsMemory(t *testing.T) {
	db := open(t, vfs.NewMem(), "app")
	defer db.Close()
	s := store(t, db, "counts", 0)
	value := strings.Repeat("v", 100<<10)
	most := 0
	for i := range 200 {
		restore(t, s, int64(i+1), fmt.Sprint("k", i%50), value)
		most = max(most, disk.Held(s))
	}
	if limit := int(s.MemoryBytes()) / 2; most > limit || most < limit/2 {
		t.Errorf("%d bytes were held, of %d", most, limit)
	}
}
