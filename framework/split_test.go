package framework_test

import (
	"fmt"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestSplitSendsEachValueToTheFirstConditionThatIsTrue(t *testing.T) {
	large := func(n int) bool { return present(n) > 9 }
	for _, c := range []struct{ name, in, even, large, rest string }{
		{"and to the last stream if none is", "a=2@1 b=11@2 c=3@3", "a=2@1", "b=11@2", "c=3@3"},
		{"to one stream only", "a=12@1", "a=12@1", "", ""},
		{"no key stays no key", "-=2@1 -=3@2", "-=2@1", "", "-=3@2"},
		{"tombstones go to all", "a=2@1 a=-@2", "a=2@1 a=-@2", "a=-@2", "a=-@2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rest := frameworktest.Topic("rest", codec.String, decimal)
			d := frameworktest.New(t, func(t *framework.Topology) {
				branches := t.Table("in", numbers).Stream().Split(even, large)
				branches[0].To(results)
				branches[1].To(others)
				branches[2].To(rest)
			})
			if c.in[0] == '-' { // a table takes no record without key
				d = frameworktest.New(t, func(t *framework.Topology) {
					branches := t.From(numbers).Split(even, large)
					branches[0].To(results)
					branches[1].To(others)
					branches[2].To(rest)
				})
			}
			pipeText(d, "in", c.in)
			for topic, want := range map[string]string{"out": c.even, "others": c.large, "rest": c.rest} {
				if got := readText(d, topic); got != want {
					t.Errorf("topic %s: got %q, want %q", topic, got, want)
				}
			}
		})
	}
}

func TestSplitWithoutConditionIsOneStream(t *testing.T) {
	checkStream(t, func(s framework.Stream[string, int]) { s.Split()[0].To(results) },
		check{"of all records", "a=1@10 b=2@20", "a=1@10 b=2@20"})
}

func TestSplitKeepsAChangedKeyInMind(t *testing.T) {
	d := frameworktest.Config{Partitions: 3}.New(t, func(t *framework.Topology) {
		branches := t.From(numbers).KeyBy(parity).Split(func(n int) bool { return n > 9 })
		branches[0].Grouped().Count("large")
		branches[1].Grouped().Count("small")
	})
	pipeText(d, "in", "a=1@0 b=2@0 c=13@0 d=3@0 e=15@0")
	equalContent(t, d, "large", map[string]int64{"odd": 2})
	equalContent(t, d, "small", map[string]int64{"odd": 2, "even": 1})
}

func ExampleStream_Split() {
	numbers := frameworktest.Topic("numbers", codec.None, codec.Int)
	evens := frameworktest.Topic("evens", codec.None, codec.Int)
	odds := frameworktest.Topic("odds", codec.None, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		branches := t.From(numbers).Split(func(n int) bool { return n%2 == 0 })
		branches[0].To(evens)
		branches[1].To(odds)
	})
	pipe(d, numbers, 1, 2, 3)
	fmt.Println(values(d.Read(evens)), values(d.Read(odds)))
	// Output: [2] [1 3]
}
