package framework_test

import (
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestReduceFoldsTheValuesOfEachKeyBeginningWithTheFirst(t *testing.T) {
	minus := func(a, b int) int { return present(a) - present(b) }
	checkStream(t, func(s framework.Stream[string, int]) { s.Grouped().Reduce("rest", minus).To(results) },
		check{"in the order in which they came", "a=100@10 b=7@20 a=20@30 a=3@40", "a=100@10 b=7@20 a=80@30 a=77@40"},
		check{"with the highest time of what went in", "a=9@30 a=1@10", "a=9@30 a=8@30"},
		check{"a record without key and a tombstone are left out", "a=5@10 a=-@20 a=1@30", "a=5@10 a=4@30"},
	)
}

func TestReduceIsNotCombinedBeforeItsRepartition(t *testing.T) {
	minus := func(a, b int) int { return a - b }
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).GroupBy(parity).Reduce("rest", minus).To(results) })
	d.Batch(func() { pipeText(d, "in", "a=101@10 a=3@20 a=5@30") })
	if got, want := readText(d, "test-rest-repartition"), "odd=101@10 odd=3@20 odd=5@30"; got != want {
		t.Errorf("the repartition topic holds %s, want %s", got, want)
	}
	if got, want := readText(d, "out"), "odd=93@30"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestReduceGoesOnFromItsStoreAfterARebuild(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).Grouped().Reduce("sums", add).To(results) })
	pipeText(d, "in", "a=1@10 a=2@20")
	d.Rebuild()
	pipeText(d, "in", "a=3@5")
	if got, want := readText(d, "out"), "a=1@10 a=3@20 a=6@20"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func ExampleGrouped_Reduce() {
	bids := frameworktest.Topic("bids", codec.String, codec.Int)
	highest := frameworktest.Topic("highest-bids", codec.String, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(bids).Grouped().Reduce("highest", func(a, b int) int { return max(a, b) }).To(highest)
	})
	for _, bid := range []int{10, 30, 20} {
		d.Pipe(bids, "chair", bid, at(0))
	}
	show(d.Read(highest))
	// Output:
	// chair 10
	// chair 30
	// chair 30
}
