package file

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
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

// runGraph runs a graph over what is there.
func runGraph(via connector.Connector, build func(*framework.Topology)) error {
	return framework.Run(context.Background(), framework.Config{
		Name: "app", Connectors: []connector.Connector{via}, Workers: 1, Bounded: true, Logger: slog.New(slog.DiscardHandler),
	}, build)
}

// contents returns the files in a folder that are not hidden, by name, and the names of hidden ones.
func contents(t *testing.T, folder string) (all map[string]string, hidden []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	all = map[string]string{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			hidden = append(hidden, e.Name())
			continue
		}
		b, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(b)
	}
	return all, hidden
}

func TestPartsAreNumberedOverRestarts(t *testing.T) {
	folder := t.TempDir()
	in, out := save(t, filepath.Join(folder, "in.txt"), "aaaa\nbbbb\ncccc\n"), filepath.Join(folder, "out")
	if _, _, err := copyLines(Config{PartBytes: 8}, Lines(in), out); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(out, "part-000002.txt")); err != nil { // a reader takes it
		t.Fatal(err)
	}
	add(t, in, "dddd\n")
	if _, _, err := copyLines(Config{PartBytes: 8}, Lines(in), out); err != nil {
		t.Fatal(err)
	}
	got, left := contents(t, out)
	want := map[string]string{"part-000001.txt": "aaaa\nbbbb\n", "part-000003.txt": "dddd\n"}
	if !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if want := []string{claimName, ".millrace-app"}; !slices.Equal(left, want) {
		t.Errorf("hidden are %q, want %q", left, want)
	}
}

func lineOut(s string) []connector.Out { return []connector.Out{{Topic: 1, Value: []byte(s)}} }

func noError(t *testing.T) func(int, error) {
	return func(_ int, err error) {
		if err != nil {
			t.Error(err)
		}
	}
}

func TestAPartIsShownWhenItIsOldAndCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		folder := t.TempDir()
		in, out := save(t, filepath.Join(folder, "in.txt"), "a\n"), filepath.Join(folder, "out")
		w, _ := member(t, Config{PartInterval: time.Minute}, connector.TopicSpec{Name: in}, folder, false)
		show := func(step string, want map[string]string) {
			t.Helper()
			if got, _ := contents(t, out); !maps.Equal(got, want) {
				t.Fatalf("%s: got %q, want %q", step, got, want)
			}
		}
		w.Write(lineOut("one"), noError(t))
		if err := w.Commit(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		show("it is committed and young", map[string]string{})
		time.Sleep(time.Minute) // of the bubble's clock
		w.Write(lineOut("two"), noError(t))
		show("it is old", map[string]string{})
		if err := w.Commit(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		show("it is old and committed", map[string]string{"part-000001.txt": "one\ntwo\n"})
		w.Write(lineOut("three"), noError(t))
		if err := w.Commit(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		for range 10 { // more than is kept in memory
			w.Write(lineOut(strings.Repeat("never committed", textBytes/50)), noError(t))
		}
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		show("it is closed", map[string]string{"part-000001.txt": "one\ntwo\n", "part-000002.txt": "three\n"})
	})
}

func TestWhatIsNoLineIsRefused(t *testing.T) {
	folder := t.TempDir()
	in := save(t, filepath.Join(folder, "in.txt"), "a\n")
	err := runGraph(New(Config{}), func(t *framework.Topology) {
		t.From(Lines(in)).Map(func(string) string { return "two\nlines" }).To(Lines(filepath.Join(folder, "out")))
	})
	if err == nil || !strings.Contains(err.Error(), "holds a newline") || !strings.Contains(err.Error(), filepath.Join(folder, "out")) {
		t.Error(err)
	}
	w, _ := member(t, Config{}, connector.TopicSpec{Name: in}, folder, true)
	var told error
	w.Write([]connector.Out{{Topic: 1}}, func(_ int, err error) { told = err })
	if !errors.Is(told, errTombstone) {
		t.Error(told)
	}
	if err := w.Commit(t.Context(), nil); !errors.Is(err, errTombstone) {
		t.Errorf("what was refused is committed: %v", err)
	}
}

func TestAFolderThatIsAnothersIsRefusedAndLeftAlone(t *testing.T) {
	for name, test := range map[string]struct {
		before func(t *testing.T, in, out string)
		want   string
	}{
		"parts of nobody":        {func(t *testing.T, _, out string) { save(t, filepath.Join(out, "part-000001.txt"), "mine\n") }, "it is not known who wrote them"},
		"an open part of nobody": {func(t *testing.T, _, out string) { save(t, filepath.Join(out, ".part-000007.csv.open"), "mine") }, "it is not known who wrote them"},
		"parts of another application": {func(t *testing.T, in, out string) {
			err := framework.Run(context.Background(), framework.Config{
				Name: "other", Connectors: []connector.Connector{New(Config{})}, Bounded: true, Logger: slog.New(slog.DiscardHandler),
			}, func(t *framework.Topology) { t.From(Lines(in)).To(Lines(out)) })
			if err != nil {
				t.Fatal(err)
			}
		}, "of application other"},
		"parts whose state was removed": {func(t *testing.T, in, out string) {
			if _, _, err := copyLines(Config{}, Lines(in), out); err != nil {
				t.Fatal(err)
			}
			if err := os.RemoveAll(filepath.Join(out, ".millrace-app")); err != nil {
				t.Fatal(err)
			}
		}, "knows nothing"},
		"a damaged manifest": {func(t *testing.T, in, out string) {
			if _, _, err := copyLines(Config{}, Lines(in), out); err != nil {
				t.Fatal(err)
			}
			save(t, filepath.Join(out, ".millrace-app", manifestName), "{")
		}, "is damaged"},
		"a file where the folder is to be": {func(t *testing.T, _, out string) { save(t, out, "text") }, "a sink is a folder"},
		"files that are no parts": {func(t *testing.T, _, out string) {
			save(t, filepath.Join(out, "part-1.txt"), "text")
			save(t, filepath.Join(out, "notes.txt"), "text")
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			in, out := save(t, filepath.Join(folder, "in.txt"), "a\n"), filepath.Join(folder, "out")
			test.before(t, in, out)
			var before map[string]string
			if test.want != "a sink is a folder" {
				before, _ = contents(t, out)
			}
			err := runGraph(New(Config{}), upperGraph(in, out))
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("want %q, got %v", test.want, err)
			}
			if before == nil {
				return
			}
			if after, _ := contents(t, out); !maps.Equal(before, after) {
				t.Errorf("before there was %q, and now %q", before, after)
			}
		})
	}
}

