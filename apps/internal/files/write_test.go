package files

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestAFailedWriteLeavesTheFormerFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "counts.json")
	former := func(w io.Writer) error {
		_, err := io.WriteString(w, "a line\n")
		return err
	}
	if err := Write("-output", path, former); err != nil {
		t.Fatal(err)
	}
	full := errors.New("no space")
	err := Write("-output", path, func(w io.Writer) error {
		io.WriteString(w, "half a li")
		return full
	})
	if !errors.Is(err, full) || err.Error() != "-output: no space" {
		t.Fatalf("got %v, want -output: %v", err, full)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "a line\n" {
		t.Errorf("got %q, %v", b, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("%q are left behind", left)
	}
}
