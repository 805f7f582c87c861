package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const sampleInterval = 100 * time.Millisecond

// child is a side at work in a process of its own.
type child struct {
	cmd     *exec.Cmd
	started time.Time
	folder  string // of its state, removed at its end; "": none
	reports sync.WaitGroup
	ended   chan struct{} // closed when its output ended

	mu   sync.Mutex // guards last
	last seen
}

// startChild runs the side that c names.
func startChild(c config, env ...string) (*child, error) {
	k := &child{ended: make(chan struct{})}
	var err error
	if k.cmd, k.folder, err = c.command(); err != nil {
		return nil, err
	}
	k.cmd.Env = append(os.Environ(), env...)
	k.cmd.Stderr = os.Stderr
	// Its own process group: an interrupt at the terminal is this program's to pass on.
	k.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	k.started = time.Now()
	if err := k.cmd.Start(); err != nil {
		return nil, err
	}
	k.reports.Go(func() {
		defer close(k.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var s seen
			if json.Unmarshal(lines.Bytes(), &s) == nil {
				k.mu.Lock()
				k.last = s
				k.mu.Unlock()
			}
		}
	})
	return k, nil
}

// command returns the command of a side: this very program again, or the one in Java, with a folder for its state.
func (c config) command() (cmd *exec.Cmd, folder string, err error) {
	flags := []string{
		"-what", c.what, "-guarantee", c.guarantee, "-brokers", strings.Join(c.brokers, ","),
		"-group", c.group, "-in", c.in, "-out", c.out, "-clients", strconv.Itoa(c.clients),
	}
	if c.side == kafkaStreams {
		folder, err = os.MkdirTemp("", "kafka-streams")
		return c.streams.Command(append(flags, "-commit", strconv.FormatInt(c.commit.Milliseconds(), 10),
			"-cache", c.cache, "-store", cmp.Or(c.store, "disk"), "-state", folder)...), folder, err
	}
	if c.side == millrace && c.store == "disk" {
		if folder, err = os.MkdirTemp("", "millrace"); err != nil {
			return nil, "", err
		}
	}
	self, err := os.Executable()
	return exec.Command(self, append(flags, "-side", c.side, "-commit", c.commit.String(),
		"-records", strconv.Itoa(c.records), "-profile", c.profile, "-state", folder)...), folder, err
}

// report returns what the child has said last.
func (k *child) report() seen {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last
}

// stop asks the child to drain, waits for its end and returns its processor time, user and system.
func (k *child) stop() (cpu time.Duration, err error) {
	if err := k.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, fmt.Errorf("the side has ended by itself: %w", err)
	}
	select {
	case <-k.ended:
	case <-time.After(30 * time.Second):
		k.kill()
		return 0, fmt.Errorf("the side did not drain within 30 s of SIGTERM")
	}
	k.reports.Wait()
	if err := errors.Join(k.cmd.Wait(), os.RemoveAll(k.folder)); err != nil {
		return 0, fmt.Errorf("the side: %w", err)
	}
	return k.cmd.ProcessState.UserTime() + k.cmd.ProcessState.SystemTime(), nil
}

// kill ends the child at once.
func (k *child) kill() {
	_ = k.cmd.Process.Kill()
	k.reports.Wait()
	_ = k.cmd.Wait()
	_ = os.RemoveAll(k.folder)
}

// memory returns the resident bytes, now (VmRSS) or at most so far (VmHWM).
// The resource usage of a process will not do: its maximum starts at that of the program that started it.
func (k *child) memory(field string) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", k.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no %s of process %d: has the side ended?", field, k.cmd.Process.Pid)
}

// alive waits for d or until the child has ended or ctx ends, which are errors.
func (k *child) alive(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-k.ended:
		return fmt.Errorf("the side has ended by itself")
	case <-time.After(d):
		return nil
	}
}
