package framework_test

import (
	"fmt"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestThenPutsAFunctionOverStreamsIntoTheChain(t *testing.T) {
	positive := func(s framework.Stream[string, int]) framework.Stream[string, int] {
		return s.Filter(even).Map(double)
	}
	checkStream(t, func(s framework.Stream[string, int]) { s.Then(positive).Then(positive).To(results) },
		check{"with all that it makes of them", "a=1@10 b=2@20", "b=8@20"},
		check{"a tombstone passes", "a=2@10 a=-@20", "a=8@10 a=-@20"},
	)
}

// Positive is for streams of integers only, which a method of Stream cannot say.
func Positive[K comparable, N framework.Number](s framework.Stream[K, N]) framework.Stream[K, N] {
	return s.Filter(func(n N) bool { return n > 0 })
}

func ExampleStream_Then() {
	// func Positive[K comparable, N framework.Number](s framework.Stream[K, N]) framework.Stream[K, N]
	numbers := frameworktest.Topic("numbers", codec.None, codec.Int)
	positive := frameworktest.Topic("positive", codec.None, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(numbers).Then(Positive).To(positive)
	})
	pipe(d, numbers, -1, 2, -3, 4)
	fmt.Println(values(d.Read(positive)))
	// Output: [2 4]
}
