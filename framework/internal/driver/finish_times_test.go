package driver_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/framework"
)

// collected is what a graph in memory handed on, from whatever task.
type collected struct {
	mu    sync.Mutex
	lines []string
}

func (c *collected) add(_ context.Context, line string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lines = append(c.lines, line)
	return nil
}

func (c *collected) sorted() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(slices.Values(c.lines))
}

// Nothing of what is emitted is there after the end: a window that is open would be lost.
func TestAStopOfAGraphThatIsEmittedIntoClosesItsWindows(t *testing.T) {
	for name, c := range map[string]struct {
		stages, workers int
		front           func(framework.Stream[framework.None, string]) framework.Stream[framework.None, string]
	}{
		"one stage":    {stages: 1, workers: 1},
		"three stages": {stages: 3, workers: 4},
		"behind a buffer": {stages: 2, workers: 2, front: func(s framework.Stream[framework.None, string]) framework.Stream[framework.None, string] {
			return s.Buffer(10)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				input, got := framework.NewInput[string]("lines"), &collected{}
				topology := framework.New()
				lines := topology.From(input)
				if c.front != nil {
					lines = c.front(lines)
				}
				out := lines.GroupBy(firstWord).Tumbling(10 * time.Second).Emit(framework.OnClose).Count("counts").Stream().MapRecord(windowLine)
				for stage := 1; stage < c.stages; stage++ {
					out = out.GroupBy(firstWord).Tumbling(10 * time.Second).Emit(framework.OnClose).Count(fmt.Sprint("counts-", stage)).Stream().MapRecord(windowLine)
				}
				out.ForEach(got.add)
				stop, err := topology.Start(t.Context(), framework.Config{Workers: c.workers, RepartitionPartitions: 3})
				if err != nil {
					t.Fatal(err)
				}
				for second := range 25 {
					if err := input.EmitAt(t.Context(), string(rune('a'+second%2)), time.Unix(int64(second), 0)); err != nil {
						t.Fatal(err)
					}
				}
				began := time.Now()
				if err := stop(); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("the stop took %s", took)
				}
				want := []string{"a 0=5", "a 10=5", "a 20=3", "b 0=5", "b 10=5", "b 20=2"}
				if c.stages > 1 {
					want = []string{"a 0=1", "a 10=1", "a 20=1", "b 0=1", "b 10=1", "b 20=1"}
				}
				if lines := got.sorted(); !slices.Equal(lines, want) {
					t.Errorf("got %q, want %q", lines, want)
				}
				if err := input.Emit(t.Context(), "a"); !errors.Is(err, framework.ErrEnded) {
					t.Errorf("after the stop Emit returned %v", err)
				}
			})
		})
	}
}
