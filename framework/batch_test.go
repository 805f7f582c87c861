package framework_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/millrace/millrace/connectors/memory"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/frameworktest"
)

type limits = framework.BatchLimit

// batched returns what batches come of records that are written as text, and of more of them by and by: "+50ms" moves the clock.
func batched(t *testing.T, limit limits, steps string) string {
	t.Helper()
	d := frameworktest.New(t, func(t *framework.Topology) {
		if strings.Contains(steps, "=-@") {
			t.Table("in", numbers).Stream().Batch(limit, digits).To(unkeyedOut)
		} else {
			t.From(numbers).Batch(limit, digits).To(unkeyedOut)
		}
	})
	for step := range strings.FieldsSeq(steps) {
		if by, ok := strings.CutPrefix(step, "+"); ok {
			pause, err := time.ParseDuration(by)
			if err != nil {
				t.Fatal(err)
			}
			d.AdvanceClock(pause)
		} else {
			pipeText(d, "in", step)
		}
	}
	return readText(d, "out")
}

func TestBatchIsHandedOnAtTheFirstLimitThatIsReached(t *testing.T) {
	for name, c := range map[string]struct {
		limit    limits
		in, want string
	}{
		"so many values, of any keys":                  {limits{Count: 2}, "a=1@10 b=2@20 a=3@30", "-=12@20"},
		"one value each":                               {limits{Count: 1}, "a=1@10 b=2@20", "-=1@10 -=2@20"},
		"without key too":                              {limits{Count: 2}, "-=1@10 b=2@20", "-=12@20"},
		"at the highest time of its records":           {limits{Count: 3}, "a=1@10 a=2@30 a=3@20", "-=123@30"},
		"a tombstone is left out":                      {limits{Count: 2}, "a=1@10 a=-@20 a=2@15", "-=12@15"},
		"so many bytes":                                {limits{Bytes: 3}, "a=1@1 a=2@2 a=3@3 a=4@4", "-=123@3"},
		"what would be too much begins the next":       {limits{Bytes: 3}, "a=1@1 a=2@2 a=34@3 a=5@4", "-=12@2 -=345@4"},
		"what is too large is a batch of its own":      {limits{Bytes: 3}, "a=1@1 a=2345@2 a=6@3 a=7@4 a=8@5", "-=1@1 -=2345@2 -=678@5"},
		"so long after its first value":                {limits{Time: time.Second}, "+300ms a=1@1 +900ms a=2@2 +99ms a=3@3 +1ms a=4@4 +999ms", "-=123@3"},
		"not at all where nothing came":                {limits{Time: time.Second}, "+1h a=1@1 +1h +1h", "-=1@1"},
		"the count before the time, which starts anew": {limits{Count: 2, Time: time.Second}, "a=1@1 +900ms a=2@2 a=3@3 +999ms a=4@4 a=5@5 +1s", "-=12@2 -=34@4 -=5@5"},
		"the time before the count":                    {limits{Count: 2, Time: time.Second}, "a=1@1 +1s a=2@2 a=3@3", "-=1@1 -=23@3"},
		"the bytes before the count":                   {limits{Count: 3, Bytes: 2}, "a=1@1 a=2@2 a=3@3", "-=12@2"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := batched(t, c.limit, c.in); got != c.want {
				t.Errorf("%s\n gives %s\n want  %s", c.in, got, c.want)
			}
		})
	}
}

func TestBuildRefusesABatchWithoutALimit(t *testing.T) {
	for want, limit := range map[string]limits{
		"batch (after [source in]): it has no limit: set Count, Bytes or Time": {},
		"batch (after [source in]): a limit of it is negative":                 {Count: -1, Time: time.Second},
	} {
		top := framework.New()
		top.From(numbers).Batch(limit, sum).To(unkeyedOut)
		if _, err := top.Plan("app"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	top := framework.New()
	top.From(numbers).Map(func(int) chan int { return nil }).Batch(limits{Bytes: 1}, func([]chan int) int { return 0 }).To(unkeyedOut)
	if _, err := top.Plan("app"); err == nil || !strings.Contains(err.Error(), "batch") || !strings.Contains(err.Error(), "chan int") {
		t.Errorf("got %v, want that values without a codec cannot be measured", err)
	}
}

func TestABatchThatIsNotFullIsReadAgainAfterACrash(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).Batch(limits{Count: 3}, digits).To(unkeyedOut)
	})
	pipeText(d, "in", "a=1@1 b=2@2 a=3@3 a=4@4 b=5@5")
	d.Rebuild()
	pipeText(d, "in", "a=6@6")
	if got := readText(d, "out"); got != "-=123@3 -=456@6" {
		t.Errorf("got %s", got)
	}
}

