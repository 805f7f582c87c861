package framework_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
)

// start runs a graph in memory until the test ends, and returns what Run returned once it is stopped.
func start(t *testing.T, build func(*framework.Topology)) (stop func() error) {
	t.Helper()
	top := framework.New()
	build(top)
	stop, err := top.Start(t.Context(), framework.Config{})
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceValue(stop)
	t.Cleanup(func() { stop() })
	return stop
}

func emitAll[V any](t *testing.T, to *framework.Input[V], values ...V) {
	t.Helper()
	for _, v := range values {
		if err := to.Emit(t.Context(), v); err != nil {
			t.Fatalf("emit %v: %v", v, err)
		}
	}
}

func TestWhatIsEmittedIsThroughTheGraphWhenEmitReturns(t *testing.T) {
	source := framework.NewInput[int]("numbers")
	var got *framework.Collected[int]
	start(t, func(t *framework.Topology) {
		got = t.From(source).Map(inc).Filter(even).Scan("total", 0, add).Collect()
	})
	for i, want := range [][]int{{2}, {2}, {2, 6}, {2, 6}, {2, 6, 12}} {
		emitAll(t, source, i+1)
		if !slices.Equal(got.Values(), want) {
			t.Fatalf("after %d came %v, want %v", i+1, got.Values(), want)
		}
	}
}

func TestTheReceiptIsTheErrorAndTheApplicationGoesOn(t *testing.T) {
	source := framework.NewInput[int]("numbers")
	full := errors.New("database is full")
	var other *framework.Collected[int]
	start(t, func(t *framework.Topology) {
		s := t.From(source)
		s.ForEach(func(_ context.Context, n int) error {
			if n == 2 {
				return full
			}
			return nil
		})
		other = s.Map(double).Collect()
	})
	emitAll(t, source, 1)
	err := source.Emit(t.Context(), 2)
	if want := "operator for-each 1, topic numbers, partition 0, offset 1: database is full"; !errors.Is(err, full) || err.Error() != want {
		t.Errorf("the receipt says %v, want %s", err, want)
	}
	emitAll(t, source, 3)
	if want := []int{2, 4, 6}; !slices.Equal(other.Values(), want) {
		t.Errorf("the other branch got %v, want %v", other.Values(), want)
	}
}

func TestThePanicOfAFunctionIsAReceiptToo(t *testing.T) {
	source := framework.NewInput[int]("numbers")
	var got *framework.Collected[int]
	start(t, func(t *framework.Topology) {
		got = t.From(source).Map(func(n int) int { return 6 / n }).Collect()
	})
	err := source.Emit(t.Context(), 0)
	if err == nil || !strings.Contains(err.Error(), "operator map 1") || !strings.Contains(err.Error(), "divide by zero") {
		t.Errorf("got %v", err)
	}
	emitAll(t, source, 2)
	if !slices.Equal(got.Values(), []int{3}) {
		t.Errorf("got %v", got.Values())
	}
}

func TestASlowSinkHoldsTheEmitter(t *testing.T) {
	source := framework.NewInput[int]("numbers")
	entered, leave := make(chan int), make(chan bool)
	start(t, func(t *framework.Topology) {
		t.From(source).ForEach(func(_ context.Context, n int) error { entered <- n; <-leave; return nil })
	})
	done := make(chan error)
	go func() { done <- source.Emit(t.Context(), 1) }()
	<-entered
	select {
	case err := <-done:
		t.Fatalf("Emit returned %v before the sink did", err)
	default:
	}
	leave <- true
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestABufferLetsSomeInAndThenHolds(t *testing.T) {
	source := framework.NewInput[int]("numbers")
	leave := make(chan bool)
	var mu sync.Mutex
	var got []int
	stop := start(t, func(t *framework.Topology) {
		t.From(source).Buffer(3).ForEach(func(_ context.Context, n int) error {
			<-leave
			mu.Lock()
			defer mu.Unlock()
			got = append(got, n)
			return nil
		})
	})
	emitAll(t, source, 1, 2, 3)
	late, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := source.Emit(late, 4); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a fourth got %v", err)
	}
	leave <- true
	emitAll(t, source, 5)
	close(leave)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if want := []int{1, 2, 3, 5}; !slices.Equal(got, want) {
		t.Errorf("the sink got %v, want %v: a stop waits for the buffer", got, want)
	}
}

