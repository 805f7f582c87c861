package framework_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestTimedWindowCollectsWhatCameInEachInterval(t *testing.T) {
	var got *framework.Collected[[]int]
	d := frameworktest.New(t, func(t *framework.Topology) {
		got = t.From(unkeyed).TimedWindow(50*time.Millisecond, slices.Clone).Collect()
	})
	pipeText(d, "in", "-=1@10 -=2@20")
	d.AdvanceClock(50 * time.Millisecond)
	pipeText(d, "in", "-=3@30")
	d.AdvanceClock(150 * time.Millisecond)
	if want := [][]int{{1, 2}, {3}, {}, {}}; fmt.Sprint(got.Values()) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got.Values(), want)
	}
}

func TestTimedWindowHasOneResultForEachKeyThatSomethingCameOf(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).TimedWindow(time.Second, sum).To(results)
	})
	pipeText(d, "in", "b=1@10 a=2@30 b=4@20 -=8@40")
	d.AdvanceClock(3 * time.Second)
	if got := readText(d, "out"); got != "b=5@20 a=2@30" {
		t.Errorf("got %s", got)
	}
	equalDropped(t, d, map[string]int64{"null_key": 1})
}

func TestAnIntervalThatRunsIsReadAgainAfterARestart(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).TimedWindow(time.Second, sum).To(results) })
	pipeText(d, "in", "a=1@10")
	d.AdvanceClock(time.Second)
	pipeText(d, "in", "a=2@20 a=4@30")
	d.Rebuild()
	d.AdvanceClock(time.Second)
	if got := readText(d, "out"); got != "a=1@10 a=6@30" {
		t.Errorf("got %s", got)
	}
}

func TestAfterAStandstillTheIntervalsThatPassedAreLeftOut(t *testing.T) {
	var got *framework.Collected[int]
	d := frameworktest.New(t, func(t *framework.Topology) {
		got = t.From(unkeyed).TimedWindow(time.Millisecond, func(v []int) int { return len(v) }).Collect()
	})
	pipeText(d, "in", "-=1@10")
	d.Sleep(time.Hour)
	if n := len(got.Values()); n == 0 || n > 1002 || got.Values()[0] != 1 {
		t.Errorf("%d intervals, the first of %v records", n, got.Values()[:1])
	}
}

func TestAnEmitterDoesNotWaitForTheIntervalsEnd(t *testing.T) {
	source := framework.NewInput[int]("numbers")
	var got *framework.Collected[[]int]
	d := frameworktest.New(t, func(t *framework.Topology) {
		got = t.From(source).TimedWindow(time.Second, slices.Clone).Filter(func(v []int) bool { return len(v) > 0 }).Collect()
	})
	emitAll(t, source, 1, 2)
	d.AdvanceClock(time.Second)
	if want := [][]int{{1, 2}}; fmt.Sprint(got.Values()) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got.Values(), want)
	}
}

func TestAnErrorAtTheIntervalsEndStopsTheApplication(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).TimedWindow(time.Second, sum).ForEach(func(context.Context, int) error { return errBroken })
	})
	pipeText(d, "in", "a=1@10")
	if err := d.TryAdvanceClock(time.Second); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

func ExampleStream_TimedWindow() {
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(lines).
			TimedWindow(50*time.Millisecond, func(batch []string) int { return len(batch) }).
			Filter(func(n int) bool { return n > 0 }).
			ForEach(func(_ context.Context, n int) error { fmt.Println(n, "lines"); return nil })
	})
	d.Pipe(lines, framework.None{}, "a", at(0))
	d.Pipe(lines, framework.None{}, "b", at(0))
	d.AdvanceClock(time.Second)
	// Output:
	// 2 lines
}
