package examples_test

import (
	"context"
	"fmt"

	"github.com/millrace/millrace/framework"
)

// The twin of the section Streams: a source, map, filter and accumulate, a sink that appends to a list, and numbers that are
// emitted one by one. Accumulate is Scan: the total is kept in a store, which has a name.
func Example_chain() {
	t := framework.New()
	source := framework.NewInput[int]("source")
	s := t.From(source).
		Map(inc).
		Filter(even).
		Scan("total", 0, add)

	var results []int
	s.ForEach(func(_ context.Context, total int) error { results = append(results, total); return nil })
	defer run(t)()

	emit(source, 1, 2, 3, 4, 5)
	fmt.Println(results)
	// Output: [2 6 12]
}
