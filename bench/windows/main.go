// Command windows compares windowed counts, from fetched bytes to the bytes that are written, with loops over Go maps written by
// hand, in one run: go run ./bench/windows.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"strings"
	"time"
)

func main() {
	records := flag.Int("records", 10_000_000, "`number` of records of each side")
	keys := flag.Int("keys", 10_000, "`number` of keys")
	strict := flag.Bool("strict", false, "a missed threshold is the exit code")
	only := flag.String("only", "", "contests whose name contains this `text`")
	profile := flag.String("profile", "", "`file` to write a CPU profile to")
	flag.Parse()
	if *profile != "" {
		f, err := os.Create(*profile)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		defer pprof.StopCPUProfile()
	}
	defer removeFolders()
	missed := false
	for _, c := range cases(*records, *keys) {
		if !strings.Contains(c.name, *only) {
			continue
		}
		mine, other, results := race(c)
		ratio := other.Seconds() / mine.Seconds()
		verdict := "PASS"
		if ratio < c.atLeast {
			verdict, missed = "FAIL", true
		}
		if c.atLeast == 0 {
			verdict = "    "
		}
		fmt.Printf("%s %-44s %6.2f M records/s, %-28s %6.2f M/s, ratio %.2f >= %.2f, %d results\n", verdict, c.name,
			rate(c.records, mine), c.otherName, rate(c.records, other), ratio, c.atLeast, results)
	}
	if missed && *strict {
		removeFolders()
		os.Exit(1)
	}
}

func rate(records int, took time.Duration) float64 { return float64(records) / took.Seconds() / 1e6 }
