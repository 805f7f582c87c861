package framework_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func sum(values []int) (total int) {
	for _, v := range values {
		total += v
	}
	return total
}

// digits writes values as one number, so that their order is seen.
func digits(values []int) (n int) {
	for _, v := range values {
		n = 10*n + v
	}
	return n
}

func TestSlidingHandsOnTheLastValuesOnceThereAreEnough(t *testing.T) {
	checkStream(t, func(s framework.Stream[string, int]) { s.Sliding("last", 3, digits).To(results) },
		check{"of each key, oldest first", "a=1@10 b=9@20 a=2@30 a=3@40 b=8@50 a=4@60", "a=123@40 a=234@60"},
		check{"however many come", "a=1@1 a=2@2 a=3@3 a=4@4 a=5@5 a=6@6 a=7@7 a=8@8", "a=123@3 a=234@4 a=345@5 a=456@6 a=567@7 a=678@8"},
		check{"at the highest time so far", "a=1@10 a=2@50 a=3@20", "a=123@50"},
		check{"and not of too few", "a=1@10 a=2@20", ""},
		check{"and not of records without key", "a=1@1 -=2@2 a=3@3 a=4@4", "a=134@4"},
		check{"and not of tombstones", "a=1@1 a=2@2 a=-@3 a=3@4", "a=123@4"},
	)
	checkStream(t, func(s framework.Stream[string, int]) { s.Sliding("last", 1, digits).To(results) },
		check{"of one value is that value", "a=1@10 a=2@20", "a=1@10 a=2@20"})
	checkStream(t, func(s framework.Stream[string, int]) { s.KeyBy(parity).Sliding("last", 2, digits).To(results) },
		check{"of another key, through a repartition topic", "a=1@10 b=2@20 c=3@30 d=4@40", "odd=13@30 even=24@40"})
}

func TestSlidingKeepsNoMoreThanTheLastValues(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(unkeyed).Sliding("last", 3, digits).To(unkeyedOut) })
	d.Batch(func() { pipeText(d, "in", "-=1@1 -=2@2 -=3@3 -=4@4 -=5@5") })
	check := func(want ...int) {
		t.Helper()
		if got, _ := d.Get(framework.StoreOf[framework.None, []int]("last"), framework.None{}); !slices.Equal(got, want) {
			t.Errorf("the store holds %v, want %v", got, want)
		}
	}
	check(3, 4, 5)
	d.Rebuild()
	check(3, 4, 5)
	pipeText(d, "in", "-=6@6")
	check(4, 5, 6)
	if got, want := readText(d, "out"), "-=123@3 -=234@4 -=345@5 -=456@6"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSlidingCountsWhatItCannotTake(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).Sliding("last", 1, sum).To(results) })
	pipeText(d, "in", "-=1@10 a=1@20")
	equalDropped(t, d, map[string]int64{"null_key": 1})
}

func TestSlidingGivesASliceThatMayBeKeptWhereTheResultCanHoldIt(t *testing.T) {
	type pair struct{ Of []int }
	d := frameworktest.New(t, func(t *framework.Topology) {
		s := t.From(numbers)
		s.Sliding("slices", 2, func(last []int) []int { return last }).Sliding("lists", 2, func(last [][]int) [][]int { return last }).
			Map(func(lists [][]int) int { return digits(slices.Concat(lists...)) }).To(results)
		s.Sliding("structs", 2, func(last []int) pair { return pair{last} }).Sliding("pairs", 2, func(last []pair) [2]pair { return [2]pair(last) }).
			Map(func(p [2]pair) int { return digits(slices.Concat(p[0].Of, p[1].Of)) }).To(results)
	})
	d.Batch(func() { pipeText(d, "in", "a=1@1 a=2@2 a=3@3 a=4@4 a=5@5") })
	if got, want := readText(d, "out"), "a=1223@3 a=1223@3 a=2334@4 a=2334@4 a=3445@5 a=3445@5"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSlidingGivesTheValuesThemselvesWhereTheResultCannotHoldThem(t *testing.T) {
	seen := map[*int]bool{}
	step := hotPath(t, func(t *framework.Topology) {
		t.From(hotKeyed).Sliding("last", 4, func(last []int) int { seen[&last[:4][0]] = true; return 1 }).ForEach(nothing)
	})
	step()
	clear(seen)
	step()
	if len(seen) > 8 {
		t.Errorf("windows of 4 values lie at %d places, want those of 8 values", len(seen))
	}
}

func TestSlidingWritesItsValuesAsAList(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).Sliding("last", 2, digits).To(results) })
	pipeText(d, "in", "a=1@1 a=2@2 a=3@3")
	var log []string
	for _, r := range d.ReadRaw("test-last-changelog") {
		values, err := codec.List(decimal).Decode(r.Value)
		log = append(log, fmt.Sprint(values, err))
	}
	if want := []string{"[1] <nil>", "[1 2] <nil>", "[2 3] <nil>"}; !slices.Equal(log, want) {
		t.Errorf("the changelog holds %v, want %v", log, want)
	}
}

// The mean of the last three temperatures of each room.
func ExampleStream_Sliding() {
	temperatures := frameworktest.Topic("temperatures", codec.String, codec.Int)
	means := frameworktest.Topic("means", codec.String, codec.Int)
	mean := func(last []int) int { return (last[0] + last[1] + last[2]) / 3 }
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(temperatures).Sliding("last-three", 3, mean).To(means)
	})
	for i, degrees := range []int{20, 22, 24, 29} {
		d.Pipe(temperatures, "kitchen", degrees, at(int64(i)))
	}
	show(d.Read(means))
	// Output:
	// kitchen 22
	// kitchen 25
}
