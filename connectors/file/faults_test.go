package file

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

var errFull = errors.New("no space left on device")

// faulty is a disk whose n-th operation fails, and all that follow if it is dead then. A write that fails has written half.
type faulty struct {
	system
	mu   sync.Mutex
	left int // operations until one fails
	dead bool
	hit  string
	did  map[string]int // operations by name
}

// sound is a disk on which nothing fails.
func sound() *faulty { return &faulty{left: 1 << 40} }

func (d *faulty) fails(what, name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left--
	if d.did == nil {
		d.did = map[string]int{}
	}
	d.did[what+" "+filepath.Base(name)]++
	if d.left == 0 {
		d.hit = what + " " + filepath.Base(name)
	}
	return d.left == 0 || d.left < 0 && d.dead
}

func (d *faulty) Open(name string, flag int) (handle, error) {
	if d.fails("open", name) {
		return nil, errFull
	}
	h, err := d.system.Open(name, flag)
	if err != nil {
		return nil, err
	}
	return faultyFile{h, d, name}, nil
}

func (d *faulty) Stat(name string) (fs.FileInfo, error) {
	if d.fails("stat", name) {
		return nil, errFull
	}
	return d.system.Stat(name)
}

func (d *faulty) Rename(from, to string) error {
	if d.fails("rename", from) {
		return errFull
	}
	return d.system.Rename(from, to)
}

func (d *faulty) Remove(name string) error {
	if d.fails("remove", name) {
		return errFull
	}
	return d.system.Remove(name)
}

func (d *faulty) MakeFolder(name string) error {
	if d.fails("make", name) {
		return errFull
	}
	return d.system.MakeFolder(name)
}

func (d *faulty) List(folder string) ([]fs.DirEntry, error) {
	if d.fails("list", folder) {
		return nil, errFull
	}
	return d.system.List(folder)
}

type faultyFile struct {
	handle
	disk *faulty
	name string
}

func (f faultyFile) ReadAt(b []byte, at int64) (int, error) {
	if f.disk.fails("read", f.name) {
		return 0, errFull
	}
	return f.handle.ReadAt(b, at)
}

func (f faultyFile) WriteAt(b []byte, at int64) (int, error) {
	if f.disk.fails("write", f.name) {
		n, _ := f.handle.WriteAt(b[:len(b)/2], at)
		return n, errFull
	}
	return f.handle.WriteAt(b, at)
}

func (f faultyFile) Sync() error {
	if f.disk.fails("sync", f.name) {
		return errFull
	}
	return nil // the machine does not fail in this test, and syncing takes its time
}

func (f faultyFile) Truncate(size int64) error {
	if f.disk.fails("truncate", f.name) {
		return errFull
	}
	return f.handle.Truncate(size)
}

func (f faultyFile) Close() error {
	err := f.handle.Close()
	if f.disk.fails("close", f.name) {
		return errFull
	}
	return err
}

func TestWhateverOperationFailsNothingIsLostOrRepeated(t *testing.T) {
	for i, c := range []struct {
		name    string
		dead    bool
		options []Option
	}{
		{"plain, one fails", false, nil},
		{"plain, all that follow fail", true, nil},
		{"gzip, one fails", false, []Option{Compress("gzip")}},
		{"zstd, all that follow fail", true, []Option{Compress("zstd")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			failAll(t, 1+i%failEvery, c.dead, c.options)
		})
	}
}

// failAll fails every failEvery-th operation from the first one on, each in a job of its own.
func failAll(t *testing.T, first int, dead bool, options []Option) {
	failed := 0
	for n := first; ; n += failEvery {
		j := newTrialJob(t, t.TempDir(), 2, 40, options...)
		j.rewrites = dead
		d := &faulty{left: n, dead: dead}
		err := j.run(d)
		if d.hit == "" {
			if err != nil {
				t.Fatalf("without a fault: %v", err)
			}
			if dead && d.did["remove internal-000001.log"] == 0 {
				t.Error("the journal was never rewritten, so that no fault met that")
			}
			t.Logf("%d operations, of which %d failed the run; %d commits", n, failed, d.did["rename manifest.tmp"])
			break
		}
		if err != nil {
			failed++
		}
		for range 2 { // the second run has nothing to do
			if again := j.run(sound()); again != nil {
				t.Fatalf("operation %d (%s) failed: %v; and the next start says: %v", n, d.hit, err, again)
			}
		}
		if wrong := j.check(); wrong != nil {
			t.Fatalf("operation %d (%s) failed: %v; after the next start: %v", n, d.hit, err, wrong)
		}
		os.RemoveAll(j.folder)
	}
}
