// Package everywhere has graphs as functions of their topics, and places to run them in: the memory of the process, files, and
// brokers of Kafka, embedded or not. The topics are all that differs.
package everywhere

import (
	"context"
	"slices"
	"time"

	"github.com/millrace/millrace/framework"
)

type (
	topic[V any] = framework.Topic[framework.None, V]
	graph        = func(*framework.Topology)
)

// Sums of even numbers: a chain.
func chain(in, out topic[int]) graph {
	return func(t *framework.Topology) { t.From(in).Map(inc).Filter(even).Scan("total", 0, add).To(out) }
}

// A stream that is used twice.
func branches(in, evens, odds topic[int]) graph {
	return func(t *framework.Topology) {
		s := t.From(in).Map(inc)
		s.Filter(even).Scan("evens", 0, add).To(evens)
		s.Filter(odd).Scan("odds", 0, sub).To(odds)
	}
}

// The latest of two streams, summed.
func combineLatest(first, second, out topic[int]) graph {
	return func(t *framework.Topology) {
		odds := t.From(first).Map(inc).Filter(odd)
		framework.CombineLatest("latest", sum, t.From(second), odds).To(out)
	}
}

// A sink that is a function: a record is done with when write returns.
func writeToDatabase(in topic[int], write func(context.Context, int) error) graph {
	return func(t *framework.Topology) { t.From(in).Map(inc).Scan("total", 0, add).ForEach(write) }
}

// A queue before the part that is slow.
func buffered(in, out topic[int]) graph {
	return func(t *framework.Topology) { t.From(in).Map(inc).Buffer(2).Map(inc).To(out) }
}

// At most a thousand a second.
func rateLimited(in, out topic[int]) graph {
	return func(t *framework.Topology) { t.From(in).Map(inc).RateLimit(1000, time.Second).To(out) }
}

// What came in each 10 ms; which that is, is the clock's luck.
func timedWindow(in topic[int], out topic[[]int]) graph {
	return func(t *framework.Topology) {
		t.From(in).TimedWindow(10*time.Millisecond, slices.Clone).Filter(some).Map(each(inc)).Buffer(10).To(out)
	}
}

// Fibonacci's numbers, fed back.
func fibonacci(in, out topic[int]) graph {
	return func(t *framework.Topology) {
		in, again := t.From(in).Loop("again", 1)
		s := in.Sliding("last-two", 2, sum)
		s.To(out)
		s.RateLimit(1000, time.Second).Filter(func(n int) bool { return n < 50 }).To(again)
	}
}

// An operator of one's own.
func ownFilter(in, out topic[int]) graph {
	return func(t *framework.Topology) { t.From(in).With("", filter, even).To(out) }
}

func filter[K comparable, V any](keep func(V) bool, _ *framework.Op, next framework.Emit[K, V]) framework.Emit[K, V] {
	return func(m *framework.Meta, k K, v V) error {
		if !keep(v) {
			return nil
		}
		return next(m, k, v)
	}
}

// Elements that are batches.
func batches(in, out topic[[]int]) graph {
	return func(t *framework.Topology) { t.From(in).Map(each(inc)).Filter(some).To(out) }
}

// Numbers counted by their last digit, over several partitions, by two workers. Files have no keys: the key is in the value.
func cluster(in topic[int], out topic[row]) graph {
	return func(t *framework.Topology) {
		t.From(in).Map(inc).GroupBy(lastDigit).Count("counts").Stream().MapRecord(rowOf).To(out)
	}
}

type row struct {
	Digit int
	Count int64
}

func rowOf(_ context.Context, r framework.Record[int, int64]) (framework.Record[framework.None, row], error) {
	return r.WithKey(framework.None{}).WithValue(row{r.Key, r.Value}), nil
}

func inc(n int) int       { return n + 1 }
func even(n int) bool     { return n%2 == 0 }
func odd(n int) bool      { return n%2 != 0 }
func add(a, b int) int    { return a + b }
func sub(a, b int) int    { return a - b }
func lastDigit(n int) int { return n % 10 }
func some(ns []int) bool  { return len(ns) > 0 }

func sum(ns []int) (total int) {
	for _, n := range ns {
		total += n
	}
	return total
}

func each(f func(int) int) func([]int) []int {
	return func(ns []int) []int {
		out := make([]int, len(ns))
		for i, n := range ns {
			out[i] = f(n)
		}
		return out
	}
}
