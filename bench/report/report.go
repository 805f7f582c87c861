// Package report has what the programs of benchmarks say and write alike.
package report

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
)

// Load prints how busy the machine is, where that is known.
func Load() {
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		load, _, _ := strings.Cut(string(b), " ")
		fmt.Printf("load of the machine at the start: %s on %d cores; other work makes the figures vary\n", load, runtime.NumCPU())
	}
}

// Profile calls f and writes a processor profile of that to a file; "": it only calls f.
func Profile(file string, f func() error) error {
	if file == "" {
		return f()
	}
	to, err := os.Create(file)
	if err != nil {
		return err
	}
	defer to.Close()
	if err := pprof.StartCPUProfile(to); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	return f()
}

// Median returns the median of numbers, not a number where there are none.
func Median(of []float64) float64 {
	of = slices.Sorted(slices.Values(of))
	n := len(of)
	if n == 0 {
		return math.NaN()
	}
	return (of[(n-1)/2] + of[n/2]) / 2
}
