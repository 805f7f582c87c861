package bench

import (
	"context"
	"iter"
	"math"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
)

// seed are the functions of the chain map.filter.accumulate.sink: values, so that no side inlines them.
var seed = struct {
	inc  func(int) int
	even func(int) bool
	add  func(int, int) int
	sink func(context.Context, int) error
}{
	inc:  inc,
	even: func(n int) bool { return n%2 == 0 },
	add:  func(total, n int) int { return total + n },
	sink: func(_ context.Context, total int) error { sum += total; return nil },
}

// reported is the threshold of what has none.
var reported = math.Inf(1)

// seedChain is the chain without its sink.
func seedChain(s framework.Stream[framework.None, int]) framework.Stream[framework.None, int] {
	return s.Map(seed.inc).Filter(seed.even).Scan("total", 0, seed.add)
}

// seedOperators sends numbers into the chain's first operator, as a task does with what it has decoded.
func seedOperators(tb testing.TB) func() {
	return drive(tb, codec.None, framework.None{}, seedChain)
}

// seedTask sends records through a task: Step, which sees to offsets and times, the codec of the numbers, the chain.
func seedTask(tb testing.TB) func() {
	tb.Helper()
	t := framework.New()
	seedChain(t.From(topic("numbers", codec.Int))).ForEach(seed.sink)
	plan, err := t.Plan("bench")
	if err != nil {
		tb.Fatal(err)
	}
	env := argument(plan.Build)
	env.Context, env.Partitions, env.Tasks = tb.Context(), make([]int32, len(plan.Topics)), 1
	for i := range env.Partitions {
		env.Partitions[i] = 1
	}
	task, err := plan.Build(env)
	if err != nil {
		tb.Fatal(err)
	}
	records := make([]connector.Record, chunkRecords)
	for i := range records {
		value, err := codec.Int.Append(nil, i)
		if err != nil {
			tb.Fatal(err)
		}
		records[i] = connector.Record{Offset: int64(i), Time: int64(i), Value: value}
	}
	return func() {
		if _, err := task.Step(0, records); err != nil {
			tb.Fatal(err)
		}
		for i := range records {
			records[i].Offset += chunkRecords
		}
	}
}

// argument returns the zero value of what f takes, whose type has no name outside the framework.
func argument[A, R any](func(A) (R, error)) (zero A) { return zero }

// seedInput emits numbers one by one, each with its receipt.
func seedInput(tb testing.TB) func() {
	tb.Helper()
	numbers := framework.NewInput[int]("numbers")
	startGraph(tb, func(t *framework.Topology) { seedChain(t.From(numbers)).ForEach(seed.sink) })
	return emitChunk(tb, numbers)
}

// seedLoop is the chain as a loop.
func seedLoop() func() {
	ctx, total := context.Background(), 0
	return func() {
		for i := range chunkRecords {
			v := seed.inc(i)
			if !seed.even(v) {
				continue
			}
			total = seed.add(total, v)
			if seed.sink(ctx, total) != nil {
				return
			}
		}
	}
}

// seedIterators is the chain as Go iterators, ranged over.
func seedIterators() func() {
	ctx, total := context.Background(), 0
	return func() {
		for total = range accumulated(filtered(mapped(numbers, seed.inc), seed.even), total, seed.add) {
			if seed.sink(ctx, total) != nil {
				return
			}
		}
	}
}

func numbers(yield func(int) bool) {
	for i := range chunkRecords {
		if !yield(i) {
			return
		}
	}
}

func mapped[V, U any](in iter.Seq[V], f func(V) U) iter.Seq[U] {
	return func(yield func(U) bool) {
		for v := range in {
			if !yield(f(v)) {
				return
			}
		}
	}
}

func filtered[V any](in iter.Seq[V], keep func(V) bool) iter.Seq[V] {
	return func(yield func(V) bool) {
		for v := range in {
			if keep(v) && !yield(v) {
				return
			}
		}
	}
}

func accumulated[V, A any](in iter.Seq[V], acc A, f func(A, V) A) iter.Seq[A] {
	return func(yield func(A) bool) {
		for v := range in {
			acc = f(acc, v)
			if !yield(acc) {
				return
			}
		}
	}
}

func BenchmarkTheSeedsChainAgainstALoop(b *testing.B) {
	compare(b, "map.filter.accumulate.sink", seedOperators(b), "a loop over four function values", seedLoop(), 4)
}

func BenchmarkTheSeedsChainThroughATaskAgainstALoop(b *testing.B) {
	compare(b, "map.filter.accumulate.sink from bytes, by Step", seedTask(b), "a loop over four function values", seedLoop(), reported)
}

func BenchmarkTheSeedsChainAgainstIterators(b *testing.B) {
	compare(b, "map.filter.accumulate.sink", seedOperators(b), "Go iterators", seedIterators(), reported)
}

func BenchmarkTheSeedsChainEmittedAgainstALoop(b *testing.B) {
	compare(b, "map.filter.accumulate.sink, each emitted with receipt", seedInput(b), "a loop over four function values", seedLoop(), reported)
}

func TestAllSidesOfTheSeedComputeTheSame(t *testing.T) {
	results := map[string]int{}
	for name, side := range map[string]func(){
		"operators": seedOperators(t), "task": seedTask(t), "input": seedInput(t), "loop": seedLoop(), "iterators": seedIterators(),
	} {
		before := sum
		side()
		side() // the accumulator goes on
		results[name] = sum - before
	}
	for name, got := range results {
		if want := results["loop"]; got != want {
			t.Errorf("%s: the sink got %d in all, the loop's %d", name, got, want)
		}
	}
}
