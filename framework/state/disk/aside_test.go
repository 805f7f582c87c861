package disk_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/millrace/millrace/framework/state/disk"
)

// A goroutine behind a buffer may still be at it when a store has its next owner. What it does then is no error, and nobody's.
func TestAnOwnerThatIsNoMoreHasNothingAsideAndNoError(t *testing.T) {
	db, err := disk.Open("state", disk.Options{App: "app", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	open := func() *disk.Aside {
		t.Helper()
		s, err := db.Open("windows", 0, "windows")
		if err != nil {
			t.Fatal(err)
		}
		return s.Aside()
	}
	last := open()
	value := bytes.Repeat([]byte("v"), 100)
	const n = 1000
	put := func(a *disk.Aside, i int) {
		t.Helper()
		if err := a.Put(fmt.Appendf(nil, "key-%04d", i), int64(i), value); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		put(last, i)
	}
	began, moved, taken := make(chan struct{}), make(chan struct{}), 0
	done := make(chan error)
	go func() {
		for i := range n {
			if i == n/10 {
				close(began)
			}
			if i == n/2 {
				<-moved
			}
			_, ok, err := last.Take(fmt.Appendf(nil, "key-%04d", i))
			if err != nil {
				done <- err
				return
			}
			if ok {
				taken++
			}
		}
		for i := range n {
			if err := last.Put(fmt.Appendf(nil, "late-%04d", i), int64(i), value); err != nil {
				done <- err
				return
			}
		}
		_, err := last.Due(n, n)
		done <- err
	}()
	<-began
	next := open()
	close(moved)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if taken > n*3/4 {
		t.Errorf("%d of %d were there: this proves nothing", taken, n)
	}
	for i := range 10 {
		put(next, i)
	}
	if things, err := next.Due(n, n); err != nil || len(things) != 10 {
		t.Errorf("the next owner finds %d things: %v", len(things), err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// What is put aside fills the disk, or meets one that fails: one error says so, and the folder is what it was.
func TestADiskThatFailsWhileSomethingIsPutAsideIsAnErrorAndDamagesNothing(t *testing.T) {
	for _, full := range []bool{true, false} {
		mem := vfs.NewCrashableMem()
		var failing, over atomic.Bool
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			switch {
			case op.Kind.ReadOrWrite() != errorfs.OpIsWrite || !failing.Load():
				return nil
			case over.Load():
				select {} // the database would try for ever
			case full:
				return syscall.ENOSPC
			}
			return errorfs.ErrInjected
		}))
		db, err := disk.Open("state", disk.Options{App: "app", MemoryBytes: 1 << 20, FS: fs})
		if err != nil {
			t.Fatal(err)
		}
		s, err := db.Open("windows", 0, "windows")
		if err != nil {
			t.Fatal(err)
		}
		b := s.Batch()
		if err := b.Set([]byte("committed"), []byte("value"), 1); err != nil {
			t.Fatal(err)
		}
		if err := b.Commit(7, "log", noon); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if db, err = disk.Open("state", disk.Options{App: "app", MemoryBytes: 1 << 20, FS: fs}); err != nil {
			t.Fatal(err)
		}
		if s, err = db.Open("windows", 0, "windows"); err != nil {
			t.Fatal(err)
		}
		failing.Store(true)
		value := bytes.Repeat([]byte("v"), 1000)
		for i := 0; i < 100_000 && err == nil; i++ {
			err = s.Aside().Put(fmt.Appendf(nil, "key-%06d", i), int64(i), value)
		}
		if err == nil || strings.Count(err.Error(), "state folder state") != 1 || full && !strings.Contains(err.Error(), "the disk is full") {
			t.Errorf("full %t: the error is %v", full, err)
		}
		_ = db.Close()   // it says the same
		over.Store(true) // not before: what is being written now is waited for
		again, err := disk.Open("state", disk.Options{App: "app", FS: mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})})
		if err != nil {
			t.Fatal(err)
		}
		if s, err = again.Open("windows", 0, "windows"); err != nil {
			t.Fatal(err)
		}
		if value, _, ok, err := s.Get([]byte("committed")); string(value) != "value" || !ok || err != nil || s.Checkpoint().Offset != 7 {
			t.Errorf("full %t: after it the store has %q up to offset %d: %v", full, value, s.Checkpoint().Offset, err)
		}
		if things, err := s.Aside().Due(1<<40, 10); len(things) > 0 || err != nil {
			t.Errorf("full %t: %d things are aside yet: %v", full, len(things), err)
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	}
}
