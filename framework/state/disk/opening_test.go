package disk_test

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/millrace/millrace/framework/state/disk"
)

// A folder that was just filled has much to be merged. Who opens it does not wait for that, and it is done afterwards.
func TestAFolderIsOpenBeforeItsFilesAreMerged(t *testing.T) {
	fs := vfs.NewMem()
	db := open(t, fs, "app")
	write(t, store(t, db, "counts", 0), 1, "a=1")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	pileUp(t, fs)
	opened, merging := make(chan struct{}), make(chan struct{})
	var early atomic.Bool
	var once sync.Once
	db, err := disk.Open("state", disk.Options{App: "app", MemoryBytes: 8 << 20, FS: errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpCreate && filepath.Ext(op.Path) == ".sst" {
			select {
			case <-opened:
			case <-time.After(5 * time.Second): // opening waits for this
				early.Store(true)
			}
			once.Do(func() { close(merging) })
		}
		return nil
	}))})
	close(opened)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	<-merging
	if early.Load() {
		t.Error("the folder was not open before its files were merged")
	}
}

// pileUp leaves files that lie over each other and are to be merged.
func pileUp(t *testing.T, fs vfs.FS) {
	t.Helper()
	db, err := pebble.Open("state", &pebble.Options{FS: fs, FormatMajorVersion: pebble.FormatNewest, DisableAutomaticCompactions: true, Logger: pebble.DefaultLogger})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		for _, key := range []string{"a", "b"} {
			at := append(binary.BigEndian.AppendUint32([]byte{'e'}, 1), key...)
			if err := db.Set(at, bytes.Repeat([]byte{byte(i)}, 100), nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
