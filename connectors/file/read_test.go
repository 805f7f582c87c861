package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/connector"
)

// save writes a file, and returns its name.
func save(t testing.TB, name, content string) string {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(content), 0o644)); err != nil {
		t.Fatal(err)
	}
	return name
}

func packed(t testing.TB, by, content string) string {
	t.Helper()
	var b bytes.Buffer
	p := newPacker(by)
	p.Reset(&b)
	if _, err := p.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// copyLines copies lines in a bounded run, and returns those that are there then, and how many records were dropped.
func copyLines(c Config, in framework.Topic[framework.None, string], out string, options ...Option) ([]string, map[string]int64, error) {
	topology := framework.New()
	topology.From(in).To(Lines(out, options...))
	app, err := topology.Build(framework.Config{
		Name: "app", Connectors: []connector.Connector{New(c)}, Workers: 1, Bounded: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, nil, err
	}
	err = app.Run(context.Background())
	lines, readErr := written(out)
	if readErr != nil && err == nil {
		lines = nil
	}
	return lines, app.Stats().Dropped, err
}

func TestLinesEndAsTheyDo(t *testing.T) {
	long := strings.Repeat("x", 700_000)
	for name, test := range map[string]struct {
		content string
		want    []string
	}{
		"with newlines":             {"a\nb\n", []string{"a", "b"}},
		"the last one without":      {"a\nb", []string{"a", "b"}},
		"with carriage returns":     {"a\r\nb\r\nc", []string{"a", "b", "c"}},
		"empty ones":                {"\n\na\n\n", []string{"", "", "a", ""}},
		"a carriage return alone":   {"a\rb\n\r\n", []string{"a\rb", ""}},
		"longer than a block":       {"a\n" + long + "\nb\n" + long, []string{"a", long, "b", long}},
		"as long as a block":        {strings.Repeat("y", blockBytes-1) + "\nb\n", []string{strings.Repeat("y", blockBytes-1), "b"}},
		"more than a run has":       {strings.Repeat("z\n", 100_000), slices.Repeat([]string{"z"}, 100_000)},
		"a block's end in a return": {strings.Repeat("y", blockBytes-1) + "\r\nb\n", []string{strings.Repeat("y", blockBytes-1), "b"}},
	} {
		for _, by := range []string{"", compressGzip, compressZstd} {
			t.Run(name+" "+by, func(t *testing.T) {
				folder, content := t.TempDir(), test.content
				in := filepath.Join(folder, "in")
				if by != "" {
					content = packed(t, by, test.content[:len(test.content)/2]) + packed(t, by, test.content[len(test.content)/2:])
					in += map[string]string{compressGzip: ".gz", compressZstd: ".zst"}[by]
				}
				got, _, err := copyLines(Config{}, Lines(save(t, in, content)), filepath.Join(folder, "out"), Compress(by))
				if err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got, test.want) {
					t.Fatalf("%d lines, want %d: %.60q", len(got), len(test.want), got)
				}
			})
		}
	}
}

func TestAFileThatCannotBeReadIsNamedWithThePlace(t *testing.T) {
	cut := func(by, content string) string {
		p := packed(t, by, content)
		return p[:len(p)-len(p)/10-6]
	}
	text := strings.Repeat("a line of some length with words\n", 10_000)
	for name, test := range map[string]struct {
		file, content string
		config        Config
		topic         func(path string) framework.Topic[framework.None, string]
		want          []string
		lines         int
	}{
		"a line that is too long": {
			file: "in.txt", content: "short\n" + strings.Repeat("x", 101) + "\nb\n", config: Config{MaxLineBytes: 100},
			want: []string{"in.txt", "byte 6", "100 bytes", "MaxLineBytes"}, lines: 1,
		},
		"a line that is too long and longer than a block": {
			file: "in.txt", content: "short\n" + strings.Repeat("x", 900_000), config: Config{MaxLineBytes: 300_000},
			want: []string{"in.txt", "byte 6", "300000 bytes", "MaxLineBytes"}, lines: 1,
		},
		"a line that is no text": {
			file: "in.txt", content: "a\nb\xff\n", want: []string{"in.txt", "offset 4", "UTF-8", "AnyBytes"},
		},
		"gzip that is cut short": {
			file: "in.gz", content: cut(compressGzip, text), want: []string{"in.gz", "cut short", "after byte"}, lines: -1,
		},
		"a second gzip member that is cut short": {
			file: "in.gz", content: packed(t, compressGzip, text) + cut(compressGzip, text), want: []string{"in.gz", "cut short", "after byte"}, lines: -10_000,
		},
		"zstd that is cut short": {
			file: "in.zst", content: packed(t, compressZstd, text) + cut(compressZstd, text), want: []string{"in.zst", "cut short", "after byte"}, lines: -10_000,
		},
		"text that is called gzip":      {file: "in.gz", content: "text\n", want: []string{"in.gz", "gzip", "name it"}},
		"gzip that is called text":      {file: "in.txt", content: packed(t, compressGzip, text), want: []string{"in.txt", "compressed with gzip", ".gz"}},
		"an empty file called gzip":     {file: "in.gz", want: []string{"in.gz", "cut short"}},
		"garbage after a gzip member":   {file: "in.gz", content: packed(t, compressGzip, "a\n") + "garbage that is none", want: []string{"in.gz", "damaged", "byte 2"}, lines: 1},
		"a pattern that finds nothing":  {file: "other.txt", content: "a\n", topic: pattern("nothing*"), want: []string{"nothing*", "no file"}},
		"a file that does not exist":    {file: "other.txt", content: "a\n", topic: pattern("in.txt"), want: []string{"in.txt", "no such file"}},
		"a folder":                      {file: "folder/in.txt", content: "a\n", topic: pattern("folder"), want: []string{"is a folder", "*.txt"}},
		"a pattern that is none":        {file: "in.txt", content: "a\n", topic: pattern("[a"), want: []string{"syntax error in pattern"}},
		"a folder that does not exist ": {file: "in.txt", content: "a\n", topic: pattern("none/*"), want: []string{"none/*", "no such file"}},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			in := save(t, filepath.Join(folder, test.file), test.content)
			topic := Lines(in)
			if test.topic != nil {
				topic = test.topic(folder)
			}
			for range 2 { // what was read is committed, and the next start says the same
				lines, _, err := copyLines(test.config, topic, filepath.Join(folder, "out"))
				if err == nil {
					t.Fatal("no error")
				}
				for _, part := range test.want {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("%q is not in: %v", part, err)
					}
				}
				if n := len(lines); test.lines >= 0 && n != test.lines || n < -test.lines {
					t.Errorf("%d lines are written, want %d", n, test.lines)
				}
				if len(lines) > 0 && test.lines < 0 {
					if last := lines[len(lines)-1]; last != "a line of some length with words" {
						t.Errorf("the last line is %q", last)
					}
				}
			}
		})
	}
}

