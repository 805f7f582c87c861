package integration

import (
	"errors"
	"fmt"
	"math/rand"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// fleet is three instances of a program that was built from the copy of the sources (patched_test.go), which are killed and stopped.
type fleet struct {
	c       *cluster
	random  *rand.Rand
	folder  string
	start   func(instance int) *process
	running [3]*process
	harms   []syscall.Signal // what is to come

	reached        int64 // by all that the group has committed, at the last harm
	kills, zombies int
	working        int   // harms with commits between them and the harm before
	checked        int64 // results
}

func newFleet(t *testing.T, b *broker, within time.Duration, seed int64) *fleet {
	t.Helper()
	if _, err := buildPatched(); err != nil { // before the time runs
		t.Fatal(err)
	}
	return &fleet{c: b.open(t, within), random: rand.New(rand.NewSource(seed)), folder: t.TempDir()}
}

// plan returns kills and stops in any order.
func (f *fleet) plan(kills, zombies int) []syscall.Signal {
	harms := make([]syscall.Signal, kills+zombies)
	for i, at := range f.random.Perm(len(harms)) {
		harms[at] = syscall.SIGKILL
		if i < zombies {
			harms[at] = syscall.SIGSTOP
		}
	}
	return harms
}

// launch starts an instance, with its state on disk or not.
func (f *fleet) launch(instance int, onDisk bool, program string, args ...string) *process {
	f.c.t.Helper()
	return f.c.launch(f.command(instance, onDisk, program, args...))
}

func (f *fleet) command(instance int, onDisk bool, program string, args ...string) *exec.Cmd {
	f.c.t.Helper()
	args = append(args, "-brokers", f.c.broker.address, "-name", f.c.name, "-exactly-once", "-instance", fmt.Sprint(instance))
	if onDisk {
		args = append(args, "-state", filepath.Join(f.folder, fmt.Sprint(instance)))
	}
	return patched(f.c.t, program, args...)
}

func (f *fleet) begin() {
	for i := range f.running {
		f.running[i] = f.start(i)
	}
}

// suffer lets an instance come to harm, by turns at any time after the harm before, and after something more was committed.
func (f *fleet) suffer(harm syscall.Signal) {
	f.c.t.Helper()
	i, before := f.random.Intn(len(f.running)), f.reached
	if (f.kills+f.zombies)%2 == 0 {
		f.c.until("something is committed", func() (bool, error) {
			f.c.sleep(0, f.running[:]...)
			now, err := f.position()
			return now > before, err
		})
	}
	f.c.sleep(time.Duration(f.random.Int63n(int64(2*time.Second))), f.running[:]...)
	now, err := f.position()
	f.c.must(err)
	if f.reached = now; now > before {
		f.working++
	}
	f.running[i].signal(harm)
	if harm == syscall.SIGKILL {
		f.running[i].exit()
		f.running[i] = f.start(i)
		f.kills++
		return
	}
	stopped := time.Now()
	f.c.until("others go on without a process that is stopped", func() (bool, error) {
		n, err := f.processes()
		return n > 0 && n < len(f.running) && time.Since(stopped) > briefTransaction+briefSession, err
	})
	f.running[i].signal(syscall.SIGCONT)
	f.zombies++
}

// position is the sum of all offsets that the group has committed.
func (f *fleet) position() (n int64, err error) {
	fetched, err := f.c.admin.FetchOffsets(f.c.ctx, f.c.name)
	fetched.Each(func(o kadm.OffsetResponse) { n += o.At })
	return n, errors.Join(err, fetched.Error())
}

// patience is how long nothing may move, whatever else the machine does.
const patience = 30 * time.Second

// untilCounted waits for counts, as long as anything is committed at all.
func (f *fleet) untilCounted(got *counts, want map[string]int64) {
	f.c.t.Helper()
	reached, last, moved := got.reach(want), int64(0), time.Now()
	f.c.until("all lines are counted", func() (bool, error) {
		held, err := reached()
		if now, failed := f.position(); failed == nil && now != last {
			last, moved = now, time.Now()
		}
		if !held && time.Since(moved) > patience {
			got.equal(want)
			f.c.t.FailNow()
		}
		return held, err
	})
}

// processes returns how many are members of the group, 0 while it is rebalanced. Each has a worker a core.
func (f *fleet) processes() (int, error) {
	described, err := f.c.admin.DescribeGroups(f.c.ctx, f.c.name)
	if g := described[f.c.name]; err == nil && g.State == "Stable" {
		return len(g.Members) / runtime.GOMAXPROCS(0), nil
	}
	return 0, err
}

// end stops all instances, which must be there and end without a fault.
func (f *fleet) end() {
	f.c.t.Helper()
	since := time.Now()
	f.c.until("all processes work", func() (bool, error) {
		n, err := f.processes()
		if n != len(f.running) {
			since = time.Now()
		}
		return time.Since(since) > 2*briefSession, err // for so long no killed one is taken for the one after it, which may not listen to signals yet
	})
	stop(f.running[:]...)
}

// sleep waits, and fails the test where a process ends by itself meanwhile.
func (c *cluster) sleep(d time.Duration, running ...*process) {
	c.t.Helper()
	time.Sleep(d)
	for _, p := range running {
		select {
		case <-p.ended:
			c.t.Fatalf("a process ended by itself with exit code %d", p.exit())
		default:
		}
	}
}
