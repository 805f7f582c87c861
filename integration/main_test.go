// Package integration tests what only a real broker can show: Kafka runs in a container.
//
// Where no container engine answers, or it has no image of Kafka and gets none, the tests skip, and say so.
// The environment changes that and how long they take:
//
//	INTEGRATION=required  fail instead of skipping, and test the image built from the Dockerfile, too
//	INTEGRATION=off       skip without looking for an engine
//	KILLS=20              kills of the test that kills (default 3)
//	OUTAGE=1m             how long a broker is away (default 12s)
//	COMBINATIONS=100      of what must not matter to windows (default 30)
//	EXACT_KILLS=60        kills of exactly once, and a twelfth as many zombies (default 60)
//	EXACT_COMBINATIONS=20 of what must not matter to windows, exactly once, with kills and aborts (default 20)
//	KILLPOINTS=20         kills at each step of a commit (default 5)
//	BROKER_FAULTS=100     of a broker that is killed, paused and restarted (default 3)
//	STORM_REBALANCES=100  of members that join and leave (default 100)
//	SLOW_SINK=1m          how long a slow sink is fed (default 1m)
//	SEED=1                of the tests of windows, kills, brokers and the storm, which print it (default: by luck)
package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/testcontainers/testcontainers-go"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := cleanUp(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// leftovers are what the tests of the package share and TestMain removes.
var leftovers struct {
	sync.Mutex
	remove []func() error
}

func later(remove func() error) {
	leftovers.Lock()
	defer leftovers.Unlock()
	leftovers.remove = append(leftovers.remove, remove)
}

func cleanUp() error {
	var errs []error
	for i := len(leftovers.remove) - 1; i >= 0; i-- {
		errs = append(errs, leftovers.remove[i]())
	}
	return errors.Join(errs...)
}

// needEngine skips or fails the test where no container engine answers.
func needEngine(t *testing.T) {
	t.Helper()
	if os.Getenv("INTEGRATION") == "off" {
		t.Skip("INTEGRATION=off")
	}
	if err := engine(); err != nil {
		unavailable(t, "no container engine answers", err)
	}
}

// unavailable skips the test, or fails it where it is required.
func unavailable(t *testing.T, what string, err error) {
	t.Helper()
	if os.Getenv("INTEGRATION") == "required" {
		t.Fatalf("INTEGRATION=required, and %s: %v", what, err)
	}
	t.Skipf("%s: %v", what, err)
}

// engine says why no container engine can be used.
var engine = sync.OnceValue(func() (err error) {
	defer func() {
		if p := recover(); p != nil { // the library panics where it finds no address of an engine
			err = fmt.Errorf("%v", p)
		}
	}()
	provider, err := testcontainers.NewDockerProvider()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(provider.Health(ctx), provider.Close())
})

// wordcount builds the application once and returns the path of its binary.
func wordcount(t *testing.T) string {
	t.Helper()
	path, err := buildWordcount()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var buildWordcount = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "integration")
	if err != nil {
		return "", err
	}
	later(func() error { return os.RemoveAll(dir) })
	path := filepath.Join(dir, "wordcount")
	if out, err := exec.Command("go", "build", "-o", path, "../apps/wordcount").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build wordcount: %w\n%s", err, out)
	}
	return path, nil
})

// number returns a number of the environment.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("%s=%s is no number from 1 on", name, s)
	}
	return n
}

// duration returns a duration of the environment.
func duration(t *testing.T, name string, otherwise time.Duration) time.Duration {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		t.Fatalf("%s=%s is no duration above zero", name, s)
	}
	return d
}
