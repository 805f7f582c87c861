package file_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/connectors/file"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/connector"
)

var quiet = slog.New(slog.DiscardHandler)

// put writes a file of lines.
func put(tb testing.TB, name, content string) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		tb.Fatal(err)
	}
}

// parts returns the content of each part in a folder, by name.
func parts(tb testing.TB, folder string) map[string]string {
	tb.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		tb.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			if strings.HasSuffix(e.Name(), ".open") {
				tb.Errorf("%s is left", e.Name())
			}
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			tb.Fatal(err)
		}
		all[e.Name()] = string(content)
	}
	return all
}

// lines returns the lines of all parts, sorted.
func lines(tb testing.TB, folder string) []string {
	tb.Helper()
	var all []string
	for name, content := range parts(tb, folder) {
		if content != "" && !strings.HasSuffix(content, "\n") {
			tb.Errorf("%s ends in the middle of a line", name)
		}
		all = append(all, strings.Split(strings.TrimSuffix(content, "\n"), "\n")...)
	}
	slices.Sort(all)
	return all
}

func run(tb testing.TB, via connector.Connector, workers int, build func(*framework.Topology)) error {
	tb.Helper()
	return framework.Run(context.Background(), framework.Config{
		Name: "app", Connectors: []connector.Connector{via}, Workers: workers, Bounded: true, Logger: quiet,
	}, build)
}

func upper(from, to string) func(*framework.Topology) {
	return func(t *framework.Topology) {
		t.From(file.Lines(from)).Map(strings.ToUpper).To(file.Lines(to))
	}
}

func TestFilesAreCopiedOnce(t *testing.T) {
	in, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	var want []string
	for f := range 4 {
		var text strings.Builder
		for i := range 20_000 {
			fmt.Fprintf(&text, "line %d of file %d\n", i, f)
			want = append(want, fmt.Sprintf("LINE %d OF FILE %d", i, f))
		}
		put(t, filepath.Join(in, fmt.Sprintf("%d.txt", f)), text.String())
	}
	slices.Sort(want)
	for range 2 { // the second run finds nothing to do
		if err := run(t, file.New(file.Config{}), 2, upper(filepath.Join(in, "*.txt"), out)); err != nil {
			t.Fatal(err)
		}
		if got := lines(t, out); !slices.Equal(got, want) {
			t.Fatalf("%d lines are written, %d are right", len(got), len(want))
		}
	}
}

func TestCountsOfFilesAreExactOverRestarts(t *testing.T) {
	in, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	count := func(t *framework.Topology) {
		t.From(file.Lines(filepath.Join(in, "*"))).FlatMap(strings.Fields).GroupBy(func(w string) string { return w }).
			Count("counts").Stream().
			MapRecord(func(_ context.Context, r framework.Record[string, int64]) (framework.Record[framework.None, string], error) {
				return framework.Record[framework.None, string]{Value: fmt.Sprint(r.Key, " ", r.Value), Time: r.Time}, nil
			}).To(file.Lines(out))
	}
	for round := 1; round <= 3; round++ {
		for f := range 4 {
			name := filepath.Join(in, fmt.Sprint(f))
			old, _ := os.ReadFile(name)
			put(t, name, string(old)+strings.Repeat("a b\nb\n", 1000))
		}
		if err := run(t, file.New(file.Config{}), 2, count); err != nil {
			t.Fatal(err)
		}
		got := lines(t, out)
		for _, want := range []string{fmt.Sprint("a ", 4000*round), fmt.Sprint("b ", 8000*round)} {
			if !slices.Contains(got, want) {
				t.Fatalf("round %d: %q is missing in %q", round, want, got)
			}
		}
		if slices.Contains(got, fmt.Sprint("a ", 4000*round+1)) {
			t.Fatalf("round %d: there is too much", round)
		}
	}
}
