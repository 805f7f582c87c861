package bench

import (
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkStartOfWordCount runs the built program on its sample: from the process's start to its first output.
func BenchmarkStartOfWordCount(b *testing.B) {
	program := filepath.Join(b.TempDir(), "wordcount")
	if out, err := exec.Command("go", "build", "-o", program, "../apps/wordcount").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	var took []time.Duration
	for b.Loop() {
		for range 5 {
			took = append(took, firstOutput(b, program))
		}
	}
	slices.Sort(took)
	median := took[len(took)/2]
	b.ReportMetric(median.Seconds(), "s/first-output")
	word := "PASS"
	if median > time.Second {
		word = "FAIL"
	}
	fmt.Printf("%s first output of wordcount on its sample after %.3f s <= 1 s\n", word, median.Seconds())
}

func firstOutput(b *testing.B, program string) time.Duration {
	cmd := exec.Command(program)
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		b.Fatal(err)
	}
	took := time.Since(start)
	if _, err := io.Copy(io.Discard, out); err != nil {
		b.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		b.Fatal(err)
	}
	return took
}