func pattern(name string) func(string) framework.Topic[framework.None, string] {
	return func(folder string) framework.Topic[framework.None, string] { return Lines(filepath.Join(folder, name)) }
}

func TestLinesThatAreNoTextAreSkippedOrPassed(t *testing.T) {
	folder := t.TempDir()
	in := save(t, filepath.Join(folder, "in.txt"), "a\n\xff\xfe\nb\n")
	got, dropped, err := copyLines(Config{}, Lines(in).OnBadRecord(framework.Skip), filepath.Join(folder, "skipped"))
	if err != nil || !slices.Equal(got, []string{"a", "b"}) || dropped["undecodable"] != 1 {
		t.Errorf("%q, dropped %v, %v", got, dropped, err)
	}
	got, dropped, err = copyLines(Config{}, Lines(in, AnyBytes()), filepath.Join(folder, "passed"))
	if err != nil || !slices.Equal(got, []string{"a", "\xff\xfe", "b"}) || len(dropped) != 0 {
		t.Errorf("%q, dropped %v, %v", got, dropped, err)
	}
}

func TestAnInputThatIsNotTheOneThatWasReadIsAGap(t *testing.T) {
	const first = "one\ntwo\nthree\n"
	for name, test := range map[string]struct {
		change func(name string) error
		want   string
		anew   []string
	}{
		"it shrank":         {func(name string) error { return os.Truncate(name, 4) }, "shrank to 4 bytes, of which 14 were read", []string{"one"}},
		"it was rewritten":  {func(name string) error { return os.WriteFile(name, []byte("ONE\nTWO\nTHREE\nFOUR\n"), 0o644) }, "was replaced", []string{"ONE", "TWO", "THREE", "FOUR"}},
		"its end was":       {func(name string) error { return os.WriteFile(name, []byte("one\ntwo\nthrEE\nfour\n"), 0o644) }, "was replaced", []string{"one", "two", "thrEE", "four"}},
		"it was read, gone": {os.Remove, "", nil},
		"it grew":           {func(name string) error { return os.WriteFile(name, []byte(first+"four\n"), 0o644) }, "", []string{"four"}},
		"it is as it was":   {func(string) error { return nil }, "", nil},
		"it was only moved": {func(name string) error { return errors.Join(os.Rename(name, name+"x"), os.Rename(name+"x", name)) }, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			in, out := save(t, filepath.Join(folder, "in.txt"), first), filepath.Join(folder, "out")
			save(t, filepath.Join(folder, "in2.txt"), "another\n")
			topic := Lines(filepath.Join(folder, "in*.txt"))
			before, _, err := copyLines(Config{}, topic, out)
			if err != nil {
				t.Fatal(err)
			}
			if err := test.change(in); err != nil {
				t.Fatal(err)
			}
			if test.want != "" {
				_, _, err := copyLines(Config{}, topic, out)
				if !errors.Is(err, framework.ErrGap) || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "OnGap(framework.Skip)") {
					t.Fatalf("want a gap that says %q, got %v", test.want, err)
				}
				topic = topic.OnGap(framework.Skip)
			}
			got, _, err := copyLines(Config{}, topic, out)
			if err != nil {
				t.Fatal(err)
			}
			if want := append(before, test.anew...); !slices.Equal(got, want) {
				t.Fatalf("got %q, want %q", got, want)
			}
		})
	}
}

