package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/millrace/millrace/connectors/file"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/connector"
)

const (
	fileLines = 1_000_000
	// fileRatio is the throughput of a graph from file to file over that of a loop, at least.
	fileRatio = 0.7
)

// BenchmarkFileToFileAgainstABufioLoop upper-cases the lines of a file of plain text, on both sides up to the disk.
func BenchmarkFileToFileAgainstABufioLoop(b *testing.B) {
	folder := b.TempDir()
	in := filepath.Join(folder, "in.txt")
	if err := os.WriteFile(in, textOfLines(), 0o644); err != nil {
		b.Fatal(err)
	}
	var ours, theirs costs
	for i := 0; b.Loop(); i++ {
		loop, graph := filepath.Join(folder, fmt.Sprint("loop", i)), filepath.Join(folder, fmt.Sprint("graph", i))
		if err := theirs.of(func() error { return upperLoop(in, loop) }); err != nil {
			b.Fatal(err)
		}
		if err := ours.of(func() error { return upperGraph(in, graph) }); err != nil {
			b.Fatal(err)
		}
		if i == 0 {
			sameBytes(b, loop, graph)
		}
		if err := os.RemoveAll(graph); err != nil {
			b.Fatal(err)
		}
	}
	mine, others := ours.best(ours.wall), theirs.best(theirs.wall)
	processor := theirs.best(theirs.processor) / ours.best(ours.processor)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(mine, "ns/line")
	b.ReportMetric(others, "ns/line-loop")
	b.ReportMetric(others/mine, "of-its-throughput")
	b.ReportMetric(processor, "of-its-throughput-by-processor-time")
	if len(ours.wall) < 3 {
		return // a first try, too short to say anything
	}
	word := "PASS"
	if others/mine < fileRatio {
		word = "FAIL"
	}
	fmt.Printf("%s file to file: %.1f ns a line, a bufio loop: %.1f ns, %.2f of its throughput >= %.2f (%.2f by processor time)\n",
		word, mine, others, others/mine, fileRatio, processor)
}

// costs is what each try of one side took.
type costs struct{ wall, processor []time.Duration }

func (c *costs) of(run func() error) error {
	runtime.GC() // of what the other side has left
	began, used := time.Now(), processorTime()
	err := run()
	c.wall, c.processor = append(c.wall, time.Since(began)), append(c.processor, processorTime()-used)
	return err
}

// best returns the ns a line of the fastest try: on a machine that others use too, the others make the difference between tries.
func (c *costs) best(all []time.Duration) float64 {
	return float64(slices.Min(all).Nanoseconds()) / fileLines
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func textOfLines() []byte {
	var text bytes.Buffer
	for i := range fileLines {
		fmt.Fprintf(&text, "%d the quick brown fox jumps over the lazy dog and runs away %d\n", i, i*7919%1000)
	}
	return text.Bytes()
}

// upperLoop is what a program without a framework does.
func upperLoop(in, out string) error {
	from, err := os.Open(in)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(out)
	if err != nil {
		return err
	}
	defer to.Close()
	lines, w := bufio.NewScanner(from), bufio.NewWriterSize(to, 256<<10)
	for lines.Scan() {
		if _, err := w.WriteString(strings.ToUpper(lines.Text())); err != nil {
			return err
		}
		if err := w.WriteByte('\n'); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return to.Sync()
}

func upperGraph(in, out string) error {
	return framework.Run(context.Background(), framework.Config{
		Name: "upper", Connectors: []connector.Connector{file.New(file.Config{})}, Workers: 1, Bounded: true,
		Logger: slog.New(slog.DiscardHandler),
	}, func(t *framework.Topology) {
		t.From(file.Lines(in)).Map(strings.ToUpper).To(file.Lines(out))
	})
}

// sameBytes compares a file with the parts of a folder.
func sameBytes(b *testing.B, whole, folder string) {
	b.Helper()
	want, err := os.ReadFile(whole)
	if err != nil {
		b.Fatal(err)
	}
	parts, err := filepath.Glob(filepath.Join(folder, "part-*"))
	if err != nil {
		b.Fatal(err)
	}
	var got []byte
	for _, name := range parts {
		part, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		got = append(got, part...)
	}
	if !bytes.Equal(got, want) {
		b.Fatalf("the two sides differ: %d bytes and %d", len(got), len(want))
	}
}
