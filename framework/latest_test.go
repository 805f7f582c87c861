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

// pipeSteps pipes records that are written as topic:key=value@time, in their order.
func pipeSteps(d *frameworktest.Driver, steps string) {
	for step := range strings.FieldsSeq(steps) {
		topic, record, _ := strings.Cut(step, ":")
		pipeText(d, topic, record)
	}
}

var third = frameworktest.Topic("third", codec.String, decimal)

func tens(a, b int) int { return 10*a + b }

// combinations are the forms of CombineLatest and WithLatest over three topics, of which the last may be left unread.
var combinations = map[string]func(t *framework.Topology) framework.Stream[string, int]{
	"of two": func(t *framework.Topology) framework.Stream[string, int] {
		return t.From(numbers).CombineLatest("both", t.From(more), tens)
	},
	"of many": func(t *framework.Topology) framework.Stream[string, int] {
		return framework.CombineLatest("both", digits, t.From(numbers), t.From(more))
	},
	"with latest": func(t *framework.Topology) framework.Stream[string, int] {
		return t.From(numbers).WithLatest("both", t.From(more), tens)
	},
	"on the first": func(t *framework.Topology) framework.Stream[string, int] {
		return framework.CombineLatestOn("both", 1, digits, t.From(numbers), t.From(more))
	},
	"of three": func(t *framework.Topology) framework.Stream[string, int] {
		return framework.Combine3("both", t.From(numbers), t.From(more), t.From(third), func(a, b, c int) int { return digits([]int{a, b, c}) })
	},
}

func TestCombinationsHandOnWhatTheLastValuesMake(t *testing.T) {
	either, first := []string{"of two", "of many"}, []string{"with latest", "on the first"}
	for _, c := range []struct {
		name        string
		of          []string
		steps, want string
	}{
		{"when either changes", either, "in:a=1@10 more:a=2@20 in:a=3@30 more:a=4@40", "a=12@20 a=32@30 a=34@40"},
		{"when the left changes", first, "in:a=1@10 more:a=2@20 in:a=3@30 more:a=4@40 in:a=5@50", "a=32@30 a=54@50"},
		{"of each key", either, "in:a=1@10 more:b=2@20 in:b=3@30 more:a=4@40", "b=32@30 a=14@40"},
		{"at the larger time", either, "more:a=2@50 in:a=1@10 in:a=3@60 more:a=4@20", "a=12@50 a=32@60 a=34@60"},
		{"at the larger time", first, "more:a=2@50 in:a=1@10 in:a=3@60", "a=12@50 a=32@60"},
		{"not of records without key", either, "in:-=1@10 more:-=2@20", ""},
		{"not of records without key", first, "more:-=2@20 in:-=1@10", ""},
		{"when any of three changes", []string{"of three"}, "in:a=1@10 more:a=2@20 third:a=3@30 in:a=4@40 more:a=5@50 third:a=6@15", "a=123@30 a=423@40 a=453@50 a=456@50"},
	} {
		for _, form := range c.of {
			t.Run(form+" "+c.name, func(t *testing.T) {
				for _, rebuild := range []bool{false, true} {
					d := frameworktest.New(t, func(t *framework.Topology) { combinations[form](t).To(results) })
					for step := range strings.FieldsSeq(c.steps) {
						if pipeSteps(d, step); rebuild {
							d.Rebuild()
						}
					}
					if got := readText(d, "out"); got != c.want {
						t.Errorf("%s (rebuilt: %t)\n gives %s\n want  %s", c.steps, rebuild, got, c.want)
					}
				}
			})
		}
	}
}

func TestATombstoneDeletesTheValueOfItsInputAndHandsNothingOn(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.Table("in", numbers).Stream().CombineLatest("both", t.Table("more", more).Stream(), tens).To(results)
	})
	pipeSteps(d, "in:a=1@10 more:a=2@20 more:a=-@30 in:a=3@40 more:a=4@50 in:b=-@60")
	if got, want := readText(d, "out"), "a=12@20 a=34@50"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	equalContent(t, d, "both-1", map[string]int{"a": 3})
	equalContent(t, d, "both-2", map[string]int{"a": 4})
	if got, want := readText(d, "test-both-2-changelog"), "a=2@20 a=-@30 a=4@50"; got != want {
		t.Errorf("the changelog holds %s, want %s", got, want)
	}
}

func TestCombinationsCountRecordsWithoutKey(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { combinations["of two"](t).To(results) })
	pipeSteps(d, "in:-=1@10 more:-=2@20 more:a=2@20")
	equalDropped(t, d, map[string]int64{"null_key": 2})
}

func TestAStreamIsCombinedWithItself(t *testing.T) {
	checkStream(t, func(s framework.Stream[string, int]) { s.CombineLatest("both", s, tens).To(results) },
		check{"and is seen one input after the other", "a=1@10 a=2@20", "a=11@10 a=21@20 a=22@20"})
}

