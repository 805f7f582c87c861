package disk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/millrace/millrace/framework/state/disk"
)

var noon = time.Date(2024, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, fs vfs.FS, app string) *disk.DB {
	t.Helper()
	db, err := disk.Open("state", disk.Options{App: app, MemoryBytes: 8 << 20, FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func store(t *testing.T, db *disk.DB, name string, partition int32) *disk.Store {
	t.Helper()
	s, err := db.Open(name, partition, "a table")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// write commits pairs "key=value", a key without value deleted, up to an offset.
func write(t *testing.T, s *disk.Store, offset int64, pairs ...string) {
	t.Helper()
	b := s.Batch()
	for i, p := range pairs {
		key, value, is := strings.Cut(p, "=")
		v := []byte(value)
		if !is {
			v = nil
		}
		if err := b.Set([]byte(key), v, int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Commit(offset, "log", noon); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, s *disk.Store) string {
	t.Helper()
	var all []string
	if err := s.Range(nil, nil, func(k, v []byte, _ int64) bool { all = append(all, string(k)+"="+string(v)); return true }); err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}

func want(t *testing.T, s *disk.Store, offset int64, entries string) {
	t.Helper()
	if got := content(t, s); got != entries {
		t.Errorf("it has %q, want %q", got, entries)
	}
	if got := s.Checkpoint().Offset; got != offset {
		t.Errorf("it has its changelog up to %d, want %d", got, offset)
	}
}

func TestAFolderHasWhatWasCommittedWhenItIsOpenedAgain(t *testing.T) {
	fs := vfs.NewMem()
	db := open(t, fs, "app")
	write(t, store(t, db, "counts", 0), 5, "a=1", "b=2", "=empty key")
	write(t, store(t, db, "counts", 1), 7, "a=of another partition")
	write(t, store(t, db, "others", 0), 9, "a=of another store")
	write(t, store(t, db, "counts", 0), 6, "a", "c=")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, fs, "app")
	defer db.Close()
	want(t, store(t, db, "counts", 0), 6, "=empty key b=2 c=")
	want(t, store(t, db, "counts", 1), 7, "a=of another partition")
	want(t, store(t, db, "others", 0), 9, "a=of another store")
	want(t, store(t, db, "new", 0), 0, "")
	if c := store(t, db, "others", 0).Checkpoint(); c.Log != "log" || !c.Seen.Equal(noon) {
		t.Errorf("the checkpoint is %+v", c)
	}
}

func TestWhoOpenedAStoreLastHasIt(t *testing.T) {
	db := open(t, vfs.NewMem(), "app")
	defer db.Close()
	first := store(t, db, "counts", 0)
	write(t, first, 1, "a=1")
	late := first.Batch()
	if err := late.Set([]byte("a"), []byte("late"), 0); err != nil {
		t.Fatal(err)
	}
	second := store(t, db, "counts", 0)
	if err := late.Commit(2, "", noon); err != nil {
		t.Fatal(err)
	}
	if err := first.Clear(); err != nil {
		t.Fatal(err)
	}
	want(t, second, 1, "a=1")
}

func TestAStoreOfAnotherKindIsDropped(t *testing.T) {
	db := open(t, vfs.NewMem(), "app")
	defer db.Close()
	write(t, store(t, db, "counts", 0), 5, "a=1")
	s, err := db.Open("counts", 0, "windows of 1h0m0s")
	if err != nil {
		t.Fatal(err)
	}
	want(t, s, 0, "")
}

func TestAFolderOfAnotherApplicationOrFormatIsRefused(t *testing.T) {
	fs := vfs.NewMem()
	if err := open(t, fs, "app").Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := disk.Open("state", disk.Options{App: "other", FS: fs}); err == nil || !strings.Contains(err.Error(), `of application "app", not of "other"`) {
		t.Errorf("another application: %v", err)
	}
	db := open(t, fs, "app")
	if err := disk.SetFormat(db, 2); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := disk.Open("state", disk.Options{App: "app", FS: fs}); err == nil || !strings.Contains(err.Error(), "is of format 2, and this program knows 1") {
		t.Errorf("a newer format: %v", err)
	}
}

func TestTwoProcessesCannotHaveOneFolder(t *testing.T) {
	folder := t.TempDir()
	db, err := disk.Open(folder, disk.Options{App: "app"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := disk.Open(folder, disk.Options{App: "app"}); err == nil || !strings.Contains(err.Error(), "another process has it open") {
		t.Errorf("got %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = disk.Open(folder, disk.Options{App: "app"}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
