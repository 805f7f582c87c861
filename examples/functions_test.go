package examples_test

import (
	"context"

	"github.com/millrace/millrace/framework"
)

func inc(n int) int      { return n + 1 }
func even(n int) bool    { return n%2 == 0 }
func odd(n int) bool     { return n%2 != 0 }
func add(a, b int) int   { return a + b }
func sub(a, b int) int   { return a - b }
func some(ns []int) bool { return len(ns) > 0 }
func sum(ns []int) (total int) {
	for _, n := range ns {
		total += n
	}
	return total
}

// run runs a graph in memory, in the background; stop ends it when all that was emitted is done with.
func run(t *framework.Topology) (stop func()) {
	end, err := t.Start(context.Background(), framework.Config{})
	must(err)
	return func() { must(end()) }
}

// emit emits values one by one, each when the one before is done with.
func emit[V any](source *framework.Input[V], values ...V) {
	for _, v := range values {
		must(source.Emit(context.Background(), v))
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
