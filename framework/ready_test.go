package framework_test

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

// aggregated folds records of one key, grouped by the key that they have, and grouped anew through partial results, on one partition and on
// three, all at once and with a restart after each record. It returns what is in the store at the end, which is the same each time.
func aggregated[A any](t *testing.T, a framework.Aggregator[int, A], show func(A) string, in string) string {
	t.Helper()
	result := ""
	for way, group := range map[string]func(s framework.Stream[string, int]) framework.Grouped[string, int]{
		"by the present key": func(s framework.Stream[string, int]) framework.Grouped[string, int] {
			return s.KeyBy(func(int) string { return "all" }).Repartition("again").Grouped()
		},
		"through partial results": func(s framework.Stream[string, int]) framework.Grouped[string, int] {
			return s.GroupBy(func(int) string { return "all" })
		},
	} {
		for _, mode := range modes {
			for _, partitions := range []int{1, 3} {
				d := frameworktest.Config{Partitions: partitions}.New(t, func(t *framework.Topology) {
					group(t.From(numbers)).Aggregate("all", a)
				})
				mode.pipe(d, strings.Fields(in))
				acc, _ := d.Get(framework.StoreOf[string, A]("all"), "all")
				if got := show(acc); result == "" {
					result = got
				} else if got != result {
					t.Errorf("%s, %s, %d partitions: got %s, and before %s", way, mode.name, partitions, got, result)
				}
			}
		}
	}
	return result
}

func TestReadyAggregatesThroughTheGraph(t *testing.T) {
	tenth := func(n int) float64 { return float64(n) / 10 }
	lastDigit := func(a, b int) int { return cmp.Compare(a%10, b%10) }
	picked := func(p framework.Picked[int]) string { return fmt.Sprint(p.Value(), "@", p.Time().UnixMilli()) }
	in := "a=31@30 b=12@10 c=21@20 a=7@10 b=17@40 c=1@40 d=2@5 e=-7@50"
	for name, got := range map[string]string{
		"the sum 8.4":                aggregated(t, framework.SumFloatOf(tenth), func(s framework.FloatSum) string { return fmt.Sprint(s.Value()) }, in),
		"the mean 1.05 of 8":         aggregated(t, framework.MeanOf(tenth), func(a framework.Average) string { return fmt.Sprint(a.Value(), " of ", a.Count()) }, in),
		"the least -0.7":             aggregated(t, framework.MinOf(tenth), func(x float64) string { return fmt.Sprint(x) }, in),
		"the greatest 31":            aggregated(t, framework.Max[int](), func(n int) string { return fmt.Sprint(n) }, in),
		"the first 2@5":              aggregated(t, framework.First[int](), picked, in),
		"the last -7@50":             aggregated(t, framework.Last[int](), picked, in),
		"the least by digit -7@50":   aggregated(t, framework.MinBy(lastDigit), picked, in),
		"the greatest by digit 7@10": aggregated(t, framework.MaxBy(lastDigit), picked, in),
		"the top [7 17 2 12]":        aggregated(t, framework.TopK(4, lastDigit), func(top framework.Top[int]) string { return fmt.Sprint(top.Values()) }, in),
		"the digits [-7 1 2 7]": aggregated(t, framework.DistinctOf(func(n int) int { return n % 10 }), func(s framework.Set[int]) string {
			return fmt.Sprint(s.Sorted(cmp.Compare[int]))
		}, in),
		"about 4":          aggregated(t, framework.ApproxDistinctOf(func(n int) int { return n % 10 }), func(s framework.ApproxSet) string { return fmt.Sprint(s.Len()) }, in),
		"the median 7.016": aggregated(t, framework.QuantilesOf(func(n int) float64 { return float64(n) }), func(q framework.Quantiles) string { return fmt.Sprintf("%.3f", q.At(0.5)) }, in),
	} {
		if !strings.HasSuffix(name, " "+got) {
			t.Errorf("got %s, want %s", got, name)
		}
	}
}

