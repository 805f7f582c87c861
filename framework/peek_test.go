package framework_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestPeekLetsEverythingPass(t *testing.T) {
	look := func(n int) { present(n) }
	checkStream(t, func(s framework.Stream[string, int]) { s.Peek(look).To(results) },
		check{"key, value and time stay", "a=1@10 b=2@20", "a=1@10 b=2@20"},
		check{"no key stays no key", "-=1@10", "-=1@10"},
		check{"a tombstone passes without a call", "a=1@10 a=-@20", "a=1@10 a=-@20"},
	)
}

func TestPeekSeesEachValueOnce(t *testing.T) {
	var seen []int
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).Peek(func(n int) { seen = append(seen, n) }).To(results)
	})
	pipeText(d, "in", "a=1@0 b=2@0")
	if want := []int{1, 2}; !slices.Equal(seen, want) {
		t.Errorf("saw %v, want %v", seen, want)
	}
}

func ExampleStream_Peek() {
	numbers := frameworktest.Topic("numbers", codec.None, codec.Int)
	same := frameworktest.Topic("same", codec.None, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(numbers).Peek(func(n int) { fmt.Println("saw", n) }).To(same)
	})
	pipe(d, numbers, 1, 2)
	fmt.Println(values(d.Read(same)))
	// Output:
	// saw 1
	// saw 2
	// [1 2]
}