func TestTheSliceOfABatchMayBeKept(t *testing.T) {
	var got *framework.Collected[[]int]
	d := frameworktest.New(t, func(t *framework.Topology) {
		got = t.From(numbers).Batch(limits{Count: 2}, func(batch []int) []int { return batch }).Collect()
	})
	pipeText(d, "in", "a=1@1 a=2@2 a=3@3 a=4@4")
	if want := [][]int{{1, 2}, {3, 4}}; fmt.Sprint(got.Values()) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got.Values(), want)
	}
}

func TestAPanicInTheFoldOfABatchNamesIt(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).Batch(limits{Count: 2}, func([]int) int { panic("no") }).To(unkeyedOut)
	})
	pipeText(d, "in", "a=1@1")
	err := d.TryPipeRaw("in", rawOf("a=2@2"))
	if want := "operator batch 1, topic in, partition 0, offset 1: panic: no"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAfterABatchFailedNothingMoreIsTaken(t *testing.T) {
	calls := 0
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).Batch(limits{Count: 2}, sum).ForEach(func(context.Context, int) error { calls++; return errBroken })
	})
	err := d.TryBatch(func() { pipeText(d, "in", "a=1@1 a=2@2 a=3@3 a=4@4") })
	if !errors.Is(err, errBroken) || calls != 1 {
		t.Errorf("after %v there were %d calls", err, calls)
	}
}

var errFull = errors.New("database is full")

func TestAnEmitterIsToldOfTheBatchThatItsValueFills(t *testing.T) {
	source := framework.NewInput[int]("numbers")
	written := [][]int(nil)
	stop := start(t, func(t *framework.Topology) {
		t.From(source).Map(inc).Batch(limits{Count: 2}, slices.Clone).ForEach(func(_ context.Context, rows []int) error {
			if len(written) == 2 {
				return errFull
			}
			written = append(written, rows)
			return nil
		})
	})
	emitAll(t, source, 1, 2, 3, 4, 5)
	err := source.Emit(t.Context(), 6)
	if want := "operator for-each 3, topic numbers, partition 0, offset 5: database is full"; err == nil || err.Error() != want {
		t.Errorf("the receipt says %v, want %s", err, want)
	}
	if err := source.Emit(t.Context(), 7); !errors.Is(err, errFull) {
		t.Errorf("the next says %v", err)
	}
	if err := stop(); !errors.Is(err, errFull) {
		t.Errorf("the run ended with %v: a value that was taken is lost", err)
	}
	if fmt.Sprint(written) != "[[2 3] [4 5]]" {
		t.Errorf("written %v", written)
	}
}

// A database that blocks, then is full, behind a buffer of ten batches.
func TestBackPressureGoesThroughABufferOfBatchesToTheEmitter(t *testing.T) {
	bubble(t, func(t *testing.T) {
		source := framework.NewInput[int]("numbers")
		entered, leave := make(chan []int, 1), make(chan error)
		stop := start(t, func(t *framework.Topology) {
			t.From(source).Map(inc).Batch(limits{Count: 2}, slices.Clone).Buffer(10).ForEach(func(_ context.Context, rows []int) error {
				entered <- rows
				return <-leave
			})
		})
		for n := range 20 { // ten batches: one is being written, nine wait
			emitAll(t, source, n)
		}
		if rows := <-entered; !slices.Equal(rows, []int{1, 2}) {
			t.Errorf("the first rows are %v", rows)
		}
		receipt := make(chan error, 1)
		go func() { receipt <- source.Emit(t.Context(), 20) }()
		synctest.Wait()
		select {
		case err := <-receipt:
			t.Fatalf("emit returned %v with a full buffer", err)
		default:
		}
		leave <- errFull
		if err := <-receipt; !errors.Is(err, errFull) || !errors.Is(err, framework.ErrEnded) {
			t.Errorf("the receipt says %v", err)
		}
		if err := stop(); !errors.Is(err, errFull) {
			t.Errorf("the run ended with %v", err)
		}
	})
}

