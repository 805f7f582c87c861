package framework_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

// mean is an accumulator that is not of the values' type.
type mean struct{ Sum, N int }

func (m mean) add(n int) mean               { return mean{m.Sum + present(n), m.N + 1} }
func (m mean) and(o mean) mean              { return mean{m.Sum + o.Sum, m.N + o.N} }
func (m mean) value() int                   { return m.Sum / m.N }
func means(s framework.Table[string, mean]) { s.Stream().Map(mean.value).To(results) }

func TestAggregateFoldsTheValuesOfEachKey(t *testing.T) {
	alone := framework.Fold(mean{}, mean.add)
	cases := []check{
		{"with the highest time of what went in", "a=2@10 b=7@20 a=4@5", "a=2@10 b=7@20 a=3@10"},
		{"a record without key and a tombstone are left out", "a=5@10 a=-@20 a=1@30", "a=5@10 a=3@30"},
	}
	for name, a := range map[string]framework.Aggregator[int, mean]{"alone": alone, "with merge": alone.Merge(mean.and)} {
		t.Run(name, func(t *testing.T) {
			checkStream(t, func(s framework.Stream[string, int]) { means(s.Grouped().Aggregate("means", a)) }, cases...)
		})
	}
}

func TestAggregateGivesTheSameWithAndWithoutMerge(t *testing.T) {
	alone := framework.Fold(mean{}, mean.add)
	for name, c := range map[string]struct {
		a    framework.Aggregator[int, mean]
		sent int // records in the repartition topic
	}{"without merge each record is sent": {alone, 5}, "with merge one partial result a group": {alone.Merge(mean.and), 2}} {
		t.Run(name, func(t *testing.T) {
			d := frameworktest.New(t, func(t *framework.Topology) {
				means(t.From(numbers).GroupBy(parity).Aggregate("means", c.a))
			})
			d.Batch(func() { pipeText(d, "in", "a=1@10 a=2@50 a=5@40 a=6@20 a=9@30") })
			if got, want := readText(d, "out"), "odd=5@40 even=4@50"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if got := len(d.ReadRaw("test-means-repartition")); got != c.sent {
				t.Errorf("%d records in the repartition topic, want %d", got, c.sent)
			}
		})
	}
}

func TestAggregateCallsMergeWithBothPartialResults(t *testing.T) {
	var calls []string
	text := framework.Fold("", func(a string, n int) string { return a + fmt.Sprint(n) }).Merge(func(a, b string) string {
		calls = append(calls, a+"+"+b)
		return a + b
	})
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).GroupBy(parity).Aggregate("texts", text) })
	d.Batch(func() { pipeText(d, "in", "a=1@0 a=3@0") })
	d.Batch(func() { pipeText(d, "in", "a=5@0 a=7@0") })
	equalContent(t, d, "texts", map[string]string{"odd": "1357"})
	if want := []string{"13+57"}; !slices.Equal(calls, want) {
		t.Errorf("merged %v, want %v: the first partial result is taken as it is", calls, want)
	}
}

func TestFoldNewMakesAnAccumulatorForEachKey(t *testing.T) {
	seen := framework.FoldNew(func() map[int]bool { return map[int]bool{} }, func(seen map[int]bool, n int) map[int]bool {
		seen[n] = true
		return seen
	})
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).Grouped().Aggregate("seen", seen) })
	pipeText(d, "in", "a=1@0 b=2@0 a=1@0 a=3@0")
	d.Rebuild()
	pipeText(d, "in", "b=4@0")
	store := framework.StoreOf[string, map[int]bool]("seen")
	for key, want := range map[string]int{"a": 2, "b": 2} {
		if got, _ := d.Get(store, key); len(got) != want {
			t.Errorf("key %s has seen %v, want %d values", key, got, want)
		}
	}
}