func TestWithTwoSinksBehindBuffersTheWaitIsTheLongerOne(t *testing.T) {
	source := framework.NewInput[int]("numbers")
	var both sync.WaitGroup
	both.Add(2) // each sink waits for the other: one after the other they would never end
	sink := func(context.Context, int) error { both.Done(); both.Wait(); return nil }
	start(t, func(t *framework.Topology) {
		s := t.From(source)
		s.Buffer(0).ForEach(sink)
		s.Buffer(0).ForEach(sink)
	})
	emitAll(t, source, 1)
}

func TestAnErrorBehindABufferThatTheEmitterWaitsForIsItsReceipt(t *testing.T) {
	source := framework.NewInput[int]("numbers")
	start(t, func(t *framework.Topology) {
		t.From(source).Buffer(0).ForEach(func(_ context.Context, n int) error {
			if n == 1 {
				return errBroken
			}
			return nil
		})
	})
	if err := source.Emit(t.Context(), 1); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	emitAll(t, source, 2)
}

func TestAnErrorBehindABufferThatNobodyWaitsForStopsTheApplication(t *testing.T) {
	source := framework.NewInput[int]("numbers")
	stop := start(t, func(t *framework.Topology) {
		t.From(source).Buffer(1).ForEach(func(context.Context, int) error { return errBroken })
	})
	emitAll(t, source, 1)
	var err error
	for err == nil {
		err = source.Emit(t.Context(), 2)
	}
	if !errors.Is(err, framework.ErrEnded) || !errors.Is(err, errBroken) {
		t.Errorf("the next Emit says %v", err)
	}
	if err := stop(); !errors.Is(err, errBroken) {
		t.Errorf("Run says %v", err)
	}
}

func TestEmitAfterTheEndSaysSo(t *testing.T) {
	source := framework.NewInput[int]("numbers")
	stop := start(t, func(t *framework.Topology) { t.From(source).Collect() })
	emitAll(t, source, 1)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if err := source.Emit(t.Context(), 2); !errors.Is(err, framework.ErrEnded) {
		t.Errorf("got %v", err)
	}
}

func TestEmitFromManyGoroutinesLosesNothing(t *testing.T) {
	source := framework.NewInput[int]("numbers")
	var got *framework.Collected[int]
	start(t, func(t *framework.Topology) { got = t.From(source).Scan("sum", 0, add).Collect() })
	var emitters sync.WaitGroup
	for range 8 {
		emitters.Go(func() {
			for range 100 {
				if err := source.Emit(t.Context(), 1); err != nil {
					t.Error(err)
				}
			}
		})
	}
	emitters.Wait()
	if v := got.Values(); len(v) != 800 || v[799] != 800 {
		t.Errorf("%d values came, the last is %v", len(v), v[len(v)-1])
	}
}

