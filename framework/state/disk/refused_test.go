//go:build unix

package disk_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/millrace/millrace/framework/state/disk"
	"github.com/millrace/millrace/internal/nobody"
)

func TestAFolderThatIsAFileIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(file, []byte("somebody's"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{file, filepath.Join(file, "app")} {
		says(t, opened(folder), "state folder "+folder, "is a file: name another folder in Config.StateDir")
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "somebody's" {
		t.Errorf("the file has %q, %v", b, err)
	}
}

// Root may write everywhere: the folder is opened by a process of another user then.
func TestAFolderThatAnotherUserOwnsIsRefused(t *testing.T) {
	whole := func(folder string) { t.Helper(); must(t, openAndClose(folder)) }
	for name, spoil := range map[string]func(folder string) error{
		"may not be written":            func(folder string) error { return os.Chmod(folder, 0o555) },
		"may not be read":               func(folder string) error { return os.Chmod(folder, 0) },
		"has files of the former owner": func(folder string) error { return lockAway(folder) },
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			parent, err := os.MkdirTemp("", "millrace") // others may look into it
			must(t, err)
			t.Cleanup(func() { _ = os.RemoveAll(parent) })
			must(t, os.Chmod(parent, 0o755))
			folder := filepath.Join(parent, "state")
			whole(folder)
			must(t, spoil(folder))
			id := os.Getuid()
			said := ""
			if id == 0 {
				id = nobody.ID
				said = nobody.Run(t, "TestOpenAsAnotherUser", openVariable+"="+folder)
			} else if err := openAndClose(folder); err != nil {
				said = err.Error()
			}
			says(t, said, "state folder "+folder, "permission denied", fmt.Sprintf("the user with the id %d may not write there", id), "name another one in Config.StateDir")
			must(t, os.Chmod(folder, 0o755))
			must(t, unlockAll(folder))
			whole(folder)
		})
	}
}

func TestAReadOnlyOrFullDiskIsNamed(t *testing.T) {
	for code, want := range map[syscall.Errno]string{
		syscall.EROFS:  "the disk is read-only: name a folder in Config.StateDir that can be written",
		syscall.ENOSPC: "the disk is full: make room, and start again; what the folder lacks is read from the changelogs",
		syscall.EDQUOT: "the disk is full",
		syscall.EIO:    "the disk fails: name a folder on another one",
	} {
		writes := errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
				return code
			}
			return nil
		})
		_, err := disk.Open("state", disk.Options{App: "app", FS: errorfs.Wrap(vfs.NewMem(), writes)})
		says(t, fmt.Sprint(err), "state folder state", code.Error(), want)
	}
}

func TestADiskThatGetsFullIsNamedAndDamagesNothing(t *testing.T) {
	var full atomic.Bool
	mem := vfs.NewCrashableMem()
	fs := vfs.FS(errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			return syscall.ENOSPC
		}
		return nil
	})))
	db := open(t, fs, "app")
	s, err := db.Open("counts", 0, "a table")
	must(t, err)
	offset := int64(0)
	write := func() error {
		b := s.Batch()
		for i := range 100 {
			must(t, b.Set(fmt.Appendf(nil, "%d-%d", offset, i), make([]byte, 10_000), 1))
		}
		offset++
		return b.Commit(offset, "log", noon)
	}
	must(t, write())
	full.Store(true)
	for err = nil; err == nil && offset < 1000; {
		err = write()
	}
	says(t, fmt.Sprint(err), "state folder state", "no space left on device", "the disk is full: make room, and start again")
	says(t, fmt.Sprint(db.Close()), "state folder state", "no space left on device")
	db = open(t, mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))}), "app")
	if s, err = db.Open("counts", 0, "a table"); err != nil {
		t.Fatal(err)
	}
	if at := s.Checkpoint().Offset; at >= offset {
		t.Errorf("the folder says that it has all up to offset %d, and %d did not go well", at, offset)
	}
	must(t, db.Close())
}

const openVariable = "MILLRACE_TEST_OPEN"

// TestOpenAsAnotherUser is what a process of another user does for the test above.
func TestOpenAsAnotherUser(t *testing.T) {
	if folder := os.Getenv(openVariable); folder != "" {
		fmt.Println(openAndClose(folder))
	}
}

func openAndClose(folder string) error {
	db, err := disk.Open(folder, disk.Options{App: "app"})
	if err != nil {
		return err
	}
	return db.Close()
}

func opened(folder string) string { return fmt.Sprint(openAndClose(folder)) }

// lockAway takes the files in a folder from all but their owner, and from that one too.
func lockAway(folder string) error {
	if err := os.Chmod(folder, 0o777); err != nil {
		return err
	}
	return chmodAll(folder, 0)
}

func unlockAll(folder string) error { return chmodAll(folder, 0o644) }

func chmodAll(folder string, mode os.FileMode) error {
	entries, err := os.ReadDir(folder)
	for _, e := range entries {
		if err == nil {
			err = os.Chmod(filepath.Join(folder, e.Name()), mode)
		}
	}
	return err
}

func says(t *testing.T, said string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(said, part) {
			t.Errorf("%q is not in %q", part, said)
		}
	}
	if strings.Count(strings.TrimSpace(said), "\n") > 0 {
		t.Errorf("it takes more than a line: %q", said)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
