package file

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/connector"
)

// trialJob upper-cases lines, and counts words through a repartition topic and a changelog.
type trialJob struct {
	folder  string
	lines   []string
	counts  map[string]int
	options []Option
	config  Config

	rewrites bool // the journal, with each commit
}

func newTrialJob(t *testing.T, folder string, files, lines int, options ...Option) *trialJob {
	j := &trialJob{folder: folder, counts: map[string]int{}, options: options, config: Config{PartBytes: 300, PartInterval: time.Nanosecond}}
	for f := range files {
		var text strings.Builder
		for i := range lines {
			line := fmt.Sprintf("w%d line %d of file %d", i%3, i, f)
			text.WriteString(line + "\n")
			j.lines = append(j.lines, strings.ToUpper(line))
			j.counts[fmt.Sprintf("w%d", i%3)]++
		}
		if err := os.WriteFile(filepath.Join(j.folder, fmt.Sprintf("in%d.txt", f)), []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(j.lines)
	return j
}

func (j *trialJob) run(d disk) error {
	via := open(j.config, d)
	if j.rewrites {
		via.journal = -1 << 40
	}
	return framework.Run(context.Background(), framework.Config{
		Name: "app", Connectors: []connector.Connector{via}, Workers: 2, Bounded: true,
		CommitInterval: time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	}, func(t *framework.Topology) {
		in := t.From(Lines(filepath.Join(j.folder, "in*.txt")))
		in.Map(strings.ToUpper).To(Lines(filepath.Join(j.folder, "out"), j.options...))
		in.GroupBy(func(line string) string { return line[:2] }).Count("words").Stream().
			MapRecord(func(_ context.Context, r framework.Record[string, int64]) (framework.Record[framework.None, string], error) {
				return framework.Record[framework.None, string]{Value: fmt.Sprint(r.Key, " ", r.Value), Time: r.Time}, nil
			}).To(Lines(filepath.Join(j.folder, "counts"), j.options...))
	})
}

// written returns the lines in the parts of a sink, in order of the parts.
func written(folder string) (lines []string, err error) {
	names, err := sourceFiles(system{}, filepath.Join(folder, "part-*"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		f, err := system{}.Open(name, os.O_RDONLY)
		if err != nil {
			return nil, err
		}
		c, err := contentOf(f, compression(name))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		b := make([]byte, 4<<20)
		n, err := c.fill(b, 0)
		if err := errors.Join(ignoreEnd(err), c.close()); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		text, whole := strings.CutSuffix(string(b[:n]), "\n")
		if !whole {
			return nil, fmt.Errorf("%s does not end with a line: %q", name, text)
		}
		lines = append(lines, strings.Split(text, "\n")...)
	}
	return lines, nil
}

// check compares what was written with what is right.
func (j *trialJob) check() error {
	lines, err := written(filepath.Join(j.folder, "out"))
	if err != nil {
		return err
	}
	slices.Sort(lines)
	if !slices.Equal(lines, j.lines) {
		return fmt.Errorf("%d lines are written, and %d are right", len(lines), len(j.lines))
	}
	counts, err := written(filepath.Join(j.folder, "counts"))
	if err != nil {
		return err
	}
	for word, n := range j.counts {
		if !slices.Contains(counts, fmt.Sprint(word, " ", n)) || slices.Contains(counts, fmt.Sprint(word, " ", n+1)) {
			return fmt.Errorf("%s occurs %d times, and the counts are %q", word, n, counts)
		}
	}
	return nil
}