func TestEmitFromInsideTheGraphIsAnError(t *testing.T) {
	for name, build := range map[string]func(source *framework.Input[int], s framework.Stream[none, int]){
		"as a sink": func(source *framework.Input[int], s framework.Stream[none, int]) { s.ForEach(source.Emit) },
		"with another context": func(source *framework.Input[int], s framework.Stream[none, int]) {
			s.ForEach(func(_ context.Context, n int) error { return source.Emit(context.Background(), n) })
		},
		"behind a buffer": func(source *framework.Input[int], s framework.Stream[none, int]) {
			s.Buffer(0).ForEach(source.Emit)
		},
		"behind a full buffer, with another context": func(source *framework.Input[int], s framework.Stream[none, int]) {
			s.Buffer(0).ForEach(func(_ context.Context, n int) error { return source.Emit(context.Background(), n) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			source := framework.NewInput[int]("numbers")
			start(t, func(t *framework.Topology) { build(source, t.From(source)) })
			if err := source.Emit(t.Context(), 1); !errors.Is(err, framework.ErrInside) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestEmitIntoAnotherGraphFromInsideOneIsFine(t *testing.T) {
	first, second := framework.NewInput[int]("first"), framework.NewInput[int]("second")
	var got *framework.Collected[int]
	start(t, func(t *framework.Topology) { got = t.From(second).Map(double).Collect() })
	start(t, func(t *framework.Topology) { t.From(first).ForEach(second.Emit) })
	emitAll(t, first, 1, 2)
	if !slices.Equal(got.Values(), []int{2, 4}) {
		t.Errorf("got %v", got.Values())
	}
}

func TestTheReceiptIsForWhatComesBehindRepartitionTopics(t *testing.T) {
	source := framework.NewInput[string]("lines")
	var got *framework.Collected[int64]
	start(t, func(t *framework.Topology) {
		got = t.From(source).FlatMap(strings.Fields).GroupBy(strings.ToLower).Count("counts").Stream().Collect()
	})
	emitAll(t, source, "a b a")
	if v := got.Values(); len(v) != 2 || v[0]+v[1] != 3 {
		t.Errorf("when Emit returned there were %v", v)
	}
}

func TestALoopFeedsBackInMemory(t *testing.T) {
	source := framework.NewInput[int]("numbers")
	var got *framework.Collected[int]
	start(t, func(t *framework.Topology) {
		in, again := t.From(source).Loop("fib", 16)
		fib := in.Sliding("last-two", 2, sum)
		got = fib.Collect()
		fib.Filter(func(n int) bool { return n < 50 }).To(again)
	})
	emitAll(t, source, 0, 1)
	if want := []int{1, 2, 3, 5, 8, 13, 21, 34, 55}; !slices.Equal(got.Values(), want) {
		t.Errorf("got %v, want %v", got.Values(), want)
	}
}

func TestALoopThatNeverSettlesIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		build func(in framework.Stream[none, int], again framework.Topic[none, int])
		want  string
	}{
		"one for one": {
			func(in framework.Stream[none, int], again framework.Topic[none, int]) { in.Map(inc).To(again) },
			"operator loop forever, at no record: the loop does not converge: 1048576 records were fed back",
		},
		"two for one": {func(in framework.Stream[none, int], again framework.Topic[none, int]) {
			in.FlatMap(func(n int) []int { return []int{n, n} }).To(again)
		}, "operator feed-back forever, topic numbers, partition 0, offset 0: the loop does not converge: more than 16 records wait"},
	} {
		t.Run(name, func(t *testing.T) {
			source := framework.NewInput[int]("numbers")
			start(t, func(t *framework.Topology) { c.build(t.From(source).Loop("forever", 16)) })
			err := source.Emit(t.Context(), 1)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestTwoInputsOfOneNameAreRefused(t *testing.T) {
	top := framework.New()
	top.From(framework.NewInput[int]("numbers")).Collect()
	top.From(framework.NewInput[int]("numbers")).Collect()
	if _, err := top.Build(framework.Config{}); err == nil {
		t.Error("built: what is emitted into the second waits for ever")
	}
}

func TestEmitDoesNotWaitForARunThatCannotBegin(t *testing.T) {
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	for name, run := range map[string]struct {
		ctx     context.Context
		bounded bool
	}{"bounded": {t.Context(), true}, "stopped before it began": {gone, false}} {
		t.Run(name, func(t *testing.T) {
			source := framework.NewInput[int]("numbers")
			top := framework.New()
			top.From(source).Collect()
			stop, err := top.Start(run.ctx, framework.Config{Bounded: run.bounded})
			if err != nil {
				return
			}
			t.Log(stop())
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if err := source.Emit(ctx, 1); !errors.Is(err, framework.ErrEnded) {
				t.Errorf("emit says %v, want ErrEnded", err)
			}
		})
	}
}

func ExampleInput() {
	source := framework.NewInput[int]("numbers")
	t := framework.New()
	got := t.From(source).Map(inc).Filter(even).Scan("total", 0, add).Collect()
	stop, err := t.Start(context.Background(), framework.Config{})
	if err != nil {
		panic(err)
	}
	for n := range 5 {
		source.Emit(context.Background(), n+1)
	}
	fmt.Println(got.Values())
	fmt.Println(stop())
	// Output:
	// [2 6 12]
	// <nil>
}
