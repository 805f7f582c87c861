package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"time"

	"github.com/millrace/millrace/bench/report"
)

// race is one workload in which both sides do the same work.
type race struct {
	unit    string // of what the throughput counts
	clients map[string]int
	// prepare creates the topics of a run.
	prepare func(ctx context.Context, c config) error
	// finished says whether everything is done and committed.
	finished func(ctx context.Context, c config) (bool, error)
	// verify fails where the output is not what it must be.
	verify func(ctx context.Context, c config) error

	throughput, cpu float64 // thresholds of millrace/peer: at least, at most; 0: reported only
}

// result is what one run of one side took.
type result struct {
	perSecond float64       // from the first fetched record to the last acknowledged output, or where it is committed by transactions to the last commit
	busy      time.Duration // the same
	starting  time.Duration // from the process's start to the first fetched record
	committed time.Duration // from the first fetched record to the last commit
	cpu       time.Duration // of the process, user and system
	resident  int64         // at most, bytes
	seen      seen
}

// once runs one side on new topics and checks its output.
func (h *harness) once(ctx context.Context, r *race, side string) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	c := h.config
	h.runs++
	c.side, c.clients = side, r.clients[side]
	c.group = fmt.Sprintf("%s-%d-%s", h.id, h.runs, side)
	c.in, c.out = h.id+"-input", c.group+"-out"
	if err := r.prepare(ctx, c); err != nil {
		return result{}, err
	}
	k, err := startChild(c)
	if err != nil {
		return result{}, err
	}
	for done := false; !done; {
		if err := k.alive(ctx, sampleInterval); err != nil {
			k.kill()
			return result{}, fmt.Errorf("%s: %w", side, err)
		}
		if done, err = r.finished(ctx, c); err != nil {
			k.kill()
			return result{}, err
		}
	}
	resident, err := k.memory("VmHWM")
	if err != nil {
		k.kill()
		return result{}, err
	}
	cpu, err := k.stop()
	if err != nil {
		return result{}, fmt.Errorf("%s: %w", side, err)
	}
	if err := r.verify(ctx, c); err != nil {
		return result{}, fmt.Errorf("%s: wrong output: %w", side, err)
	}
	s := k.report()
	end := s.LastAck
	if c.guarantee == exactlyOnce {
		end = s.LastCommit
	}
	busy := time.Duration(end - s.FirstFetch)
	return result{
		perSecond: float64(h.records) / busy.Seconds(),
		busy:      busy,
		starting:  time.Unix(0, s.FirstFetch).Sub(k.started),
		committed: time.Duration(s.LastCommit - s.FirstFetch),
		cpu:       cpu,
		resident:  resident,
		seen:      s,
	}, h.clean(ctx, c.group)
}

// race runs the pairs, peer first, and prints them.
func (h *harness) race(ctx context.Context, r *race) (bool, error) {
	h.printTerms()
	fmt.Printf("%-4s %-13s %9s  %8s %9s %8s %7s %8s %9s %9s  %s\n",
		"pair", "side", r.unit+"/s", "busy s", "+start s", "+commit", "cpu s", "rss MiB", "produced", "output", "ratio   cpu ratio")
	of := map[string][]result{}
	var ratios, cpus []float64
	for pair := range h.pairs {
		for _, side := range []string{h.peer, millrace} {
			if h.only != "" && h.only != side {
				continue
			}
			got, err := h.once(ctx, r, side)
			if err != nil {
				return false, err
			}
			of[side] = append(of[side], got)
			fmt.Printf("%-4d %-13s %9.0f  %8.3f %9.3f %8.3f %7.2f %8.0f %9d %9d", pair+1, side, got.perSecond, got.busy.Seconds(),
				(got.starting + got.busy).Seconds(), got.committed.Seconds(), got.cpu.Seconds(), float64(got.resident)/(1<<20), got.seen.Produced, got.seen.Output)
			if side == millrace && len(of[h.peer]) > 0 {
				against := of[h.peer][pair]
				ratios = append(ratios, got.perSecond/against.perSecond)
				cpus = append(cpus, got.cpu.Seconds()/against.cpu.Seconds())
				fmt.Printf("  %.3f   %.3f", ratios[pair], cpus[pair])
			}
			fmt.Println()
		}
	}
	for _, side := range []string{h.peer, millrace} {
		if rs := of[side]; len(rs) > 0 {
			fmt.Printf("%s, median of %d: %.0f %s/s, %.2f s of processor time, %d clients\n",
				side, len(rs), median(rs, result.rate), r.unit, median(rs, result.processor), r.clients[side])
		}
	}
	if len(ratios) == 0 {
		return true, nil
	}
	passed := true
	if r.throughput > 0 {
		passed = verdict("median ratio of throughput", median(ratios, self), ">=", r.throughput)
	} else {
		fmt.Printf("     median ratio of throughput %.3f\n", median(ratios, self))
	}
	if r.cpu > 0 {
		passed = verdict("median ratio of processor time", median(cpus, self), "<=", r.cpu) && passed
	} else {
		fmt.Printf("     median ratio of processor time %.3f\n", median(cpus, self))
	}
	return passed, nil
}

// printTerms prints what both sides work under.
func (h *harness) printTerms() {
	fmt.Printf("%s, %s, commits every %v", h.what, h.guarantee, h.commit)
	if h.peer == kafkaStreams {
		fmt.Printf(", Kafka Streams with cache %s and stores on %s, ours in %s", h.cache, cmp.Or(h.store, "disk"), cmp.Or(h.store, "memory"))
	}
	fmt.Println()
}

// warm runs one side twice for nothing: a new broker gets faster for some seconds.
func (h *harness) warm(ctx context.Context, r *race) error {
	side := handWritten
	if h.peer != handWritten {
		side = millrace // which takes less time for as much work
	}
	for range 2 {
		if _, err := h.once(ctx, r, side); err != nil {
			return err
		}
	}
	return nil
}

func (r result) rate() float64      { return r.perSecond }
func (r result) processor() float64 { return r.cpu.Seconds() }
func self(f float64) float64        { return f }

// median returns the median of what of says of each.
func median[T any](all []T, of func(T) float64) float64 {
	var fs []float64
	for _, v := range all {
		fs = append(fs, of(v))
	}
	return report.Median(fs)
}

// verdict prints a figure with its threshold and says whether it is reached.
func verdict(what string, got float64, relation string, threshold float64) bool {
	passed := got >= threshold
	if relation == "<=" {
		passed = got <= threshold
	}
	word := "FAIL"
	if passed {
		word = "PASS"
	}
	fmt.Printf("%s %s: %v %s %v\n", word, what, math.Round(got*1000)/1000, relation, threshold)
	return passed
}