// Behind the buffer another goroutine reads what was handed on, while the store's accumulator goes on.
func TestAccumulatorsThatWereHandedOnMayBeReadAnywhere(t *testing.T) {
	for name, build := range map[string]func(g framework.Grouped[int, int], seen func(int)){
		"DistinctOf": func(g framework.Grouped[int, int], seen func(int)) {
			behindABuffer(g, framework.DistinctOf(inc), func(s framework.Set[int]) { seen(len(s.Sorted(cmp.Compare[int]))) })
		},
		"ApproxDistinctOf": func(g framework.Grouped[int, int], seen func(int)) {
			behindABuffer(g, framework.ApproxDistinctOf(inc), func(s framework.ApproxSet) { seen(int(s.Len())) })
		},
		"QuantilesOf": func(g framework.Grouped[int, int], seen func(int)) {
			behindABuffer(g, framework.QuantilesOf(func(n int) float64 { return float64(n) }), func(q framework.Quantiles) { q.At(0.5); seen(int(q.Count())) })
		},
		"TopK": func(g framework.Grouped[int, int], seen func(int)) {
			behindABuffer(g, framework.TopK(500, cmp.Compare[int]), func(top framework.Top[int]) { seen(len(top.Values())) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			source := framework.NewInput[int]("numbers")
			var seen []int
			stop := start(t, func(t *framework.Topology) {
				build(t.From(source).GroupBy(func(int) int { return 0 }).Emit(framework.EveryUpdate), func(n int) { seen = append(seen, n) })
			})
			for n := range 100 {
				emitAll(t, source, n)
			}
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			for i, n := range seen {
				if n != i+1 {
					t.Fatalf("the accumulators have %v values", seen)
				}
			}
			if len(seen) != 100 {
				t.Errorf("%d results", len(seen))
			}
		})
	}
}

func behindABuffer[A any](g framework.Grouped[int, int], a framework.Aggregator[int, A], read func(A)) {
	g.Aggregate("all", a).Stream().Buffer(100).ForEach(func(_ context.Context, acc A) error { read(acc); return nil })
}

func TestBuildRefusesAggregatesThatCannotBe(t *testing.T) {
	type keyed struct{ Rate float64 }
	for want, grouped := range map[string]func(g framework.Grouped[string, int]){
		"aggregate all: TopK(0): keep at least 1 value": func(g framework.Grouped[string, int]) { g.Aggregate("all", framework.TopK(0, cmp.Compare[int])) },
		"aggregate all: DistinctOf: key type framework_test.keyed: Rate (float64)": func(g framework.Grouped[string, int]) {
			g.Aggregate("all", framework.DistinctOf(func(n int) keyed { return keyed{float64(n)} }))
		},
		"aggregate all: ApproxDistinctOf: no codec for chan int": func(g framework.Grouped[string, int]) {
			g.Aggregate("all", framework.ApproxDistinctOf(func(int) chan int { return nil }))
		},
	} {
		top := framework.New()
		grouped(top.From(numbers).Grouped())
		if _, err := top.Plan("app"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func ExampleSumFloatOf() {
	type sale struct {
		Shop string
		Euro float64
	}
	sales, totals := frameworktest.Topic("sales", codec.None, codec.JSON[sale]()), frameworktest.Topic("totals", codec.String, codec.Float64)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(sales).
			GroupBy(func(s sale) string { return s.Shop }).
			Aggregate("totals", framework.SumFloatOf(func(s sale) float64 { return s.Euro })).
			Stream().Map(framework.FloatSum.Value).To(totals)
	})
	d.Batch(func() { pipe(d, sales, sale{"a", 1e17}, sale{"a", 1.5}, sale{"a", -1e17}, sale{"b", 0.1}) })
	show(d.Read(totals))
	// Output:
	// a 1.5
	// b 0.1
}

func ExampleSumFloat() {
	rates, sums := frameworktest.Topic("rates", codec.String, codec.Float64), frameworktest.Topic("sums", codec.String, codec.JSON[framework.FloatSum]())
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(rates).Grouped().Aggregate("sums", framework.SumFloat[float64]()).To(sums)
	})
	d.Pipe(rates, "a", 0.5, at(0))
	d.Pipe(rates, "a", 1e20, at(0))
	for _, r := range d.ReadRaw("sums") {
		fmt.Printf("%s\n", r.Value) // all digits of the exact sum
	}
	// Output:
	// 0.5
	// 100000000000000000000.5
}

