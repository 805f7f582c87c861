package framework_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestCollectKeepsValuesInTheOrderOfArrival(t *testing.T) {
	var all *framework.Collected[int]
	d := frameworktest.New(t, func(t *framework.Topology) { all = t.Table("in", numbers).Stream().Collect() })
	if got := all.Values(); len(got) != 0 {
		t.Errorf("before anything came: %v", got)
	}
	pipeText(d, "in", "b=3@10 a=1@20 a=-@30 a=2@5")
	got := all.Values()
	if want := []int{3, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	got[0] = 0
	if again := all.Values(); again[0] != 3 {
		t.Error("the caller's copy is the collection itself")
	}
}

func TestCollectIsReadWhileTasksAddToIt(t *testing.T) {
	var all *framework.Collected[int]
	d := frameworktest.Config{Partitions: 3}.New(t, func(t *framework.Topology) { all = t.From(numbers).Collect() })
	reading := make(chan int)
	go func() {
		n := 0
		for range 100 {
			n = max(n, len(all.Values()))
		}
		reading <- n
	}()
	for i := range 100 {
		pipeText(d, "in", fmt.Sprintf("%d=1@0", i))
	}
	if n := <-reading; n > 100 || len(all.Values()) != 100 {
		t.Errorf("%d values while 100 were added, %d afterwards", n, len(all.Values()))
	}
}

func ExampleStream_Collect() {
	in := frameworktest.Topic("in", codec.None, codec.Int)
	var got *framework.Collected[int]
	d := frameworktest.New(nil, func(t *framework.Topology) {
		got = t.From(in).Map(double).Scan("total", 0, framework.Add).Collect()
	})
	pipe(d, in, 1, 2, 3)
	fmt.Println(got.Values())
	// Output: [2 6 12]
}
