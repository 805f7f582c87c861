package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/testcontainers/testcontainers-go"
)

// Programs whose processes are killed are built from a copy of the sources, in which edits do what no build of the library can: sessions
// and transactions are short, so that a test does not wait for their ends, and a process ends itself at a place of the code.

// edit replaces text of a file, told from the root of the module, once.
type edit struct{ file, old, with string }

// begins is an edit that has a file import a package that the copy has.
func begins(file, path string) edit {
	return edit{file, "import (\n", "import (\n\t\"" + path + "\"\n"}
}

const (
	briefSession     = time.Second
	briefTransaction = 2 * time.Second
	deadly           = "github.com/millrace/millrace/framework/internal/deadly"
)

var edits = []edit{
	{"apps/internal/job/compute.go", "kafka.New(kafka.Config{Brokers: addresses})", "kafka.New(kafka.Config{Brokers: addresses, Options: brief})"},

	begins("framework/internal/driver/commit.go", deadly),
	{"framework/internal/driver/commit.go", "	w.applyCommitted()\n", "	if len(w.uncommitted) > 0 {\n		deadly.At(\"before the batch of the store\")\n	}\n	w.applyCommitted()\n"},
	begins("framework/internal/driver/durable.go", deadly),
	{"framework/internal/driver/durable.go", "	for i := range a.outs {\n", "	for i := range a.outs {\n		if i == len(a.outs)/2 {\n			deadly.At(\"in the middle of the batch\")\n		}\n"},
	{"framework/internal/driver/durable.go", "		a.store.Applied(a.flush)\n", "		deadly.At(\"after the batch\")\n		a.store.Applied(a.flush)\n"},
	{"framework/internal/driver/durable.go", "	b := folder.Batch()\n", "	b := folder.Batch()\n	if len(run.Records) > 0 {\n		deadly.Restored(run.Partition.Partition, run.Records[0].Offset, len(run.Records), run.Anew)\n	}\n"},

	begins("framework/state/disk/write.go", deadly),
	{"framework/state/disk/write.go", "(d *DB) commit(b *pebble.Batch) error {\n", "(d *DB) commit(b *pebble.Batch) error {\n	deadly.At(\"before the checkpoint\")\n"},
	{"framework/state/disk/write.go", "	return b.Close()\n", "	if deadly.Flushes() {\n		if err := d.db.Flush(); err != nil {\n			return err\n		}\n	}\n	deadly.At(\"after the checkpoint\")\n	return b.Close()\n"},
	{"framework/state/disk/db.go", "fs = vfs.Default", "fs = deadlyFS{vfs.Default}"},
	// What is not in files yet is lost with a process: it gets there after some commits, or after each, not after minutes.
	{"framework/state/disk/db.go", "MemTableSize: uint64(min(max(o.MemoryBytes/16, 1<<20), 64<<20))", "MemTableSize: 64 << 10"},
}

// additions are files that only the copy has: where they come from, and where they go.
var additions = map[string]string{
	"testdata/patched/brief.go":    "apps/internal/job/brief.go",
	"testdata/patched/deadly.go":   "framework/internal/deadly/deadly.go",
	"testdata/patched/deadlyfs.go": "framework/state/disk/deadlyfs.go",
}

// overlay writes the copies of edited files to a folder, and which files they stand for.
func overlay(dir string) (path string, err error) {
	root, err := filepath.Abs("..")
	if err != nil {
		return "", err
	}
	texts := map[string]string{}
	for _, e := range edits {
		if _, read := texts[e.file]; !read {
			b, err := os.ReadFile(filepath.Join(root, e.file))
			if err != nil {
				return "", err
			}
			texts[e.file] = string(b)
		}
		if n := strings.Count(texts[e.file], e.old); n != 1 {
			return "", fmt.Errorf("%s has %d times %q: find the place of the edit anew", e.file, n, e.old)
		}
		texts[e.file] = strings.Replace(texts[e.file], e.old, e.with, 1)
	}
	replace := map[string]string{}
	for file, text := range texts {
		to := filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
		err = errors.Join(err, os.WriteFile(to, []byte(text), 0o600))
		replace[filepath.Join(root, file)] = to
	}
	for from, to := range additions {
		replace[filepath.Join(root, to)] = filepath.Join(root, "integration", from)
	}
	b, failed := json.Marshal(map[string]any{"Replace": replace})
	path = filepath.Join(dir, "overlay.json")
	return path, errors.Join(err, failed, os.WriteFile(path, b, 0o600))
}

// buildPatched builds the programs once and returns the folder of their binaries.
var buildPatched = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "integration"); err != nil {
		return "", err
	}
	later(func() error { return os.RemoveAll(dir) })
	over, err := overlay(dir)
	if err != nil {
		return "", err
	}
	args := []string{"build", "-overlay", over, "-o", dir + "/", "../apps/wordcount", "../apps/flights"}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build patched programs: %w\n%s", err, out)
	}
	return dir, nil
})

func TestTheEditsOfPatchedProgramsHaveTheirPlaces(t *testing.T) {
	if _, err := overlay(t.TempDir()); err != nil {
		t.Error(err)
	}
}

// patched returns a command of a program of apps that was built from the copy.
func patched(t *testing.T, program string, args ...string) *exec.Cmd {
	t.Helper()
	dir, err := buildPatched()
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(filepath.Join(dir, program), args...)
}

// brief lets a broker take short sessions, and end transactions soon after their time-out.
var brief = testcontainers.WithEnv(map[string]string{
	"KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS":                                fmt.Sprint(briefSession.Milliseconds()),
	"KAFKA_TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS": "500",
})

// briefBroker returns the broker of the tests that kill such programs.
func briefBroker(t *testing.T) *broker {
	t.Helper()
	needEngine(t)
	b, err := startBrief()
	if err != nil {
		unavailable(t, "no broker starts in a container", err)
	}
	return b
}

var startBrief = sync.OnceValues(func() (*broker, error) {
	b, err := startBroker(context.Background(), brief)
	if err == nil {
		later(b.remove)
	}
	return b, err
})
