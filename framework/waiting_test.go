package framework_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/connectors/memory"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
)

// bubble runs a test on a fake clock. A goroutine that waits for ever fails it.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func TestAnEmitterWhoseContextEndsGetsItsErrorWhateverItWaitsFor(t *testing.T) {
	for name, build := range map[string]func(s framework.Stream[none, int], sink func(context.Context, int) error){
		"a sink of another's":   func(s framework.Stream[none, int], sink func(context.Context, int) error) { s.ForEach(sink) },
		"a buffer that is full": func(s framework.Stream[none, int], sink func(context.Context, int) error) { s.Buffer(1).ForEach(sink) },
		"a buffer without room": func(s framework.Stream[none, int], sink func(context.Context, int) error) { s.Buffer(0).ForEach(sink) },
		"a rate limit": func(s framework.Stream[none, int], sink func(context.Context, int) error) {
			s.RateLimit(1, time.Hour).ForEach(sink)
		},
		"what is behind a repartition": func(s framework.Stream[none, int], sink func(context.Context, int) error) {
			s.KeyBy(mod7).Repartition("again").ForEach(sink)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				source := framework.NewInput[int]("numbers")
				leave := make(chan bool)
				stop := start(t, func(t *framework.Topology) {
					build(t.From(source), func(context.Context, int) error { <-leave; return nil })
				})
				first, ended := context.WithCancel(t.Context())
				var others sync.WaitGroup
				others.Go(func() { source.Emit(first, 1) })
				synctest.Wait()
				for n := range 3 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					if err := source.Emit(ctx, 2+n); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("the receipt says %v", err)
					}
					cancel()
				}
				ended()
				close(leave)
				others.Wait()
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestThePanicOfAFunctionThatAnEmitterWaitsForIsItsReceipt(t *testing.T) {
	inverse := func(n int) int { return 6 / n }
	for name, build := range map[string]func(s framework.Stream[none, int]) *framework.Collected[int]{
		"behind a rate limit": func(s framework.Stream[none, int]) *framework.Collected[int] {
			return s.RateLimit(10, time.Second).Map(inverse).Collect()
		},
		"behind a buffer without room": func(s framework.Stream[none, int]) *framework.Collected[int] {
			return s.Buffer(0).Map(inverse).Collect()
		},
		"behind a buffer and then a limit": func(s framework.Stream[none, int]) *framework.Collected[int] {
			return s.Buffer(0).RateLimit(10, time.Second).Map(inverse).Collect()
		},
		"behind a buffer, in front of another": func(s framework.Stream[none, int]) *framework.Collected[int] {
			return s.Buffer(0).Map(inverse).Buffer(0).Collect()
		},
		"in a loop": func(s framework.Stream[none, int]) *framework.Collected[int] {
			in, again := s.Loop("again", 4)
			in.Filter(func(n int) bool { return n < 100 }).Map(func(n int) int { return n + 100 }).To(again)
			return in.Filter(func(n int) bool { return n >= 100 }).Map(func(n int) int { return inverse(n - 100) }).Collect()
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				source := framework.NewInput[int]("numbers")
				var got *framework.Collected[int]
				stop := start(t, func(t *framework.Topology) { got = build(t.From(source)) })
				emitAll(t, source, 1)
				err := source.Emit(t.Context(), 0)
				var named *framework.OperatorError
				if !errors.As(err, &named) || !strings.HasPrefix(named.Operator, "map ") || named.At.Offset != 1 || !strings.Contains(err.Error(), "divide by zero") {
					t.Errorf("got %v", err)
				}
				emitAll(t, source, 2)
				if !slices.Equal(got.Values(), []int{6, 3}) {
					t.Errorf("got %v", got.Values())
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestEmitBeforeTheRunWaitsForIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		source := framework.NewInput[int]("numbers")
		receipt := make(chan error, 1)
		go func() { receipt <- source.Emit(t.Context(), 1) }()
		synctest.Wait()
		var got *framework.Collected[int]
		start(t, func(t *framework.Topology) { got = t.From(source).Collect() })
		if err := <-receipt; err != nil || len(got.Values()) != 1 {
			t.Errorf("the receipt says %v, and there are %v", err, got.Values())
		}
	})
}

func TestEmitIntoAnApplicationThatCannotStartSaysSo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		source := framework.NewInput[int]("numbers")
		words := memory.Topic("words", codec.None, codec.String, memory.Partitions(2))
		receipt := make(chan error, 1)
		go func() { receipt <- source.Emit(t.Context(), 1) }()
		top := framework.New()
		top.From(source).ForEach(func(context.Context, int) error { return nil })
		top.From(words).Scan("all", "", func(all, word string) string { return all + word }).ForEach(func(context.Context, string) error { return nil })
		app, err := top.Build(framework.Config{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if err := app.Run(t.Context()); err == nil {
			t.Fatal("it started with state on a stream without key of two partitions")
		}
		if err := <-receipt; !errors.Is(err, framework.ErrEnded) {
			t.Errorf("the receipt says %v", err)
		}
	})
}

