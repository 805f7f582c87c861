package framework

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework/codec"
)

// arrived is a record as an aggregate gets it.
type arrived[V any] struct {
	m Meta
	v V
}

// arrivals makes records of few times, so that there are ties.
func arrivals[V any](rng *rand.Rand, value func(*rand.Rand) V) []arrived[V] {
	all := make([]arrived[V], 1+rng.IntN(80))
	next := map[string]int64{}
	for i := range all {
		m := Meta{Time: rng.Int64N(5), Topic: "in-" + strconv.Itoa(rng.IntN(2)), Partition: rng.Int32N(3)}
		place := fmt.Sprint(m.Topic, m.Partition)
		m.Offset = next[place]
		next[place]++
		all[i] = arrived[V]{m, value(rng)}
	}
	return all
}

// disagreement folds the records of many seeds in random orders, splits and trees of merges, encoding some partial results between,
// and returns a text where the bytes differ, "" where they never do.
func disagreement[V, A any](a Aggregator[V, A], records func(*rand.Rand) []arrived[V]) string {
	add := a.adding()
	encode := func(acc A) []byte {
		b, err := a.codec.Append(nil, acc)
		if err != nil {
			panic(err)
		}
		return b
	}
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 7))
		all := records(rng)
		acc := a.first()
		for i := range all {
			acc = add(acc, &all[i].m, all[i].v)
		}
		want := encode(acc)
		for range 4 {
			var kept []A // what was handed on, and as what
			var was [][]byte
			look := func(acc A) A {
				if rng.IntN(4) == 0 {
					kept, was = append(kept, acc), append(was, encode(acc))
				}
				if rng.IntN(3) == 0 {
					back, err := a.codec.Decode(encode(acc))
					if err != nil {
						return acc
					}
					return back
				}
				return acc
			}
			parts := make([]A, 1+rng.IntN(len(all)+2))
			for i := range parts {
				parts[i] = a.first()
			}
			for _, i := range rng.Perm(len(all)) {
				at := rng.IntN(len(parts))
				parts[at] = look(add(parts[at], &all[i].m, all[i].v))
			}
			for len(parts) > 1 {
				i, j := rng.IntN(len(parts)), rng.IntN(len(parts)-1)
				if j >= i {
					j++
				}
				parts[i] = look(a.merge(parts[i], parts[j]))
				parts[j] = parts[len(parts)-1]
				parts = parts[:len(parts)-1]
			}
			if got := encode(parts[0]); !bytes.Equal(got, want) {
				return fmt.Sprintf("seed %d: %x, want %x", seed, got, want)
			}
			for i, acc := range kept {
				if !bytes.Equal(encode(acc), was[i]) {
					return fmt.Sprintf("seed %d: an accumulator that was handed on was changed", seed)
				}
			}
		}
	}
	return ""
}

// inferred gives an aggregator the codec that the framework would.
func inferred[V, A any](a Aggregator[V, A]) Aggregator[V, A] {
	if a.codec == nil {
		c, err := codec.Infer[A]()
		if err != nil {
			panic(err)
		}
		a.codec = c
	}
	return a
}

func smallInt(rng *rand.Rand) int { return rng.IntN(12) - 4 }

func word(rng *rand.Rand) string { return strings.Repeat(string(rune('a'+rng.IntN(5))), 1+rng.IntN(3)) }

func floats(rng *rand.Rand) float64 {
	switch rng.IntN(200) {
	case 0:
		return math.Inf(1 - 2*rng.IntN(2))
	case 1:
		return math.NaN()
	case 2:
		return math.Copysign(0, -1)
	}
	return (rng.Float64() - 0.5) * math.Ldexp(1, rng.IntN(200)-100)
}

func tens(a, b int) int { return cmp.Compare(a/10, b/10) }