func TestAStopHandsOnABatchThatIsNotFull(t *testing.T) {
	for name, build := range map[string]func(s framework.Stream[none, int]) *framework.Collected[[]int]{
		"alone": func(s framework.Stream[none, int]) *framework.Collected[[]int] {
			return s.Batch(limits{Count: 4}, slices.Clone).Collect()
		},
		"behind a buffer": func(s framework.Stream[none, int]) *framework.Collected[[]int] {
			return s.Buffer(2).Batch(limits{Count: 4}, slices.Clone).Buffer(0).Collect()
		},
	} {
		t.Run(name, func(t *testing.T) {
			source := framework.NewInput[int]("numbers")
			var got *framework.Collected[[]int]
			stop := start(t, func(t *framework.Topology) { got = build(t.From(source)) })
			emitAll(t, source, 1, 2, 3, 4, 5, 6)
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got.Values()) != "[[1 2 3 4] [5 6]]" {
				t.Errorf("got %v", got.Values())
			}
		})
	}
}

func TestAStopHandsOnABatchOfWhatItsLastRoundMakes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		stopAfterARound(t, func(s framework.Stream[none, int64]) framework.Stream[none, int64] {
			return s.Batch(limits{Count: 9}, last[int64])
		})
	})
}

func TestBehindARepartitionAnEmitterWaitsForTheBatch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		source := framework.NewInput[int]("numbers")
		var got *framework.Collected[int]
		start(t, func(t *framework.Topology) {
			got = t.From(source).KeyBy(mod7).Repartition("again").Batch(limits{Count: 2, Time: time.Minute}, sum).Collect()
		})
		began := time.Now()
		emitAll(t, source, 1)
		if took := time.Since(began); took < time.Minute || took > 2*time.Minute {
			t.Errorf("it waited %s for a batch that takes a minute", took)
		}
		if !slices.Equal(got.Values(), []int{1}) {
			t.Errorf("got %v", got.Values())
		}
	})
}

func TestABoundedRunEndsWithABatchThatIsNotFull(t *testing.T) {
	for name, build := range map[string]func(s framework.Stream[none, int]) framework.Stream[none, []int]{
		"alone": func(s framework.Stream[none, int]) framework.Stream[none, []int] {
			return s.Batch(limits{Count: 4}, slices.Clone)
		},
		"one of the other": func(s framework.Stream[none, int]) framework.Stream[none, []int] {
			return s.Batch(limits{Count: 4}, slices.Clone).Batch(limits{Count: 9}, func(batches [][]int) []int { return slices.Concat(batches...) })
		},
		"behind a buffer": func(s framework.Stream[none, int]) framework.Stream[none, []int] {
			return s.Buffer(10).Batch(limits{Count: 4}, slices.Clone)
		},
		"of what the end of a round makes": func(s framework.Stream[none, int]) framework.Stream[none, []int] {
			counts := s.GroupBy(func(n int) int { return n }).Count("counts").Stream()
			return counts.MapRecord(func(_ context.Context, r framework.Record[int, int64]) (framework.Record[int, int], error) {
				return r.WithValue(r.Key), nil
			}).Batch(limits{Count: 4}, slices.Clone)
		},
		"behind a repartition": func(s framework.Stream[none, int]) framework.Stream[none, []int] {
			return s.KeyBy(func(int) string { return "" }).Repartition("again").Batch(limits{Count: 4}, slices.Clone)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				in := memory.Topic("numbers", codec.None, codec.Int)
				top, topics := framework.New(), memory.New()
				got := build(top.From(in)).Collect()
				app, err := top.Build(framework.Config{
					Name: "app", Connectors: []connector.Connector{topics}, Bounded: true, Logger: slog.New(slog.DiscardHandler),
				})
				if err != nil {
					t.Fatal(err)
				}
				if err := topics.CreateTopic(in.Name(), 1); err != nil {
					t.Fatal(err)
				}
				for n := range 6 {
					if err := memory.Write(topics, in, framework.Record[none, int]{Value: n, Time: at(int64(n))}); err != nil {
						t.Fatal(err)
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := app.Run(ctx); err != nil || ctx.Err() != nil {
					t.Errorf("the run ended with %v, %v", err, ctx.Err())
				}
				if values := slices.Concat(got.Values()...); !slices.Equal(slices.Sorted(slices.Values(values)), []int{0, 1, 2, 3, 4, 5}) {
					t.Errorf("got %v", got.Values())
				}
			})
		})
	}
}

func ExampleStream_Batch() {
	rows := frameworktest.Topic("rows", codec.String, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(rows).
			Batch(framework.BatchLimit{Count: 3, Time: time.Second}, slices.Clone).
			ForEach(func(_ context.Context, rows []int) error { fmt.Println("insert", rows); return nil })
	})
	for n := range 4 {
		d.Pipe(rows, "a", n, at(0))
	}
	d.AdvanceClock(time.Second)
	// Output:
	// insert [0 1 2]
	// insert [3]
}
