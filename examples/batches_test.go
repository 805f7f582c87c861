package examples_test

import (
	"fmt"

	"github.com/millrace/millrace/framework"
)

// The twin of streams of sequences: an element is a batch of numbers, so that what an element costs is paid once a batch.
func Example_batches() {
	t := framework.New()
	source := framework.NewInput[[]int]("batches")
	totals := t.From(source).
		Map(each(inc)).
		Map(only(even)).
		Scan("total", 0, func(total int, batch []int) int { return total + sum(batch) }).
		Collect()
	defer run(t)()

	emit(source, []int{1, 2, 3}, []int{4, 5})
	fmt.Println(totals.Values())
	// Output: [6 12]
}

// each returns a function that makes a batch of what f makes of each of its elements.
func each[V, U any](f func(V) U) func([]V) []U {
	return func(batch []V) (out []U) {
		for _, v := range batch {
			out = append(out, f(v))
		}
		return out
	}
}

// only returns a function that makes a batch of the elements for which keep is true.
func only[V any](keep func(V) bool) func([]V) []V {
	return func(batch []V) (out []V) {
		for _, v := range batch {
			if keep(v) {
				out = append(out, v)
			}
		}
		return out
	}
}