func TestACompressedFileThatWasAddedToIsAGap(t *testing.T) {
	folder := t.TempDir()
	in, out := save(t, filepath.Join(folder, "in.gz"), packed(t, compressGzip, "a\n")), filepath.Join(folder, "out")
	if _, _, err := copyLines(Config{}, Lines(in), out); err != nil {
		t.Fatal(err)
	}
	save(t, in, packed(t, compressGzip, "a\n")+packed(t, compressGzip, "b\n"))
	if _, _, err := copyLines(Config{}, Lines(in), out); !errors.Is(err, framework.ErrGap) || !strings.Contains(err.Error(), "added to") {
		t.Fatal(err)
	}
}

// member opens a worker that reads a source and writes lines, and resumes what it is assigned.
func member(t *testing.T, c Config, source connector.TopicSpec, folder string, bounded bool) (connector.Worker, connector.Assignment) {
	t.Helper()
	f := New(c)
	source.Role = connector.RoleSource
	topics := []connector.TopicSpec{source, {Name: filepath.Join(folder, "out"), Role: connector.RoleSink}}
	w, err := f.Open(t.Context(), connector.WorkerConfig{
		Group: "app", Topics: topics, Sources: []connector.Source{{Topic: 0}}, Groups: [][]int32{{0}}, Budget: 1 << 20, Bounded: bounded,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	b, err := w.Poll(t.Context(), time.Minute, true)
	if err != nil || len(b.Events) != 1 {
		t.Fatal(b, err)
	}
	for _, e := range b.Events {
		for _, a := range e.Partitions {
			w.Resume([]connector.Partition{a.Partition})
		}
		e.Done()
	}
	return w, b.Events[0].Partitions[0]
}

// next returns what the next poll brings, as "offset value", and the end that it told last.
func next(t *testing.T, w connector.Worker) (got []string, end int64, err error) {
	t.Helper()
	b, err := w.Poll(t.Context(), time.Hour, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range b.Runs {
		for _, r := range run.Records {
			got = append(got, fmt.Sprintf("%d %s", r.Offset, r.Value))
		}
		if end = run.End; run.Err != nil {
			err = run.Err
		}
		w.Recycle(run.Records)
	}
	return got, end, err
}

func add(t *testing.T, name, content string) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(content)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestAGrowingFileIsReadLineByLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		in := save(t, filepath.Join(folder, "in.txt"), "a\nb")
		w, a := member(t, Config{}, connector.TopicSpec{Name: in}, folder, false)
		if a.Offset != 0 || a.End != 3 {
			t.Fatal(a)
		}
		for _, step := range []struct {
			add  string
			want []string
			end  int64
		}{
			{"", []string{"1 a"}, 2},
			{"c", nil, 2},
			{"d\n", []string{"5 bcd"}, 6},
			{"\r\ne\r\nf", []string{"7 ", "10 e"}, 11},
		} {
			add(t, in, step.add)
			began := time.Now()
			got, end, err := next(t, w)
			if err != nil || !slices.Equal(got, step.want) || end != step.end {
				t.Fatalf("after %q: %q, end %d, %v", step.add, got, end, err)
			}
			if waited := time.Since(began); waited > lookEvery {
				t.Fatalf("it took %s", waited)
			}
		}
	})
}

