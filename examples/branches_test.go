package examples_test

import (
	"fmt"

	"github.com/millrace/millrace/framework"
)

// The twin of the section Branching: a stream that is used twice. Scan begins with a number that is given, so that the first
// difference is 0 - 3.
func Example_branches() {
	t := framework.New()
	source := framework.NewInput[int]("source")
	s := t.From(source).Map(inc)
	evens := s.Filter(even).Scan("evens", 0, add).Collect()
	odds := s.Filter(odd).Scan("odds", 0, sub).Collect()
	defer run(t)()

	emit(source, 1, 2, 3, 4, 5)
	fmt.Println(evens.Values(), odds.Values())
	// Output: [2 6 12] [-3 -8]
}

// The twin of the second block of Branching: the latest of two streams, summed whenever one of them gets a number.
func Example_combineLatest() {
	t := framework.New()
	source, second := framework.NewInput[int]("source"), framework.NewInput[int]("second")
	odds := t.From(source).Map(inc).Filter(odd)
	sums := framework.CombineLatest("latest", sum, t.From(second), odds).Collect()
	defer run(t)()

	emit(source, 2)
	emit(second, 10, 20)
	emit(source, 4)
	fmt.Println(sums.Values())
	// Output: [13 23 25]
}
