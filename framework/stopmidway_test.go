package framework_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/framework"
)

// seen is a sink that notes which numbers came.
type seen struct {
	mu   sync.Mutex // guards came
	came map[int]int
}

func (s *seen) take(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.came == nil {
		s.came = map[int]int{}
	}
	s.came[n]++
}

func (s *seen) sink(_ context.Context, n int) error {
	time.Sleep(time.Millisecond)
	s.take(n)
	return nil
}

func (s *seen) times(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.came[n]
}

// emitted is a graph that emitters share: every number that is emitted comes to the sink.
type emitted struct {
	name  string
	build func(a, b framework.Stream[none, int], to *seen)
}

func mod7(n int) int { return n % 7 }

func emittedGraphs() []emitted {
	type stream = framework.Stream[none, int]
	return []emitted{
		{"two inputs merged", func(a, b stream, to *seen) { a.Merge(b).ForEach(to.sink) }},
		{"a buffer without room", func(a, b stream, to *seen) { a.Merge(b).Buffer(0).ForEach(to.sink) }},
		{"a buffer", func(a, b stream, to *seen) { a.Merge(b).Buffer(3).ForEach(to.sink) }},
		{"two buffers in a row", func(a, b stream, to *seen) { a.Merge(b).Buffer(2).Scan("n", 0, later).Buffer(0).ForEach(to.sink) }},
		{"two buffers side by side", func(a, b stream, to *seen) {
			s := a.Merge(b)
			s.Buffer(0).ForEach(func(context.Context, int) error { time.Sleep(3 * time.Millisecond); return nil })
			s.Buffer(1).ForEach(to.sink)
		}},
		{"a rate limit", func(a, b stream, to *seen) { a.Merge(b).RateLimit(100, time.Second).ForEach(to.sink) }},
		{"a rate limit behind a buffer", func(a, b stream, to *seen) { a.Merge(b).Buffer(4).RateLimit(100, time.Second).ForEach(to.sink) }},
		{"a rate limit of one an hour behind a buffer", func(a, b stream, to *seen) { a.Merge(b).Buffer(4).RateLimit(1, time.Hour).ForEach(to.sink) }},
		{"a timed window", func(a, b stream, to *seen) {
			a.Merge(b).TimedWindow(time.Hour, all).FlatMap(all).ForEach(to.sink)
		}},
		{"a timed window behind buffers", func(a, b stream, to *seen) {
			a.Merge(b).Buffer(4).Buffer(0).TimedWindow(time.Hour, all).FlatMap(all).ForEach(to.sink)
		}},
		{"a loop", func(a, b stream, to *seen) {
			in, again := a.Merge(b).Loop("down", 16)
			in.Filter(func(n int) bool { return n < 1000 }).Map(func(n int) int { return n + 1000 }).To(again)
			in.Filter(func(n int) bool { return n < 1000 }).ForEach(to.sink)
		}},
		{"a loop that waits", func(a, b stream, to *seen) {
			in, again := a.Merge(b).Loop("down", 16)
			in.Filter(func(n int) bool { return n < 1000 }).Map(func(n int) int { return n + 1000 }).RateLimit(1000, time.Second).To(again)
			in.Filter(func(n int) bool { return n < 1000 }).ForEach(to.sink)
		}},
		{"the latest of two", func(a, b stream, to *seen) {
			a.CombineLatest("both", b, func(x, y int) [2]int { return [2]int{x, y} }).ForEach(func(context.Context, [2]int) error { return nil })
			a.Merge(b).ForEach(to.sink)
		}},
		{"a repartition", func(a, b stream, to *seen) { a.Merge(b).KeyBy(mod7).Repartition("again").ForEach(to.sink) }},
		{"a scan behind a repartition", func(a, b stream, to *seen) { a.Merge(b).KeyBy(mod7).Scan("n", 0, later).ForEach(to.sink) }},
		{"a buffer behind a repartition", func(a, b stream, to *seen) { a.Merge(b).KeyBy(mod7).Repartition("again").Buffer(2).ForEach(to.sink) }},
		{"a repartition behind a buffer", func(a, b stream, to *seen) { a.Merge(b).Buffer(3).KeyBy(mod7).Repartition("again").ForEach(to.sink) }},
	}
}

func all(n []int) []int { return n }

func later(_, n int) int { return n }

// Eight emitters at once, and a stop in the middle: every Emit returns, and what returned nil is in the output.
func TestAStopInTheMiddleLosesNothingThatWasReceipted(t *testing.T) {
	for _, g := range emittedGraphs() {
		for _, workers := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, %d workers", g.name, workers), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { stopMidway(t, g, workers) })
			})
		}
	}
}

func stopMidway(t *testing.T, g emitted, workers int) {
	a, b := framework.NewInput[int]("a"), framework.NewInput[int]("b")
	var to seen
	top := framework.New()
	g.build(top.From(a), top.From(b), &to)
	stop, err := top.Start(t.Context(), framework.Config{Workers: workers})
	if err != nil {
		t.Fatal(err)
	}
	var receipted [400]atomic.Bool
	var emitters sync.WaitGroup
	for e := range 8 {
		emitters.Go(func() {
			for i := range 50 {
				n := e*50 + i
				in := []*framework.Input[int]{a, b}[n%2]
				err := in.Emit(context.Background(), n)
				if receipted[n].Store(err == nil); err != nil && !errors.Is(err, framework.ErrEnded) {
					t.Errorf("emit %d: %v", n, err)
				}
			}
		})
	}
	time.Sleep(80*time.Millisecond + 1)
	began := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("the stop took %s", took)
	}
	emitters.Wait()
	some, lost := 0, []string(nil)
	for n := range receipted {
		if receipted[n].Load() {
			some++
			if to.times(n) == 0 {
				lost = append(lost, fmt.Sprint(n))
			}
		}
		if to.times(n) > 1 {
			t.Errorf("%d came %d times", n, to.times(n))
		}
	}
	if some == 0 {
		t.Error("nothing was receipted before the stop")
	}
	if lost != nil {
		t.Errorf("of %d that were receipted %d did not come: %s", some, len(lost), strings.Join(lost, " "))
	}
}