func TestAGrowingFileThatIsReplacedIsAGap(t *testing.T) {
	for name, test := range map[string]struct {
		change func(t *testing.T, in string)
		want   string
	}{
		"by another file":    {func(t *testing.T, in string) { save(t, in+"x", "a\nb\nc\n"); os.Rename(in+"x", in) }, "another file"},
		"by nothing":         {func(t *testing.T, in string) { os.Remove(in) }, "vanished"},
		"by a shorter one":   {func(t *testing.T, in string) { os.Truncate(in, 1) }, "shrank"},
		"by a longer one":    {func(t *testing.T, in string) { save(t, in, "A\nB\nC\n") }, "bytes before position"},
		"by its own, longer": {func(t *testing.T, in string) { add(t, in, "c\n") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				folder := t.TempDir()
				in := save(t, filepath.Join(folder, "in.txt"), "a\nb\n")
				w, _ := member(t, Config{}, connector.TopicSpec{Name: in}, folder, false)
				if got, _, err := next(t, w); err != nil || len(got) != 2 {
					t.Fatal(got, err)
				}
				test.change(t, in)
				_, _, err := next(t, w)
				if test.want == "" {
					if err != nil {
						t.Fatal(err)
					}
					return
				}
				if !errors.Is(err, connector.ErrGap) || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "start again") {
					t.Fatal(err)
				}
			})
		})
	}
}

func TestTheTimeOfAFileStaysWhatItWas(t *testing.T) {
	folder := t.TempDir()
	in := save(t, filepath.Join(folder, "in.txt"), "a\nb\n")
	at := time.UnixMilli(1_600_000_000_123)
	if err := os.Chtimes(in, at, at); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w, a := member(t, Config{}, connector.TopicSpec{Name: in}, folder, true)
		b, err := w.Poll(t.Context(), time.Minute, true)
		if err != nil || len(b.Runs) != 1 {
			t.Fatal(b, err)
		}
		r := b.Runs[0].Records[0]
		if r.Time != at.UnixMilli() {
			t.Fatalf("the time of a record is %d", r.Time)
		}
		if err := w.Commit(t.Context(), []connector.Position{{Partition: a.Partition, Offset: r.Offset + 1}}); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		add(t, in, "c\n") // which changes the file's time
	}
}

func TestACompressedFileGoesOnInTheMiddle(t *testing.T) {
	for _, by := range []string{compressGzip, compressZstd} {
		folder := t.TempDir()
		name := "in" + map[string]string{compressGzip: ".gz", compressZstd: ".zst"}[by]
		in := save(t, filepath.Join(folder, name), packed(t, by, strings.Repeat("some line\n", 100_000)))
		position, lines := int64(0), 0
		for position < wholeEnd {
			w, a := member(t, Config{}, connector.TopicSpec{Name: in}, folder, true)
			if a.Offset != position || a.End != wholeEnd {
				t.Fatalf("%s: it goes on at %d of %d, want %d", by, a.Offset, a.End, position)
			}
			for range 3 {
				got, _, err := next(t, w)
				if err != nil {
					t.Fatal(err)
				}
				for _, line := range got {
					if !strings.HasSuffix(line, " some line") && !strings.HasPrefix(line, fmt.Sprint(wholeEnd-1)) {
						t.Fatalf("%s: %q", by, line)
					}
					fmt.Sscan(line, &position)
					position++
					lines++
				}
				if position == wholeEnd {
					break
				}
			}
			if err := w.Commit(t.Context(), []connector.Position{{Partition: a.Partition, Offset: position}}); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if lines != 100_001 { // the last one says that it is the end
			t.Fatalf("%s: %d lines", by, lines)
		}
	}
}