func TestASecondRunIsRefusedAndTheFirstGoesOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		source := framework.NewInput[int]("numbers")
		top := framework.New()
		got := top.From(source).Collect()
		app, err := top.Build(framework.Config{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- app.Run(ctx) }()
		<-app.Ready()
		if err := app.Run(ctx); !errors.Is(err, framework.ErrRunTwice) {
			t.Errorf("the second run says %v", err)
		}
		emitAll(t, source, 1)
		cancel()
		if err := <-ended; err != nil || len(got.Values()) != 1 {
			t.Errorf("the first ended with %v and %v", err, got.Values())
		}
		if err := app.Run(t.Context()); !errors.Is(err, framework.ErrRunTwice) {
			t.Errorf("after the end a run says %v", err)
		}
	})
}

// The function runs in another worker than the input: it would wait for the topic that it reads itself.
func TestEmitFromBehindARepartitionIntoItsOwnGraphIsAnError(t *testing.T) {
	for workers := 1; workers <= 3; workers++ {
		t.Run(fmt.Sprint(workers, " workers"), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				source := framework.NewInput[int]("numbers")
				var inner error
				top := framework.New()
				top.From(source).KeyBy(mod7).Repartition("again").ForEach(func(_ context.Context, n int) error {
					if n < 10 {
						inner = source.Emit(context.Background(), n+10)
					}
					return nil
				})
				stop, err := top.Start(t.Context(), framework.Config{Workers: workers})
				if err != nil {
					t.Fatal(err)
				}
				emitAll(t, source, 1)
				if !errors.Is(inner, framework.ErrInside) {
					t.Errorf("inside it says %v", inner)
				}
				if err := stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A sink may wait as long as its context; a stop takes no longer than ShutdownTimeout.
func TestAStopWaitsForASinkAsLongAsTheShutdownTimeoutSays(t *testing.T) {
	untilEnd := func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }
	for name, c := range map[string]struct {
		build func(framework.Stream[none, int])
		takes time.Duration
		fails bool // something that was taken in is not done with
	}{
		"in front of buffers":     {func(s framework.Stream[none, int]) { s.ForEach(untilEnd) }, 0, false},
		"behind a buffer":         {func(s framework.Stream[none, int]) { s.Buffer(2).ForEach(untilEnd) }, 3 * time.Second, true},
		"behind a rendezvous":     {func(s framework.Stream[none, int]) { s.Buffer(0).ForEach(untilEnd) }, 3 * time.Second, true},
		"behind a rate limit":     {func(s framework.Stream[none, int]) { s.RateLimit(1, time.Hour).ForEach(untilEnd) }, 0, false},
		"behind a repartition":    {func(s framework.Stream[none, int]) { s.KeyBy(mod7).Repartition("again").ForEach(untilEnd) }, 3 * time.Second, true},
		"behind another's wait":   {func(s framework.Stream[none, int]) { s.Buffer(2).Buffer(0).ForEach(untilEnd) }, 3 * time.Second, true},
		"where nothing is waited": {func(s framework.Stream[none, int]) { s.ForEach(func(context.Context, int) error { return nil }) }, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				source := framework.NewInput[int]("numbers")
				top := framework.New()
				c.build(top.From(source))
				stop, err := top.Start(t.Context(), framework.Config{ShutdownTimeout: 3 * time.Second, Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				var emitters sync.WaitGroup
				for n := range 4 {
					emitters.Go(func() { source.Emit(context.Background(), n) })
				}
				time.Sleep(time.Second)
				began := time.Now()
				err = stop()
				if took := time.Since(began); took != c.takes || (err != nil) != c.fails {
					t.Errorf("it took %s and returned %v", took, err)
				}
				emitters.Wait()
			})
		})
	}
}

// A function that never returns cannot be ended; but Run returns and names it, and so does every Emit.
func TestEmittersAreLetGoWhenAFunctionNeverReturns(t *testing.T) {
	for name, build := range map[string]func(s framework.Stream[none, int], sink func(context.Context, int) error){
		"on an emitter's goroutine": func(s framework.Stream[none, int], sink func(context.Context, int) error) { s.ForEach(sink) },
		"behind a buffer":           func(s framework.Stream[none, int], sink func(context.Context, int) error) { s.Buffer(0).ForEach(sink) },
		"behind a repartition": func(s framework.Stream[none, int], sink func(context.Context, int) error) {
			s.KeyBy(mod7).Repartition("again").ForEach(sink)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				source := framework.NewInput[int]("numbers")
				never := make(chan bool)
				top := framework.New()
				build(top.From(source), func(context.Context, int) error { <-never; return nil })
				stop, err := top.Start(t.Context(), framework.Config{Workers: 2, Logger: slog.New(slog.DiscardHandler)})
				if err != nil {
					t.Fatal(err)
				}
				receipts := make(chan error, 4)
				for n := range 4 {
					go func() { receipts <- source.Emit(context.Background(), n) }()
				}
				time.Sleep(time.Second)
				if err := stop(); err == nil || !strings.Contains(err.Error(), "workers did not stop within 20s") {
					t.Errorf("Run says %v", err)
				}
				synctest.Wait()
				for range 3 { // the fourth is in the function
					select {
					case err := <-receipts:
						if !errors.Is(err, framework.ErrEnded) {
							t.Errorf("a receipt says %v", err)
						}
					default:
						if name == "on an emitter's goroutine" || len(receipts) == 0 {
							t.Error("an emitter still waits")
						}
					}
				}
				close(never)
			})
		})
	}
}

