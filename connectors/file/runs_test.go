package file_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/millrace/millrace/connectors/file"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/connector"
)

func copyLines(in, out string) error {
	c := framework.Config{Name: "copy", Connectors: []connector.Connector{file.New(file.Config{})}, Bounded: true, Logger: slog.New(slog.DiscardHandler)}
	return framework.Run(context.Background(), c, func(t *framework.Topology) { t.From(file.Lines(in)).To(file.Lines(out)) })
}

func TestAGzipThatWasCutShortGoesOnWhenTheWholeFileIsThere(t *testing.T) {
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.txt.gz"), filepath.Join(dir, "out")
	var whole bytes.Buffer
	z := gzip.NewWriter(&whole)
	for i := range 100000 {
		fmt.Fprintln(z, i)
	}
	z.Close()
	os.WriteFile(in, whole.Bytes()[:whole.Len()/2], 0o600)
	t.Log(copyLines(in, out)) // "put the whole file there, what was read of it stays read"
	os.WriteFile(in, whole.Bytes(), 0o600)
	if err := copyLines(in, out); err != nil {
		t.Fatal(err)
	}
}

func TestAFileThatWasReadToItsEndMayBeRemoved(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "a.txt"), []byte("a\n"), 0o600)
	os.WriteFile(filepath.Join(dir, "b.txt"), []byte("b\n"), 0o600)
	out := filepath.Join(dir, "out")
	if err := copyLines(filepath.Join(dir, "*.txt"), out); err != nil {
		t.Fatal(err)
	}
	os.Remove(filepath.Join(dir, "a.txt"))
	if err := copyLines(filepath.Join(dir, "*.txt"), out); err != nil {
		t.Fatal(err)
	}
}

func TestASourceInTheFolderOfASinkIsRefused(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "a.txt"), []byte("a\n"), 0o600)
	if err := copyLines(filepath.Join(dir, "*.txt"), dir); err == nil {
		t.Fatal("the next run reads what this one wrote")
	}
}
