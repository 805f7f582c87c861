package framework_test

import (
	"fmt"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestMergeGivesOneStreamOfSeveral(t *testing.T) {
	checkStream(t, func(s framework.Stream[string, int]) { s.Merge(s.Map(double), s.Filter(even)).To(results) },
		check{"each record of each stream", "a=1@10 b=2@20", "a=2@10 a=1@10 b=4@20 b=2@20 b=2@20"},
		check{"no key stays no key", "-=1@10", "-=2@10 -=1@10"},
		check{"tombstones as well", "a=2@10 a=-@20", "a=4@10 a=2@10 a=2@10 a=-@20 a=-@20 a=-@20"},
	)
	checkStream(t, func(s framework.Stream[string, int]) { s.Merge().To(results) },
		check{"of one stream is that stream", "a=1@10", "a=1@10"})
	checkStream(t, func(s framework.Stream[string, int]) { s.Merge(s).To(results) },
		check{"of a stream with itself has each record twice", "a=1@10", "a=1@10 a=1@10"})
}

func TestMergeTakesRecordsThatWaitInTheOrderOfTheirTimes(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).Merge(t.From(more)).To(results) })
	d.Batch(func() {
		pipeText(d, "in", "a=1@10 a=2@30")
		pipeText(d, "more", "b=1@5 b=2@20 b=3@40")
	})
	if got, want := readText(d, "out"), "b=1@5 a=1@10 b=2@20 a=2@30 b=3@40"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMergeOfAStreamWhoseKeyChangedIsRepartitionedBeforeAnAggregate(t *testing.T) {
	d := frameworktest.Config{Partitions: 3}.New(t, func(t *framework.Topology) {
		s := t.From(numbers)
		s.Merge(s.KeyBy(parity)).Grouped().Count("counts")
	})
	pipeText(d, "in", "a=1@0 b=2@0 a=3@0 b=5@0 c=7@0 d=9@0 e=11@0") // odd values in several partitions
	equalContent(t, d, "counts", map[string]int64{"a": 2, "b": 2, "c": 1, "d": 1, "e": 1, "odd": 6, "even": 1})
}

func TestMergeKeepsInMindThatAUsersOperatorMayHaveChangedTheKey(t *testing.T) {
	rename := func(_ *framework.Op, next emit) emit {
		return func(m *framework.Meta, k string, n int) error { return next(m, k+"!", n) }
	}
	d := frameworktest.New(t, func(t *framework.Topology) {
		s := t.From(numbers)
		s.Filter(even).Merge(s.Process("renaming", rename)).Grouped().Count("counts")
	})
	if err := d.TryPipeRaw("in", rawOf("a=1@0")); err == nil {
		t.Error("the changed key was not noticed")
	}
}

func ExampleStream_Merge() {
	web := frameworktest.Topic("web-orders", codec.None, codec.Int)
	shop := frameworktest.Topic("shop-orders", codec.None, codec.Int)
	all := frameworktest.Topic("orders", codec.None, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(web).Merge(t.From(shop)).To(all)
	})
	pipe(d, web, 1)
	pipe(d, shop, 2)
	pipe(d, web, 3)
	fmt.Println(values(d.Read(all)))
	// Output: [1 2 3]
}
