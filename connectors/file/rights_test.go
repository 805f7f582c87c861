//go:build unix

package file

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/internal/nobody"
)

func TestAFileWithoutRightsIsNamed(t *testing.T) {
	if os.Getuid() == 0 { // who may read everything
		nobody.Again(t)
		return
	}
	folder := t.TempDir()
	in := save(t, filepath.Join(folder, "in.txt"), "a\n")
	if err := os.Chmod(in, 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err := copyLines(Config{}, Lines(in), filepath.Join(folder, "out")); err == nil || !strings.Contains(err.Error(), "in.txt: permission denied") {
		t.Fatal(err)
	}
}