// ready are the ready-made aggregates.
var ready = map[string]func() string{
	"Sum":              orderFree(Sum[int](), smallInt),
	"SumOf":            orderFree(SumOf(func(s string) uint8 { return uint8(len(s)) * 100 }), word),
	"SumFloat":         orderFree(SumFloat[float64](), floats),
	"SumFloatOf":       orderFree(SumFloatOf(func(n int) float64 { return float64(n) / 10 }), smallInt),
	"Mean":             orderFree(Mean[float64](), floats),
	"MeanOf":           orderFree(MeanOf(func(n int) float64 { return float64(n) / 10 }), smallInt),
	"Min":              orderFree(Min[int](), smallInt),
	"Min of floats":    orderFree(Min[float64](), floats),
	"Max":              orderFree(Max[uint16](), func(rng *rand.Rand) uint16 { return uint16(rng.Uint32()) }),
	"MaxOf":            orderFree(MaxOf(func(s string) float32 { return float32(len(s)) / 3 }), word),
	"First":            orderFree(First[string](), word),
	"Last":             orderFree(Last[string](), word),
	"MinBy":            orderFree(MinBy(tens), smallInt),
	"MaxBy":            orderFree(MaxBy(tens), smallInt),
	"TopK":             orderFree(TopK(5, tens), smallInt),
	"TopK of one":      orderFree(TopK(1, strings.Compare), word),
	"DistinctOf":       orderFree(DistinctOf(func(s string) string { return s }), word),
	"ApproxDistinctOf": orderFree(ApproxDistinctOf(func(n int) int { return n }), func(rng *rand.Rand) int { return rng.IntN(300) }),
	"QuantilesOf":      orderFree(QuantilesOf(func(x float64) float64 { return x }), floats),
}

func orderFree[V, A any](a Aggregator[V, A], value func(*rand.Rand) V) func() string {
	return func() string {
		return disagreement(inferred(a), func(rng *rand.Rand) []arrived[V] { return arrivals(rng, value) })
	}
}

func TestNoReadyAggregateDependsOnTheOrderTheSplitOrTheMerging(t *testing.T) {
	for name, check := range ready {
		t.Run(name, func(t *testing.T) {
			if text := check(); text != "" {
				t.Error(text)
			}
		})
	}
}

// Results come from no one record, and behind a repartition topic places are luck.
func TestRecordsOfUnknownPlaceHaveAnOrderAllTheSame(t *testing.T) {
	for name, topic := range map[string]string{"results": "", "behind a repartition topic": "app-by-word-repartition"} {
		unknown := func(rng *rand.Rand) []arrived[string] {
			all := arrivals(rng, word)
			for i := range all {
				all[i].m.Topic = topic
				if topic == "" {
					all[i].m.Partition, all[i].m.Offset = 0, 0
				}
			}
			rng.Shuffle(len(all), func(i, j int) { all[i].m.Offset, all[j].m.Offset = all[j].m.Offset, all[i].m.Offset })
			return all
		}
		short := func(a, b string) int { return cmp.Compare(len(b), len(a)) }
		for kind, text := range map[string]string{
			"First": disagreement(First[string](), unknown), "Last": disagreement(Last[string](), unknown),
			"MinBy": disagreement(MinBy(short), unknown), "TopK": disagreement(TopK(3, short), unknown),
		} {
			if text != "" {
				t.Errorf("%s, %s: %s", kind, name, text)
			}
		}
	}
}

func TestAnAggregateThatDependsOnTheOrderIsFoundOut(t *testing.T) {
	rounding := Fold(0.0, func(a, b float64) float64 { return a + b }).Merge(func(a, b float64) float64 { return a + b })
	untied := MaxBy(tens)
	untied.merge = func(a, b Picked[int]) Picked[int] {
		if !b.present || a.present && tens(b.value, a.value) <= 0 {
			return a
		}
		return b
	}
	reusing := FoldNew(func() []int { return make([]int, 0, 100) }, func(all []int, n int) []int {
		all = append(all, n)
		all[0] += n
		return all
	}).Merge(func(a, b []int) []int { return a })
	for name, check := range map[string]func() string{
		"float addition":                 orderFree(rounding, floats),
		"ties by arrival":                orderFree(untied, smallInt),
		"accumulators changed in place":  orderFree(reusing, smallInt),
		"a merge that takes one of both": orderFree(Max[int]().Merge(func(a, _ int) int { return a }), smallInt),
	} {
		if check() == "" {
			t.Errorf("%s goes unnoticed", name)
		}
	}
}

func TestTheOrderOfArrivalIsNotedWhereNothingIsMerged(t *testing.T) {
	alone := Fold(0, Add[int])
	if !alone.arrival || alone.Merge(Add[int]).arrival {
		t.Error("Fold depends on the order, and with Merge it does not")
	}
	if First[int]().arrival || TopK(1, tens).arrival || DistinctOf(func(n int) int { return n }).arrival {
		t.Error("the ready ones do not depend on the order")
	}
}
