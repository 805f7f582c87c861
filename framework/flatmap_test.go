package framework_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestFlatMapTurnsEachValueIntoAnyNumberOfValues(t *testing.T) {
	upTo := func(n int) (to []int) {
		for i := range present(n) - 1 {
			to = append(to, i+1)
		}
		return to
	}
	checkStream(t, func(s framework.Stream[string, int]) { s.FlatMap(upTo).To(results) },
		check{"in the order of the slice, with the record's key and time", "a=3@10 b=4@20", "a=1@10 a=2@10 b=1@20 b=2@20 b=3@20"},
		check{"to none as well", "a=1@10 b=2@20", "b=1@20"},
		check{"no key stays no key", "-=3@10", "-=1@10 -=2@10"},
		check{"a tombstone passes without a call, once", "a=3@10 a=-@20", "a=1@10 a=2@10 a=-@20"},
	)
}

func TestFlatMapTakesASliceThatIsUsedAgain(t *testing.T) {
	again := make([]int, 2)
	twice := func(n int) []int {
		again[0], again[1] = n, n
		return again
	}
	keep := framework.FoldNew(func() []int { return nil }, func(all []int, n int) []int { return append(all, n) })
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).FlatMap(twice).Grouped().Aggregate("all", keep)
	})
	d.Batch(func() { pipeText(d, "in", "a=1@0 a=2@0") })
	got, _ := d.Get(framework.StoreOf[string, []int]("all"), "a")
	if want := []int{1, 1, 2, 2}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFlatMapStopsAtTheFirstChildThatFails(t *testing.T) {
	var seen []int
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).FlatMap(func(n int) []int { return []int{n, n + 1, n + 2} }).
			TryMap(func(n int) (int, error) {
				if seen = append(seen, n); n == 2 {
					return 0, errBroken
				}
				return n, nil
			}).To(results)
	})
	if err := d.TryPipeRaw("in", rawOf("a=1@0")); err == nil {
		t.Error("the error is lost")
	}
	if want := []int{1, 2}; !slices.Equal(seen, want) {
		t.Errorf("children %v went on, want %v", seen, want)
	}
}

func ExampleStream_FlatMap() {
	texts := frameworktest.Topic("texts", codec.None, codec.String)
	words := frameworktest.Topic("words", codec.None, codec.String)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(texts).FlatMap(strings.Fields).To(words)
	})
	pipe(d, texts, "to be or", "", "not to be")
	fmt.Printf("%q\n", values(d.Read(words)))
	// Output: ["to" "be" "or" "not" "to" "be"]
}