func ExampleMeanOf() {
	type trip struct{ Minutes float64 }
	trips, means := frameworktest.Topic("trips", codec.String, codec.JSON[trip]()), frameworktest.Topic("means", codec.String, codec.Float64)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(trips).Grouped().
			Aggregate("means", framework.MeanOf(func(t trip) float64 { return t.Minutes })).
			Stream().Map(framework.Average.Value).To(means)
	})
	d.Batch(func() {
		d.Pipe(trips, "ann", trip{30}, at(0))
		d.Pipe(trips, "ann", trip{45}, at(0))
	})
	show(d.Read(means))
	// Output: ann 37.5
}

func ExampleMean() {
	rates := frameworktest.Topic("rates", codec.String, codec.Float64)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(rates).Grouped().Aggregate("means", framework.Mean[float64]())
	})
	d.Pipe(rates, "a", 0.25, at(0))
	d.Pipe(rates, "a", 1, at(0))
	mean, _ := d.Get(framework.StoreOf[string, framework.Average]("means"), "a")
	fmt.Println(mean.Value(), mean.Count())
	// Output: 0.625 2
}

// An accumulator of one's own holds an Average: flights without a delay count as flights and not in the mean.
func ExampleAverage_Add() {
	type stats struct {
		Flights int
		Delay   framework.Average
	}
	delays, out := frameworktest.Topic("delays", codec.String, codec.JSON[*float64]()), frameworktest.Topic("stats", codec.String, codec.JSON[stats]())
	aggregate := framework.Fold(stats{}, func(s stats, delay *float64) stats {
		s.Flights++
		if delay != nil {
			s.Delay = s.Delay.Add(*delay)
		}
		return s
	}).Merge(func(a, b stats) stats { return stats{a.Flights + b.Flights, a.Delay.Merge(b.Delay)} })
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(delays).Grouped().Aggregate("stats", aggregate).To(out)
	})
	d.Batch(func() {
		for _, delay := range []float64{4, -1.5} {
			d.Pipe(delays, "JFK", &delay, at(0))
		}
		d.Pipe(delays, "JFK", nil, at(0))
	})
	fmt.Printf("%s\n", d.ReadRaw("stats")[0].Value)
	// Output: {"Flights":3,"Delay":{"sum":2.5,"count":2}}
}

func ExampleMinOf() {
	words, shortest := frameworktest.Topic("words", codec.None, codec.String), frameworktest.Topic("shortest", codec.String, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(words).GroupBy(initial).Aggregate("shortest", framework.MinOf(func(w string) int { return len(w) })).To(shortest)
	})
	d.Batch(func() { pipe(d, words, "albatross", "ant", "bee") })
	show(d.Read(shortest))
	// Output:
	// a 3
	// b 3
}

func ExampleMaxOf() {
	words, longest := frameworktest.Topic("words", codec.None, codec.String), frameworktest.Topic("longest", codec.String, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(words).GroupBy(initial).Aggregate("longest", framework.MaxOf(func(w string) int { return len(w) })).To(longest)
	})
	d.Batch(func() { pipe(d, words, "albatross", "ant", "bee") })
	show(d.Read(longest))
	// Output:
	// a 9
	// b 3
}

func ExampleMin() { extremes(framework.Min[int]()) /* Output: map[a:-3] */ }

func ExampleMax() { extremes(framework.Max[int]()) /* Output: map[a:12] */ }

func extremes(a framework.Aggregator[int, int]) {
	temperatures := frameworktest.Topic("temperatures", codec.String, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) { t.From(temperatures).Grouped().Aggregate("extremes", a) })
	for _, degrees := range []int{4, -3, 12} {
		d.Pipe(temperatures, "a", degrees, at(0))
	}
	fmt.Println(d.Content(framework.StoreOf[string, int]("extremes")))
}

