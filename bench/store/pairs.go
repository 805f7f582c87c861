package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/bench/report"
)

func (c config) wants(name string) bool { return strings.Contains(name, c.only) }

// result is what a side made of a run.
type result struct {
	perSecond float64 // records
	cpu       float64 // processor time of a record, in µs; of all that went on beside it, too
}

func rate(records int, took, used time.Duration) result {
	return result{float64(records) / took.Seconds(), used.Seconds() * 1e6 / float64(records)}
}

// pairs runs both sides in turn, the first one of a pair by turns, and says whether the median of the ratios reaches the threshold.
func pairs(c config, what string, atLeast float64, once func(pair int, side string) (result, error)) (bool, error) {
	var ratios, cpus []float64
	rates, used := map[string][]float64{}, map[string][]float64{}
	for pair := range c.pairs {
		order := []string{byHand, millrace}
		if pair%2 == 1 {
			slices.Reverse(order)
		}
		for _, side := range order {
			got, err := once(pair, side)
			if err != nil {
				return false, fmt.Errorf("%s, %s: %w", what, side, err)
			}
			rates[side] = append(rates[side], got.perSecond)
			used[side] = append(used[side], got.cpu)
		}
		ratios = append(ratios, rates[millrace][pair]/rates[byHand][pair])
		cpus = append(cpus, used[millrace][pair]/used[byHand][pair])
		fmt.Printf("     %-15s pair %d: by hand %8.0f records/s (%5.2f µs of processor time each), millrace %8.0f (%5.2f µs), ratio %.2f (%.2f)\n", what, pair+1,
			rates[byHand][pair], used[byHand][pair], rates[millrace][pair], used[millrace][pair], ratios[pair], cpus[pair])
	}
	verdict := "PASS"
	reached := report.Median(ratios) >= atLeast
	if !reached {
		verdict = "FAIL"
	}
	fmt.Printf("%s %-15s medians: by hand %8.0f records/s, millrace %8.0f, ratio %.2f >= %v; of processor time %.2f\n", verdict, what,
		report.Median(rates[byHand]), report.Median(rates[millrace]), report.Median(ratios), atLeast, report.Median(cpus))
	return reached, nil
}

// profiled writes a processor profile where one is asked for; that of a side's last run stays.
func (c config) profiled(what, side string, f func() error) error {
	file := ""
	if c.profile != "" {
		file = filepath.Join(c.profile, strings.NewReplacer(" ", "-", ",", "").Replace(what+"-"+side)+".pprof")
	}
	return report.Profile(file, f)
}
