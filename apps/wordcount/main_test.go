package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/apps/internal/apptest"
	"github.com/millrace/millrace/apps/internal/command"
)

// words is the size of the large text. The full size is run by
//
//	go test ./apps/wordcount -run LargeText -words 10000000
var words = flag.Int("words", 200_000, "words of the large text")

// result is what a run left behind.
type result struct {
	code           int
	stdout, stderr string
}

func runs(t *testing.T, stdin string, args ...string) result {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	return result{code, out.String(), errs.String()}
}

// succeeds runs the program and returns the content of -output and the table.
func succeeds(t *testing.T, stdin string, args ...string) (lines, table string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "counts.json")
	r := runs(t, stdin, append(args, "-output", path)...)
	if r.code != 0 || r.stderr != "" {
		t.Fatalf("exit %d, standard error %q; want 0 and nothing", r.code, r.stderr)
	}
	return apptest.Read(t, path), r.stdout
}

// batchCounts counts as a batch program does, and writes what -output should hold.
func batchCounts(t *testing.T, texts ...string) string {
	t.Helper()
	c := counts{}
	for _, text := range texts {
		for _, word := range strings.Fields(text) {
			c[strings.ToLower(word)]++
		}
	}
	var b strings.Builder
	if err := c.writeJSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// text makes lines of words, some frequent and some rare.
func text(words int) string {
	random := rand.New(rand.NewPCG(1, 2))
	frequency := rand.NewZipf(random, 1.1, 1, 20_000)
	var b strings.Builder
	for i := range words {
		fmt.Fprintf(&b, "W%d", frequency.Uint64())
		b.WriteByte(" \n"[min(1, (i+1)%10/9)])
	}
	return b.String()
}

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "input.txt")
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheSampleIsCountedAsABatchProgramWould(t *testing.T) {
	lines, table := succeeds(t, "")
	apptest.Same(t, lines, batchCounts(t, sample))
	if want := "count  word\n   78  of\n   78  the\n   65  to\n"; !strings.HasPrefix(table, want) {
		t.Errorf("the table begins\n%s\nwant\n%s", table, want)
	}
	if n := strings.Count(table, "\n"); n != 11 {
		t.Errorf("the table has %d lines, want a heading and 10 words", n)
	}
}

func TestALargeTextIsCountedAsABatchProgramWould(t *testing.T) {
	n := *words
	if testing.Short() {
		n = 20_000
	}
	large := text(n)
	lines, _ := succeeds(t, "", "-input", file(t, large))
	apptest.Same(t, lines, batchCounts(t, large))
}

func TestStandardInputMayHaveAnyLines(t *testing.T) {
	long := strings.Repeat("Ⱥ", maxLineBytes/2) // grows by half when it is lower-cased
	in := "B \u212a  a\r\n\r\n\n\tA\x00\x1b[2J <&> \n" + long + "\nlast line"
	lines, table := succeeds(t, in, "-input", "-", "-top", "100")
	apptest.Same(t, lines, batchCounts(t, in))
	if !strings.Contains(table, `    1  "a\x00\x1b[2j"`+"\n") {
		t.Errorf("a word with control characters is not quoted in\n%.200s", table)
	}
}

func TestAnEmptyInputHasNoWords(t *testing.T) {
	lines, table := succeeds(t, "", "-input", "-")
	if lines != "" || table != "count  word\n" {
		t.Errorf("got %q and the table %q", lines, table)
	}
}

func TestASecondRunOnTheSameFolderAddsToTheFirst(t *testing.T) {
	dir := t.TempDir()
	one, two := "a b c\na", "a d\n"
	first, _ := succeeds(t, one, "-input", "-", "-data", dir)
	apptest.Same(t, first, batchCounts(t, one))
	second, _ := succeeds(t, two, "-input", "-", "-data", dir, "-partitions", "2")
	apptest.Same(t, second, batchCounts(t, one, two))
	nothing, _ := succeeds(t, "", "-input", os.DevNull, "-data", dir)
	apptest.Same(t, nothing, second)
}

func TestASecondRunOnTheSameBrokersAddsToTheFirstOfThatName(t *testing.T) {
	brokers := apptest.StartBroker(t)
	args := []string{"-input", "-", "-brokers", brokers, "-from", "in", "-to", "out"}
	succeeds(t, "a b a", args...)
	second, _ := succeeds(t, "b c", args...)
	apptest.Same(t, second, batchCounts(t, "a b a b c"))
	other, _ := succeeds(t, "", append(args, "-name", "other", "-to", "other")...)
	apptest.Same(t, other, second)
}

func TestInputThatIsNotUTF8StopsAtItsFirstBadLineAndIsNotCounted(t *testing.T) {
	dir := t.TempDir()
	r := runs(t, "a b\nfine\n  caf\xe9 x\n\xff", "-input", "-", "-data", dir)
	want := "wordcount: standard input: line 3, byte 6: not UTF-8: convert the text to UTF-8; no line of the input is counted\n"
	if r.code != command.Fault || r.stderr != want || r.stdout != "" {
		t.Errorf("got %+v, want exit %d and %q", r, command.Fault, want)
	}
	repaired, _ := succeeds(t, "a b", "-input", "-", "-data", dir)
	apptest.Same(t, repaired, batchCounts(t, "a b"))
}

func TestAStopWhileTheInputIsReadCountsNothingOfIt(t *testing.T) {
	dir := t.TempDir()
	ctx, stop := context.WithCancel(t.Context())
	stdin, typing := io.Pipe()
	typed := make(chan struct{})
	go func() {
		defer close(typed)
		io.WriteString(typing, "a line\n")
		io.WriteString(typing, "and the next\n") // its return says that the first line is on its way
		stop()
	}()
	var out, errs bytes.Buffer
	code := run(ctx, []string{"-input", "-", "-data", dir}, stdin, &out, &errs)
	<-typed
	typing.Close()
	if want := "wordcount: stopped before the end of the input; no line of the input is counted\n"; code != command.Fault || errs.String() != want {
		t.Errorf("exit %d, standard error %q, want %d and %q", code, errs.String(), command.Fault, want)
	}
	again, _ := succeeds(t, "again", "-input", "-", "-data", dir)
	apptest.Same(t, again, batchCounts(t, "again"))
}

func TestHelpNamesTheFlagsAndWhatTheFolderDoesNotSurvive(t *testing.T) {
	r := runs(t, "", "-help")
	if r.code != 0 || r.stderr != "" {
		t.Errorf("exit %d, standard error %q", r.code, r.stderr)
	}
	for _, want := range []string{"-input", "-output", "-brokers", "-from", "-to", "-name", "-partitions", "-top", "-data", "not a kill -9", sampleSource} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("the help does not say %q", want)
		}
	}
}