func ExampleFirst() { pickOne(framework.First[string]()) /* Output: [early] */ }

func ExampleLast() { pickOne(framework.Last[string]()) /* Output: [late] */ }

func ExampleMinBy() { pickOne(framework.MinBy(byLength)) /* Output: [late] */ }

func ExampleMaxBy() { pickOne(framework.MaxBy(byLength)) /* Output: [between] */ }

// pickOne pipes records that come out of order.
func pickOne(a framework.Aggregator[string, framework.Picked[string]]) {
	texts, picked := frameworktest.Topic("texts", codec.String, codec.String), frameworktest.Topic("picked", codec.String, codec.String)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(texts).Grouped().Aggregate("picked", a).Stream().Map(framework.Picked[string].Value).To(picked)
	})
	d.Batch(func() {
		d.Pipe(texts, "a", "between", at(20))
		d.Pipe(texts, "a", "late", at(30))
		d.Pipe(texts, "a", "early", at(10))
	})
	fmt.Println(values(d.Read(picked)))
}

func byLength(a, b string) int { return cmp.Compare(len(a), len(b)) }

func initial(word string) string { return word[:1] }

func ExampleTopK() {
	type flight struct {
		Origin string
		Delay  int
	}
	byDelay := func(a, b flight) int { return cmp.Compare(a.Delay, b.Delay) }
	flights, worst := frameworktest.Topic("flights", codec.None, codec.JSON[flight]()), frameworktest.Topic("worst", codec.String, codec.JSON[[]flight]())
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(flights).
			GroupBy(func(f flight) string { return f.Origin }).
			Aggregate("worst", framework.TopK(2, byDelay)).
			Stream().Map(framework.Top[flight].Values).To(worst)
	})
	d.Batch(func() { pipe(d, flights, flight{"JFK", 5}, flight{"JFK", 60}, flight{"EWR", 7}, flight{"JFK", 12}) })
	show(d.Read(worst))
	// Output:
	// JFK [{JFK 60} {JFK 12}]
	// EWR [{EWR 7}]
}

func ExampleDistinctOf() {
	words, different := frameworktest.Topic("words", codec.None, codec.String), frameworktest.Topic("different", codec.String, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(words).
			GroupBy(initial).
			Aggregate("different", framework.DistinctOf(strings.ToLower)).
			Stream().Map(framework.Set[string].Len).To(different)
	})
	d.Batch(func() { pipe(d, words, "ant", "anT", "ape", "bee") })
	show(d.Read(different))
	set, _ := d.Get(framework.StoreOf[string, framework.Set[string]]("different"), "a")
	fmt.Println(set.Sorted(strings.Compare))
	// Output:
	// a 2
	// b 1
	// [ant ape]
}

func ExampleApproxDistinctOf() {
	visits, visitors := frameworktest.Topic("visits", codec.String, codec.Int64), frameworktest.Topic("visitors", codec.String, codec.Int64)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(visits).Grouped().
			Aggregate("visitors", framework.ApproxDistinctOf(func(user int64) int64 { return user })).
			Stream().Map(framework.ApproxSet.Len).To(visitors)
	})
	d.Batch(func() {
		for n := range int64(1000) {
			d.Pipe(visits, "home", n%250, at(0))
		}
	})
	show(d.Read(visitors))
	// Output: home 250
}

func ExampleQuantilesOf() {
	latencies := frameworktest.Topic("latencies", codec.String, codec.Float64)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(latencies).Grouped().Aggregate("latencies", framework.QuantilesOf(func(ms float64) float64 { return ms }))
	})
	d.Batch(func() {
		for n := range 1000 {
			d.Pipe(latencies, "home", float64(n), at(0))
		}
	})
	q, _ := d.Get(framework.StoreOf[string, framework.Quantiles]("latencies"), "home")
	fmt.Printf("median about %.0f, 99%% below about %.0f\n", q.At(0.5), q.At(0.99))
	// Output: median about 499, 99% below about 990
}
