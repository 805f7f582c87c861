package examples_test

import (
	"fmt"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/frameworktest"
)

// The twin of Recursion and Feedback: sums of the last two numbers, fed back at two a second. The clock is a test's; apps/fib is
// the program, in memory and through a topic.
func Example_fibonacci() {
	source := framework.NewInput[int]("source")
	var numbers *framework.Collected[int]
	clock := frameworktest.New(nil, func(t *framework.Topology) {
		in, again := t.From(source).Loop("again", 1)
		s := in.Sliding("last-two", 2, sum)
		numbers = s.Collect()
		s.RateLimit(2, time.Second).To(again)
	})

	emit(source, 0, 1)
	for range 3 {
		fmt.Println(numbers.Values())
		clock.AdvanceClock(2 * time.Second)
	}
	// Output:
	// [1 2]
	// [1 2 3 5 8 13]
	// [1 2 3 5 8 13 21 34 55 89]
}
