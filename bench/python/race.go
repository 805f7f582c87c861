package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/bench/report"
)

// form is a way in which the numbers come to both sides.
type form struct {
	name  string
	count int // numbers of a run
	ours  []side
}

// side runs the chain over the first count numbers.
type side struct {
	name    string
	run     func(ctx context.Context, count int) (result, error)
	atLeast float64 // of ours: times faster than the best library; 0: reported only
}

// result is what a side computed and how long it took.
type result struct {
	took   time.Duration
	n, sum int // of what came to the sink
}

// race runs all sides in turn and prints the medians of what an element took. Ratios are those of one round, and their median.
func (f form) race(ctx context.Context, libraries []side, rounds int) (passed bool, err error) {
	took := map[string][]float64{} // ns an element by round
	for range rounds {
		for _, s := range slices.Concat(libraries, f.ours) {
			got, err := s.run(ctx, f.count)
			if err == nil {
				err = f.check(got)
			}
			if err != nil {
				return false, fmt.Errorf("%s, %s: %w", f.name, s.name, err)
			}
			took[s.name] = append(took[s.name], float64(got.took)/float64(f.count))
		}
	}
	best := slices.MinFunc(libraries, func(a, b side) int { return cmp.Compare(report.Median(took[a.name]), report.Median(took[b.name])) })
	for _, s := range libraries {
		fmt.Printf("     %s, %s: %.1f ns an element\n", f.name, s.name, report.Median(took[s.name]))
	}
	passed = true
	for _, s := range f.ours {
		var ratios []float64
		for round, ns := range took[s.name] {
			ratios = append(ratios, took[best.name][round]/ns)
		}
		passed = f.report(s, best, report.Median(took[s.name]), report.Median(ratios)) && passed
	}
	return passed, nil
}

func (f form) report(s, best side, ns, ratio float64) (passed bool) {
	word, bar := "    ", ""
	passed = ratio >= s.atLeast
	if s.atLeast > 0 {
		word, bar = "PASS", fmt.Sprintf(" >= %g", s.atLeast)
	}
	if !passed {
		word = "FAIL"
	}
	fmt.Printf("%s %s, %s: %.1f ns an element, against %s %.1f times faster%s\n", word, f.name, s.name, ns, best.name, ratio, bar)
	return passed
}

// check says whether the results are those of the chain: the even numbers from 2 to the count.
func (f form) check(got result) error {
	n := f.count / 2
	if want := n * (n + 1); got.n != n || got.sum != want {
		return fmt.Errorf("%d results of sum %d, want %d of %d", got.n, got.sum, n, want)
	}
	return nil
}
