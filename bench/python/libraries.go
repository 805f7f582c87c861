package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

var (
	//go:embed chains.py
	chains string
	//go:embed requirements.txt
	requirements []byte
)

// errMissing: there is nothing to measure against.
var errMissing = errors.New("the libraries of Python cannot be measured here")

// libraries is an installed virtual environment.
type libraries struct{ interpreter string }

// installed is the file in a virtual environment that says which requirements it has. It is written last.
const installed = "installed.txt"

// install makes the virtual environment where it is not there yet, or has other requirements.
func install(ctx context.Context, interpreter, folder string) (libraries, error) {
	if folder == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return libraries{}, fmt.Errorf("no folder for the virtual environment, give one with -venv: %w", err)
		}
		folder = filepath.Join(cache, "millrace-bench-python")
	}
	l := libraries{filepath.Join(folder, "bin", "python")}
	if have, err := os.ReadFile(filepath.Join(folder, installed)); err == nil && bytes.Equal(have, requirements) {
		return l, nil
	}
	if _, err := exec.LookPath(interpreter); err != nil {
		return l, fmt.Errorf("%w: %w", errMissing, err)
	}
	wanted := filepath.Join(folder, "requirements.txt")
	if _, err := output(ctx, interpreter, "-m", "venv", folder); err != nil {
		return l, fmt.Errorf("%w: make a virtual environment in %s: %w", errMissing, folder, err)
	}
	if err := os.WriteFile(wanted, requirements, 0o644); err != nil {
		return l, err
	}
	if _, err := output(ctx, l.interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--requirement", wanted); err != nil {
		return l, fmt.Errorf("%w: install them from PyPI: %w", errMissing, err)
	}
	return l, os.WriteFile(filepath.Join(folder, installed), requirements, 0o644)
}

// sides are the libraries, each run in a process of its own.
func (l libraries) sides(form string) (all []side) {
	for _, library := range []string{"streamz", "reactivex", "bytewax"} {
		run := func(ctx context.Context, count int) (result, error) { return l.run(ctx, library, form, count) }
		all = append(all, side{name: library, run: run})
	}
	return all
}

func (l libraries) run(ctx context.Context, library, form string, count int) (r result, err error) {
	out, err := output(ctx, l.interpreter, "-c", chains, library, form, strconv.Itoa(count))
	if err != nil {
		return r, err
	}
	var nanoseconds int64
	if _, err := fmt.Sscan(out, &nanoseconds, &r.n, &r.sum); err != nil {
		return r, fmt.Errorf("chains.py printed %q: %w", out, err)
	}
	r.took = time.Duration(nanoseconds)
	return r, nil
}

// output runs a command and returns what it prints. Its error ends with the last line that it complained with.
func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(complaint.String()), "\n")
		return "", fmt.Errorf("%w: %s", err, lines[len(lines)-1])
	}
	return string(out), nil
}
