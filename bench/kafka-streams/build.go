// Package kafkastreams builds the program in Java, on Kafka Streams, that Millrace is measured against.
package kafkastreams

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed pom.xml src
var sources embed.FS

// ErrMissing says that the program cannot be measured on this machine.
var ErrMissing = errors.New("the peer in Java cannot be measured here: install a JDK from 17 on, and Maven, which fetches Kafka Streams from Maven Central")

// Program is the built program.
type Program struct{ folder string }

// Build builds the program with Maven in the user's cache folder, once for each state of its sources.
func Build(ctx context.Context) (Program, error) {
	for _, tool := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			return Program{}, fmt.Errorf("%w (%w)", ErrMissing, err)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return Program{}, err
	}
	version, err := fingerprint()
	if err != nil {
		return Program{}, err
	}
	above := filepath.Join(cache, "millrace-bench-kafka-streams")
	p := Program{filepath.Join(above, version)}
	if _, err := os.Stat(p.folder); err == nil {
		return p, nil
	}
	if err := os.MkdirAll(above, 0o755); err != nil {
		return p, err
	}
	at, err := os.MkdirTemp(above, "build")
	if err != nil {
		return p, err
	}
	defer os.RemoveAll(at)
	if err := os.CopyFS(at, sources); err != nil {
		return p, err
	}
	fmt.Println("building the program of Kafka Streams with Maven, once")
	cmd := exec.CommandContext(ctx, "mvn", "--quiet", "--batch-mode", "package")
	cmd.Dir = at
	if out, err := cmd.CombinedOutput(); err != nil {
		return p, fmt.Errorf("%w (mvn package: %w)\n%s", ErrMissing, err, out)
	}
	// Another process may have been faster.
	if err := os.Rename(filepath.Join(at, "target"), p.folder); err != nil && !errors.Is(err, fs.ErrExist) {
		return p, err
	}
	return p, nil
}

// Command returns the program's command, with flags -name value.
func (p Program) Command(flags ...string) *exec.Cmd {
	classes := []string{filepath.Join(p.folder, "bench.jar"), filepath.Join(p.folder, "lib", "*")}
	return exec.Command("java", append([]string{
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
		"-cp", strings.Join(classes, string(os.PathListSeparator)), "millrace.Bench",
	}, flags...)...)
}

// fingerprint returns what tells these sources from others.
func fingerprint() (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(sources, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := sources.ReadFile(path)
		fmt.Fprintf(sum, "%s %d\n%s", path, len(b), b)
		return err
	})
	return hex.EncodeToString(sum.Sum(nil)[:8]), err
}