// A loop's record waits for its time with nobody held: the worker must be told all the same.
func TestWhatWaitsInALoopPassesInTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		source := framework.NewInput[int]("numbers")
		began := time.Now()
		var at []time.Duration
		stop := start(t, func(t *framework.Topology) {
			in, again := t.From(source).Loop("up", 4)
			up := in.Map(inc).RateLimit(100, time.Second).Filter(func(n int) bool { return n < 5 })
			up.ForEach(func(context.Context, int) error { at = append(at, time.Since(began)); return nil })
			up.To(again)
		})
		time.Sleep(time.Second / 2)
		began = time.Now()
		emitAll(t, source, 1)
		time.Sleep(3 * time.Second)
		if err := stop(); err != nil {
			t.Error(err)
		}
		if want := []time.Duration{0, 10 * time.Millisecond, 20 * time.Millisecond}; !slices.Equal(at, want) {
			t.Errorf("passed after %v, want %v", at, want)
		}
	})
}

func TestAnInputThatIsReadTwiceReachesBothReaders(t *testing.T) {
	bubble(t, func(t *testing.T) {
		source := framework.NewInput[int]("numbers")
		var a, b *framework.Collected[int]
		start(t, func(t *framework.Topology) {
			a = t.From(source).Collect()
			b = t.From(source).Map(double).Collect()
		})
		emitAll(t, source, 1, 2)
		if len(a.Values()) != 2 || len(b.Values()) != 2 {
			t.Errorf("one got %v, the other %v", a.Values(), b.Values())
		}
	})
}