func upperGraph(in, out string, options ...Option) func(*framework.Topology) {
	return func(t *framework.Topology) { t.From(Lines(in)).Map(strings.ToUpper).To(Lines(out, options...)) }
}

func TestTheStartSaysWhatIsWrong(t *testing.T) {
	folder := t.TempDir()
	in, out := save(t, filepath.Join(folder, "in.txt"), "a\n"), filepath.Join(folder, "out")
	ignore := func(context.Context, string) error { return nil }
	for want, build := range map[string]func(*framework.Topology){
		"file.Config.State":             func(t *framework.Topology) { t.From(Lines(in)).ForEach(ignore) },
		`compression "lz" is not known`: upperGraph(in, out, Compress("lz")),
		"is read and written":           func(t *framework.Topology) { t.From(Lines(in)).Through(Lines(out)).ForEach(ignore) },
		"a struct with exported fields is needed": func(t *framework.Topology) {
			t.From(CSV[int](in)).To(JSONLines[int](out))
		},
	} {
		if err := runGraph(New(Config{}), build); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestASecondRunOfAnApplicationIsRefused(t *testing.T) {
	folder := t.TempDir()
	in := save(t, filepath.Join(folder, "in.txt"), "a\n")
	w, _ := member(t, Config{}, connector.TopicSpec{Name: in}, folder, true)
	err := runGraph(New(Config{}), upperGraph(in, filepath.Join(folder, "out")))
	if err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Fatal(err)
	}
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := runGraph(New(Config{}), upperGraph(in, filepath.Join(folder, "out"))); err != nil {
		t.Fatal(err)
	}
}

func TestAConnectorWithStateOfItsOwnNeedsNoSink(t *testing.T) {
	folder := t.TempDir()
	in := save(t, filepath.Join(folder, "in.txt"), "a\nb\n")
	for round := range 2 {
		var got []string
		via, err := fromEnvironment(func(name string) string { return map[string]string{"FILE_STATE": filepath.Join(folder, "state")}[name] })
		if err != nil {
			t.Fatal(err)
		}
		err = runGraph(via, func(t *framework.Topology) {
			t.From(Lines(in)).ForEach(func(_ context.Context, line string) error { got = append(got, line); return nil })
		})
		if err != nil || len(got) != 2-2*round {
			t.Fatalf("round %d: %q, %v", round, got, err)
		}
	}
}

func TestNewFilesOfAPatternAreReadAtTheNextStart(t *testing.T) {
	folder := t.TempDir()
	out := filepath.Join(folder, "out")
	var want []string
	for _, name := range []string{"m", "a", "z", ".hidden"} {
		save(t, filepath.Join(folder, "in", name), name+"\n")
		if name != ".hidden" {
			want = append(want, name)
		}
		got, _, err := copyLines(Config{}, Lines(filepath.Join(folder, "in", "*")), out)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q, %v", got, want, err)
		}
	}
}

func TestFilesThatChangeTheNumberOfTasksOfAStatefulGraphAreRefused(t *testing.T) {
	j := newTrialJob(t, t.TempDir(), 2, 10)
	if err := j.run(system{}); err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(j.folder, "in3.txt"), "w1 more\n")
	if err := j.run(system{}); err == nil || !strings.Contains(err.Error(), "the number of source files changed") {
		t.Fatal(err)
	}
}

func ExampleLines() {
	folder, err := os.MkdirTemp("", "lines")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	if err := os.WriteFile(filepath.Join(folder, "greeting.txt"), []byte("hello\nworld\n"), 0o644); err != nil {
		fmt.Println(err)
		return
	}
	err = framework.Run(context.Background(), framework.Config{
		Name: "shout", Connectors: []connector.Connector{New(Config{})}, Bounded: true, Logger: slog.New(slog.DiscardHandler),
	}, func(t *framework.Topology) {
		t.From(Lines(filepath.Join(folder, "*.txt"))).Map(strings.ToUpper).To(Lines(filepath.Join(folder, "out")))
	})
	text, readErr := os.ReadFile(filepath.Join(folder, "out", "part-000001.txt"))
	fmt.Print(string(text), err, readErr)
	// Output:
	// HELLO
	// WORLD
	// <nil> <nil>
}
