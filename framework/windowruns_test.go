package framework_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/frameworktest"
)

const runUnit = time.Millisecond

// overlapping are windows of many panes in the tests of runs, ms.
type overlapping struct{ size, advance, grace, disorder int64 }

// lists collects the values of a window. Merging appends to the first argument, so that a value that is shared shows.
func lists(merges *int) framework.Aggregator[int, []int] {
	return framework.FoldNew(func() []int { return make([]int, 0, 64) }, func(l []int, v int) []int { return append(l, v) }).
		Merge(func(a, b []int) []int { *merges++; return append(a, b...) })
}

// open returns a driver of such windows, and where their results are put, by key and start.
func (o overlapping) open(t *testing.T, merges *int) (d *frameworktest.Driver, in framework.Topic[string, int], results map[string][]int) {
	in = frameworktest.Topic("in", codec.String, codec.Int).Disorder(time.Duration(o.disorder) * runUnit)
	results = map[string][]int{}
	d = frameworktest.New(t, func(top *framework.Topology) {
		top.From(in).Grouped().Hopping(time.Duration(o.size)*runUnit, time.Duration(o.advance)*runUnit).
			Grace(time.Duration(o.grace)*runUnit).Emit(framework.OnClose).
			Aggregate("lists", lists(merges)).Stream().
			ForEachRecord(func(_ context.Context, r framework.Record[string, []int]) error {
				at := fmt.Sprint(r.Key, " ", r.Window.Start().UnixMilli())
				if _, twice := results[at]; twice {
					t.Errorf("%s has a second final", at)
				}
				results[at] = r.Value
				return nil
			})
	})
	return d, in, results
}

// Whatever comes when, with pauses, late records and restarts, a window has what a batch has that puts each record into each window which
// takes it.
func TestWindowsOfManyPanesHaveWhatABatchHas(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		o := overlapping{size: int64(10 * (1 + rng.IntN(12))), advance: []int64{5, 10, 15}[rng.IntN(3)], grace: int64(rng.IntN(40)), disorder: int64(rng.IntN(30))}
		merges := 0
		d, in, results := o.open(t, &merges)
		want := map[string][]int{}
		highest := int64(-1)
		now := int64(1000)
		for v := range 250 {
			switch rng.IntN(40) {
			case 0:
				now += int64(rng.IntN(400))
			case 1:
				d.Rebuild()
			}
			now += int64(rng.IntN(4))
			at := now - int64(rng.IntN(int(o.disorder+1)))
			if rng.IntN(10) == 0 {
				at = now - int64(rng.IntN(int(o.size+2*o.grace+1)))
			}
			key := []string{"a", "b", "c"}[rng.IntN(3)]
			for start := at - at%o.advance; start > at-o.size; start -= o.advance {
				if highest < 0 || start+o.size+o.grace > highest-o.disorder {
					name := fmt.Sprint(key, " ", start)
					want[name] = append(want[name], v)
				}
			}
			highest = max(highest, at)
			d.Pipe(in, key, v, time.UnixMilli(at))
		}
		d.End()
		for name, got := range results {
			slices.Sort(got)
			if !slices.Equal(got, want[name]) {
				t.Errorf("seed %d, %+v: window %s has %v, want %v", seed, o, name, got, want[name])
			}
		}
		if len(results) != len(want) {
			t.Errorf("seed %d, %+v: %d results, want %d", seed, o, len(results), len(want))
		}
		if t.Failed() {
			return
		}
	}
}

func TestAResultOfManyPanesTakesAFewMerges(t *testing.T) {
	merges := 0
	d, in, results := overlapping{size: 600, advance: 10}.open(t, &merges)
	for v := range 1000 {
		d.Pipe(in, "a", v, time.UnixMilli(1000+10*int64(v)))
	}
	d.End()
	if each := float64(merges) / float64(len(results)); each > 6 {
		t.Errorf("%.1f merges for each of %d results of 60 panes", each, len(results))
	}
}

func TestWindowsAllocateNothingForARecord(t *testing.T) {
	for name, c := range map[string]struct {
		advance int64 // from one record to the next, ms
		cut     func(framework.Grouped[string, int]) framework.Windowed[string, int]
		atMost  float64 // for a round of records
	}{
		"in one window":    {0, func(g framework.Grouped[string, int]) framework.Windowed[string, int] { return g.Tumbling(time.Hour) }, 4},
		"each in a window": {60_000, func(g framework.Grouped[string, int]) framework.Windowed[string, int] { return g.Tumbling(time.Minute) }, 4},
		"each in ten windows": {60_000, func(g framework.Grouped[string, int]) framework.Windowed[string, int] {
			return g.Hopping(10*time.Minute, time.Minute)
		}, 25}, // a list of panes grows now and then
		"all in one session": {1000, func(g framework.Grouped[string, int]) framework.Windowed[string, int] { return g.Session(time.Hour) }, 4},
	} {
		t.Run(name, func(t *testing.T) {
			out := frameworktest.Topic("out", shortKey, codec.Int64)
			task := frameworktest.NewTask(t, func(top *framework.Topology) {
				c.cut(top.From(hotKeyed).Grouped()).Emit(framework.OnClose).Count("counts").Stream().To(out)
			}, 0)
			records := make([]connector.Record, hotRecords)
			for i := range records {
				records[i] = connector.Record{Offset: int64(i), Time: int64(i) * c.advance, Key: []byte("key"), Value: []byte{0, 0, 0, 0, 0, 0, 0, byte(1 + i)}}
			}
			round := func() {
				task.Step(records)
				task.Flush(func(string, *connector.Out) {})
				for i := range records {
					records[i].Offset += hotRecords
					records[i].Time += hotRecords * c.advance
				}
			}
			for range 5 {
				round()
			}
			if allocs := testing.AllocsPerRun(20, round); allocs > c.atMost {
				t.Errorf("%.0f allocations for %d records", allocs, hotRecords)
			}
		})
	}
}
