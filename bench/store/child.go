package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// moment is what a side says on its standard output, a line of JSON each.
type moment struct {
	What  string        // begun, restored, processed
	At    time.Time     // when
	Count int64         // of records restored, or the value that was handed on
	Used  time.Duration // processor time of the process so far
}

// The moments.
const (
	begun     = "begun"     // it begins to restore
	restored  = "restored"  // all is restored
	processed = "processed" // a record came out of the graph
)

func say(what string, count int64) {
	_ = json.NewEncoder(os.Stdout).Encode(moment{what, time.Now(), count, processorTime()})
}

// child is a side in a process of its own.
type child struct {
	cmd     *exec.Cmd
	started time.Time
	lines   *bufio.Scanner
	heard   []moment // and not waited for yet: those of different tasks come in any order
}

// startChild runs this program again as a side. It is killed when ctx ends.
func startChild(ctx context.Context, c config) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	k := &child{cmd: exec.CommandContext(ctx, self, "-side", c.side, "-app", c.app, "-what", c.what, "-folder", c.folder, "-only", c.only,
		"-keys", strconv.Itoa(c.keys), "-memory", strconv.FormatInt(c.memory, 10), "-cpuprofile", c.profile, "-brokers", strings.Join(c.brokers, ","))}
	k.cmd.Stderr = os.Stderr
	k.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt at the terminal is this program's to pass on
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	k.lines = bufio.NewScanner(out)
	k.started = time.Now()
	return k, k.cmd.Start()
}

// wait returns the next moment of a kind.
func (k *child) wait(what string) (moment, error) {
	for i, m := range k.heard {
		if m.What == what {
			k.heard = slices.Delete(k.heard, i, i+1)
			return m, nil
		}
	}
	for k.lines.Scan() {
		var m moment
		if err := json.Unmarshal(k.lines.Bytes(), &m); err != nil {
			continue
		}
		if m.What == what {
			return m, nil
		}
		k.heard = append(k.heard, m)
	}
	return moment{}, errors.Join(fmt.Errorf("the side has ended before it had %s anything", what), k.lines.Err(), k.cmd.Wait())
}

// stop asks the child to stop cleanly, and waits for its end.
func (k *child) stop() error {
	if err := k.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	for k.lines.Scan() {
	}
	return k.cmd.Wait()
}

// kill ends the child, where it is still there.
func (k *child) kill() {
	_ = k.cmd.Process.Kill()
	_ = k.cmd.Wait()
}

// processorTime is what this process has used, user and system.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
