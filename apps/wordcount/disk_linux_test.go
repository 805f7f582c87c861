package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"github.com/millrace/millrace/apps/internal/apptest"
	"github.com/millrace/millrace/apps/internal/command"
)

// disk mounts a small disk in memory. The function that it returns changes its size.
func disk(t *testing.T, megabytes int) (dir string, resize func(megabytes int)) {
	t.Helper()
	dir = t.TempDir()
	mount := func(megabytes int, flags uintptr) error {
		return syscall.Mount("tmpfs", dir, "tmpfs", flags, fmt.Sprintf("size=%dm", megabytes))
	}
	if err := mount(megabytes, 0); err != nil {
		t.Skipf("a small disk cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir, func(megabytes int) {
		if err := mount(megabytes, syscall.MS_REMOUNT); err != nil {
			t.Fatal(err)
		}
	}
}

// rareWords makes a text that cannot be compressed well.
func rareWords(words int) string {
	random := rand.New(rand.NewPCG(3, 4))
	var b strings.Builder
	for range words {
		fmt.Fprintf(&b, "%x\n", random.Uint64())
	}
	return b.String()
}

// runsOn is run with a reserve that suits a small disk.
func runsOn(t *testing.T, dir, stdin string) result {
	t.Helper()
	o, err := parse([]string{"-data", dir, "-input", "-"})
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	p := newProgram(o, strings.NewReader(stdin), &out, &errs)
	p.job.ReserveBytes = 2 << 20
	if err := p.run(t.Context()); err != nil {
		command.Complain(&errs, "wordcount", err)
		return result{command.Fault, out.String(), errs.String()}
	}
	return result{0, out.String(), errs.String()}
}

// faults counts the faults that were reported; there may be warnings before.
func faults(r result) int { return strings.Count("\n"+r.stderr, "\nwordcount: ") }

func TestADiskThatIsFullWhileTheInputIsReadCountsNothingOfItAndARestartGoesOn(t *testing.T) {
	dir, resize := disk(t, 4)
	large := rareWords(300_000) // 5 MB
	r := runsOn(t, dir, large)
	if want := "disk full under " + dir + ": free space and start again\n"; r.code != command.Fault || !strings.HasSuffix(r.stderr, want) || faults(r) != 1 {
		t.Fatalf("got %+v, want one line %q", r, want)
	}
	resize(200)
	small := "a b a"
	lines, _ := succeeds(t, small, "-data", dir, "-input", "-")
	apptest.Same(t, lines, batchCounts(t, small))
}

func TestADiskThatIsFullWhileWordsAreCountedLosesNone(t *testing.T) {
	dir, resize := disk(t, 6)
	in := rareWords(100_000) // 1.7 MB of lines; the repartition topic, the changelog and the counts come on top
	r := runsOn(t, dir, in)
	if want := "disk full under " + dir + ": free space and start again; the input is in topic lines: to go on, run again with -input /dev/null"; r.code != command.Fault || !strings.Contains(r.stderr, want) || faults(r) != 1 {
		t.Fatalf("got %+v, want one line %q", r, want)
	}
	resize(200)
	lines, _ := succeeds(t, "", "-data", dir, "-input", "/dev/null")
	if got, want := strings.Count(lines, "\n"), strings.Count(batchCounts(t, in), "\n"); got != want {
		t.Errorf("%d words are counted, want %d", got, want)
	}
}