func TestFoldTakesWhatKeysCannotShare(t *testing.T) {
	type last struct {
		At     time.Time
		Values [2][]int // nil: made for each key by what adds to it
	}
	keep := func(l last, n int) last {
		l.Values[n%2] = append(l.Values[n%2], n)
		return l
	}
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).Grouped().Aggregate("last", framework.Fold(last{At: time.Now()}, keep).Codec(codec.JSON[last]()))
	})
	pipeText(d, "in", "a=1@0 b=3@0 a=5@0")
	if got, _ := d.Get(framework.StoreOf[string, last]("last"), "a"); !slices.Equal(got.Values[1], []int{1, 5}) {
		t.Errorf("key a has %v", got.Values)
	}
}

func TestSumAddsUpIntegers(t *testing.T) {
	checkStream(t, func(s framework.Stream[string, int]) { s.Grouped().Aggregate("sums", framework.Sum[int]()).To(results) },
		check{"negative ones as well", "a=5@10 a=-7@20", "a=5@10 a=-2@20"})
}

func TestAnAccumulatorIsEncodedByItsOwnCodec(t *testing.T) {
	sum := framework.Sum[int]().Codec(decimal)
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).GroupBy(parity).Aggregate("sums", sum) })
	d.Batch(func() { pipeText(d, "in", "a=1@0 a=3@0") })
	if got, want := readText(d, "test-sums-repartition"), "odd=4@0"; got != want {
		t.Errorf("the partial result is %s, want %s", got, want)
	}
	if got, want := readText(d, "test-sums-changelog"), "odd=4@0"; got != want {
		t.Errorf("the changelog holds %s, want %s", got, want)
	}
}

func ExampleGrouped_Aggregate() {
	type stats struct{ Orders, Cents int }
	orders := frameworktest.Topic("orders", codec.String, codec.Int)
	perCustomer := frameworktest.Topic("per-customer", codec.String, codec.JSON[stats]())
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(orders).Grouped().
			Aggregate("stats", framework.Fold(stats{}, func(s stats, cents int) stats {
				return stats{s.Orders + 1, s.Cents + cents}
			})).
			To(perCustomer)
	})
	d.Pipe(orders, "ann", 250, at(0))
	d.Pipe(orders, "bob", 100, at(0))
	d.Pipe(orders, "ann", 50, at(0))
	show(d.Read(perCustomer))
	// Output:
	// ann {1 250}
	// bob {1 100}
	// ann {2 300}
}

// With Merge each upstream task sends one partial result a key and round, not each record.
func ExampleAggregator_Merge() {
	words := frameworktest.Topic("words", codec.None, codec.String)
	longest := framework.Fold("", func(a, word string) string {
		if len(word) > len(a) {
			return word
		}
		return a
	}).Merge(func(a, b string) string {
		if len(b) > len(a) || len(b) == len(a) && b < a {
			return b
		}
		return a
	})
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(words).GroupBy(func(w string) string { return strings.ToLower(w[:1]) }).Aggregate("longest", longest)
	})
	d.Batch(func() { pipe(d, words, "ant", "albatross", "ape", "bee") })
	fmt.Println(d.Get(framework.StoreOf[string, string]("longest"), "a"))
	fmt.Println(len(d.ReadRaw("test-longest-repartition")), "partial results")
	// Output:
	// albatross true
	// 2 partial results
}

func ExampleFoldNew() {
	words := frameworktest.Topic("words", codec.None, codec.String)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(words).
			GroupBy(func(w string) string { return w[:1] }).
			Aggregate("by-initial", framework.FoldNew(
				func() map[string]int { return map[string]int{} },
				func(counts map[string]int, word string) map[string]int {
					counts[word]++
					return counts
				}))
	})
	pipe(d, words, "ant", "ape", "ant", "bee")
	fmt.Println(d.Content(framework.StoreOf[string, map[string]int]("by-initial")))
	// Output: map[a:map[ant:2 ape:1] b:map[bee:1]]
}

func ExampleSum() {
	orders := frameworktest.Topic("orders", codec.String, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(orders).Grouped().Aggregate("totals", framework.Sum[int]())
	})
	d.Pipe(orders, "ann", 30, at(0))
	d.Pipe(orders, "ann", 12, at(0))
	fmt.Println(d.Content(framework.StoreOf[string, int]("totals")))
	// Output: map[ann:42]
}