func TestStreamsWithoutKeyAreCombined(t *testing.T) {
	other := frameworktest.Topic("more", codec.None, decimal)
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(unkeyed).CombineLatest("both", t.From(other), tens).To(unkeyedOut)
	})
	pipeSteps(d, "in:-=1@10 more:-=2@20")
	d.Rebuild()
	pipeSteps(d, "in:-=3@30")
	if got, want := readText(d, "out"), "-=12@20 -=32@30"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestStreamsWhoseKeysChangedAreCombinedByTheNewOnes(t *testing.T) {
	for name, build := range map[string]func(t *framework.Topology) framework.Stream[string, int]{
		"both": func(t *framework.Topology) framework.Stream[string, int] {
			return t.From(numbers).KeyBy(parity).CombineLatest("both", t.From(more).KeyBy(parity), tens)
		},
		"one": func(t *framework.Topology) framework.Stream[string, int] {
			return t.From(numbers).KeyBy(parity).CombineLatest("both", t.From(more).KeyBy(parity).Repartition("again"), tens)
		},
	} {
		d := frameworktest.Config{Partitions: 3}.New(t, func(t *framework.Topology) { build(t).To(results) })
		pipeSteps(d, "in:a=1@10 more:b=3@20 more:c=2@30 in:d=4@40")
		got := strings.Fields(readText(d, "out"))
		if slices.Sort(got); fmt.Sprint(got) != "[even=42@40 odd=13@20]" {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestCombinationsWantTheirTopicsPartitionedAlike(t *testing.T) {
	const why = ": topics in and more come together by key and have 3 and 2 partitions: give them the same number, or put Repartition(name) before it"
	startFails(t, map[string]int{"in": 3, "more": 2}, func(t *framework.Topology) { combinations["of two"](t).To(results) }, "combine-latest both"+why)
	startFails(t, map[string]int{"in": 3, "more": 2}, func(t *framework.Topology) { combinations["with latest"](t).To(results) }, "with-latest both"+why)
}

func TestCombineLatestGivesASliceThatMayBeKeptWhereTheResultCanHoldIt(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		framework.CombineLatest("both", func(last []int) []int { return last }, t.From(numbers), t.From(more)).
			Sliding("pairs", 2, func(last [][]int) int { return digits(slices.Concat(last...)) }).To(results)
	})
	pipeSteps(d, "in:a=1@10 more:a=2@20 in:a=3@30")
	if got, want := readText(d, "out"), "a=1232@30"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The price of each order in the currency of the last rate.
func ExampleStream_WithLatest() {
	orders := frameworktest.Topic("orders", codec.String, codec.Int)
	rates := frameworktest.Topic("rates", codec.String, codec.Int)
	prices := frameworktest.Topic("prices", codec.String, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(orders).WithLatest("rate", t.From(rates), func(cents, percent int) int { return cents * percent / 100 }).To(prices)
	})
	d.Pipe(rates, "EUR", 110, at(0))
	d.Pipe(orders, "EUR", 200, at(1))
	d.Pipe(rates, "EUR", 120, at(2))
	d.Pipe(orders, "EUR", 300, at(3))
	show(d.Read(prices))
	// Output:
	// EUR 220
	// EUR 360
}

func ExampleStream_CombineLatest() {
	a := frameworktest.Topic("a", codec.None, codec.Int)
	b := frameworktest.Topic("b", codec.None, codec.Int)
	sums := frameworktest.Topic("sums", codec.None, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(a).CombineLatest("sum-of-two", t.From(b), framework.Add).To(sums)
	})
	pipe(d, a, 1)
	pipe(d, b, 10)
	pipe(d, a, 2)
	fmt.Println(values(d.Read(sums)))
	// Output: [11 12]
}

func ExampleCombineLatest() {
	a := frameworktest.Topic("a", codec.None, codec.Int)
	b := frameworktest.Topic("b", codec.None, codec.Int)
	c := frameworktest.Topic("c", codec.None, codec.Int)
	sums := frameworktest.Topic("sums", codec.None, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		framework.CombineLatest("sum-of-all", sum, t.From(a), t.From(b), t.From(c)).To(sums)
	})
	pipe(d, a, 1)
	pipe(d, b, 10)
	pipe(d, c, 100, 200)
	pipe(d, a, 2)
	fmt.Println(values(d.Read(sums)))
	// Output: [111 211 212]
}

// Only the first stream hands something on; of the others the last value is used.
func ExampleCombineLatestOn() {
	orders := frameworktest.Topic("orders", codec.None, codec.Int)
	shipping := frameworktest.Topic("shipping", codec.None, codec.Int)
	handling := frameworktest.Topic("handling", codec.None, codec.Int)
	invoices := frameworktest.Topic("invoices", codec.None, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		framework.CombineLatestOn("invoices", 1, sum, t.From(orders), t.From(shipping), t.From(handling)).To(invoices)
	})
	pipe(d, shipping, 5)
	pipe(d, handling, 1)
	pipe(d, orders, 100)
	pipe(d, shipping, 7)
	pipe(d, orders, 200)
	fmt.Println(values(d.Read(invoices)))
	// Output: [106 208]
}

func ExampleCombine3() {
	names := frameworktest.Topic("names", codec.Int, codec.String)
	ages := frameworktest.Topic("ages", codec.Int, codec.Int)
	active := frameworktest.Topic("active", codec.Int, codec.Bool)
	people := frameworktest.Topic("people", codec.Int, codec.String)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		framework.Combine3("people", t.From(names), t.From(ages), t.From(active), func(name string, age int, active bool) string {
			return fmt.Sprintf("%s, %d, active: %t", name, age, active)
		}).To(people)
	})
	d.Pipe(names, 7, "Ann", at(0))
	d.Pipe(ages, 7, 41, at(1))
	d.Pipe(active, 7, true, at(2))
	d.Pipe(ages, 7, 42, at(3))
	show(d.Read(people))
	// Output:
	// 7 Ann, 41, active: true
	// 7 Ann, 42, active: true
}
