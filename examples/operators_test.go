package examples_test

import (
	"fmt"

	"github.com/millrace/millrace/framework"
)

// filter is an operator as a user writes it: from the Emit of what is behind it to the Emit that takes its input.
func filter[K comparable, V any](keep func(V) bool, _ *framework.Op, next framework.Emit[K, V]) framework.Emit[K, V] {
	return func(m *framework.Meta, k K, v V) error {
		if !keep(v) {
			return nil
		}
		return next(m, k, v)
	}
}

// The twin of the definition of filter.
func Example_ownFilter() {
	t := framework.New()
	source := framework.NewInput[int]("source")
	evens := t.From(source).With("", filter, even).Collect()
	defer run(t)()

	emit(source, 1, 2, 3, 4)
	fmt.Println(evens.Values())
	// Output: [2 4]
}

// timedWindow collects what comes on one input and hands it on with each tick on the other. It is for inputs in memory: what it
// has collected is not read again after a crash, as it is with Stream.TimedWindow.
func timedWindow[K comparable, V, T any](_ *framework.Op, next framework.Emit[K, []V]) (framework.Emit[K, V], framework.Emit[K, T]) {
	var batch []V
	collect := func(_ *framework.Meta, _ K, v V) error { batch = append(batch, v); return nil }
	return collect, func(m *framework.Meta, k K, _ T) error {
		full := batch
		batch = nil
		return next(m, k, full)
	}
}

// The twin of the definition of timed_window. In a program a time.Ticker says when to emit
// a tick; the receipt of a tick is that of its batch.
func Example_ownTimedWindow() {
	t := framework.New()
	source, ticks := framework.NewInput[int]("source"), framework.NewInput[struct{}]("ticks")
	batches := t.From(source).Process2("", t.From(ticks), timedWindow).Collect()
	defer run(t)()

	emit(source, 1, 2)
	emit(ticks, struct{}{}, struct{}{})
	emit(source, 3)
	emit(ticks, struct{}{})
	fmt.Println(batches.Values())
	// Output: [[1 2] [] [3]]
}
