package framework

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework/codec"
)

func TestRecordsMadeOfOneKeepTheOrderInWhichTheyWereMade(t *testing.T) {
	m := &Meta{Time: 10, Topic: "in", Offset: 5}
	children := []string{"c", "a", "b"}
	for name, a := range map[string]struct {
		a    Aggregator[string, Picked[string]]
		want string
	}{
		"First": {First[string](), "c"},
		"Last":  {Last[string](), "b"},
		"MaxBy": {MaxBy(func(a, b string) int { return cmp.Compare(len(a), len(b)) }), "c"},
	} {
		in, parts := a.a.first(), a.a.first()
		for _, child := range children {
			in = a.a.adding()(in, m, child)
			parts = a.a.merge(parts, a.a.adding()(a.a.first(), m, child))
		}
		if in.Value() != a.want || parts.Value() != a.want {
			t.Errorf("%s: got %s, and of parts %s, want %s", name, in.Value(), parts.Value(), a.want)
		}
	}
	top := TopK(2, func(a, b string) int { return 0 })
	acc := top.first()
	for _, child := range children {
		acc = top.merge(acc, top.adding()(top.first(), m, child))
	}
	if got := fmt.Sprint(acc.Values()); got != "[c a]" {
		t.Errorf("TopK: got %s", got)
	}
}

func TestAddingToAnAccumulatorAllocatesNothing(t *testing.T) {
	m := &Meta{Time: 10, Topic: "in"}
	for name, allocs := range map[string]float64{
		"SumFloat":   allocating(SumFloat[float64](), m, 0.1),
		"MeanOf":     allocating(MeanOf(func(s string) float64 { return float64(len(s)) / 3 }), m, "abc"),
		"Max":        allocating(Max[int](), m, 5),
		"First":      allocating(First[string](), m, "abc"),
		"Last":       allocating(Last[string](), m, "abc"),
		"MinBy":      allocating(MinBy(strings.Compare), m, "abc"),
		"TopK":       allocating(TopK(3, strings.Compare), m, "abc"),
		"DistinctOf": allocating(DistinctOf(func(n int) int { return n }), m, 5),
		"Approx":     allocating(ApproxDistinctOf(func(n int) int { return n }), m, 5),
		"Quantiles":  allocating(QuantilesOf(func(x float64) float64 { return x }), m, 0.1),
	} {
		if poolsForget && name == "Approx" {
			continue // it takes its scratch memory from one
		}
		if limit := map[string]float64{"Quantiles": 1000/binsPending + 1}[name]; allocs > limit {
			t.Errorf("%s: %v allocations for 1000 values", name, allocs)
		}
	}
}

func allocating[V, A any](a Aggregator[V, A], m *Meta, v V) float64 {
	add := a.adding()
	acc := a.first()
	for range 10 {
		acc = add(acc, m, v)
	}
	return testing.AllocsPerRun(5, func() {
		for range 1000 {
			acc = add(acc, m, v)
		}
	})
}

// Values of the stream have a codec that their type does not imply.
func TestAccumulatorsThatKeepValuesWriteThemAsTheStreamDoes(t *testing.T) {
	type opaque struct{ inner string }
	plain := codec.New("plain",
		func(dst []byte, v opaque) ([]byte, error) { return append(dst, v.inner...), nil },
		func(b []byte) (opaque, error) { return opaque{string(b)}, nil })
	first, top := First[opaque](), TopK(2, func(a, b opaque) int { return strings.Compare(a.inner, b.inner) })
	if first.shared == nil || top.shared == nil {
		t.Fatal("the type has a codec of its own, this shows nothing")
	}
	first, top = first.of(plain), top.of(plain)
	if first.shared != nil || top.shared != nil {
		t.Errorf("with the stream's codec there is a fault: %v, %v", first.shared, top.shared)
	}
	acc := first.adding()(first.first(), &Meta{Topic: "in"}, opaque{"value"})
	b, err := first.codec.Append(nil, acc)
	if err != nil || !bytes.HasSuffix(b, []byte("value")) {
		t.Errorf("it is written as %q, %v", b, err)
	}
	if sum := Sum[int](); sum.of(codec.Int).codec != sum.codec {
		t.Error("an accumulator that keeps no values has the codec of the values")
	}
}

func TestAnApproximateSetIsTheSameWhenItHasBecomeDense(t *testing.T) {
	a := ApproxDistinctOf(func(n int) int { return n })
	for _, size := range []int{5_000, 9_000, 100_000} {
		var want []byte
		for seed := range uint64(4) {
			rng := rand.New(rand.NewPCG(seed, 3))
			parts := make([]ApproxSet, 1+rng.IntN(6))
			for _, n := range rng.Perm(size) {
				at := rng.IntN(len(parts))
				parts[at] = a.add(parts[at], n)
			}
			whole := a.first()
			for _, part := range parts {
				whole = a.merge(whole, part)
			}
			b, err := a.codec.Append(nil, whole)
			if err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = b
			}
			if !bytes.Equal(b, want) {
				t.Errorf("%d values in %d parts: %d bytes that are not those of one order, which are %d", size, len(parts), len(b), len(want))
			}
			if off := math.Abs(float64(whole.Len())/float64(size) - 1); off > 0.03 {
				t.Errorf("%d values are taken for %d", size, whole.Len())
			}
		}
	}
}

func TestQuantilesAreOffByLessThanTheySay(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	a := QuantilesOf(func(x float64) float64 { return x })
	q := a.first()
	var all []float64
	for range 5000 {
		x := math.Exp(rng.NormFloat64()*5) * float64(1-2*rng.IntN(2))
		all = append(all, x)
		q = a.add(q, x)
	}
	sortFloats(all)
	for part := 0.0; part <= 1; part += 0.01 {
		want := all[int(part*float64(len(all)-1))]
		if got := q.At(part); math.Abs(got-want) > math.Abs(want)*0.004 {
			t.Fatalf("at %v there is %v, want %v", part, got, want)
		}
	}
	if q.Count() != 5000 || !math.IsNaN(q.At(1.1)) || !math.IsNaN(q.At(math.NaN())) || !math.IsNaN((Quantiles{}).At(0.5)) {
		t.Errorf("%d numbers", q.Count())
	}
	odd := a.first()
	for _, x := range []float64{math.Inf(-1), -math.MaxFloat64, 0, math.MaxFloat64, math.Inf(1), math.NaN()} {
		odd = a.add(odd, x)
	}
	var got []float64
	for part := 0.0; part <= 1; part += 0.2 {
		got = append(got, odd.At(part))
	}
	if text := fmt.Sprintf("%.3v", got); text != "[-Inf -1.79e+308 0 1.79e+308 +Inf NaN]" {
		t.Errorf("the odd ones are %s", text)
	}
}

func sortFloats(all []float64) {
	for i := range all { // an insertion sort, which shares nothing with what is tested
		for j := i; j > 0 && all[j] < all[j-1]; j-- {
			all[j], all[j-1] = all[j-1], all[j]
		}
	}
}

// FuzzAccumulatorsComeBack: what is decoded is written as it was read, and nothing panics.
func FuzzAccumulatorsComeBack(f *testing.F) {
	picked, top := First[string](), TopK(3, strings.Compare)
	set, approx := DistinctOf(func(s string) string { return s }), ApproxDistinctOf(func(s string) string { return s })
	for _, n := range []int{0, 1, 20} {
		p, ranked, s, about, mean, q := picked.first(), top.first(), set.first(), approx.first(), Average{}, Quantiles{}
		for i := range n {
			m, v := &Meta{Time: int64(i), Topic: "in", Partition: 1, Offset: int64(i)}, fmt.Sprint(i)
			p, ranked, s, about = picked.at(p, m, v), top.at(ranked, m, v), set.add(s, v), approx.add(about, v)
			mean, q = mean.Add(float64(i)/3), q.with(binOf(float64(i)/3))
		}
		for _, b := range [][]byte{written(picked.codec, p), written(top.codec, ranked), written(set.codec, s), written(approx.codec, about), written(averages, mean), written(quantiles, q)} {
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		again(t, picked.codec, b)
		again(t, top.codec, b)
		again(t, set.codec, b)
		again(t, approx.codec, b)
		again(t, averages, b)
		again(t, quantiles, b)
	})
}

func written[A any](c codec.Codec[A], acc A) []byte {
	b, err := c.Append(nil, acc)
	if err != nil {
		panic(err)
	}
	return b
}

// again writes what bytes are, reads that and writes it once more.
func again[A any](t *testing.T, c codec.Codec[A], b []byte) {
	acc, err := c.Decode(b)
	if err != nil {
		return
	}
	first := written(c, acc)
	back, err := c.Decode(first)
	if err != nil || !bytes.Equal(written(c, back), first) {
		t.Fatalf("%s: %x is written as %x, which comes back as %v, %v", c.Name(), b, first, back, err)
	}
}

func BenchmarkAggregates(b *testing.B) {
	m := &Meta{Time: 10, Topic: "in"}
	xs := make([]float64, 1024)
	for i := range xs {
		xs[i] = rand.ExpFloat64() * 100
	}
	benchmark(b, "SumFloat", SumFloat[float64](), m, xs)
	benchmark(b, "Mean", Mean[float64](), m, xs)
	benchmark(b, "Max", Max[float64](), m, xs)
	benchmark(b, "Last", Last[float64](), m, xs)
	benchmark(b, "TopK", TopK(10, cmp.Compare[float64]), m, xs)
	benchmark(b, "DistinctOf", DistinctOf(func(x float64) int { return int(x) }), m, xs)
	benchmark(b, "ApproxDistinctOf", ApproxDistinctOf(func(x float64) float64 { return x }), m, xs)
	benchmark(b, "Quantiles", QuantilesOf(func(x float64) float64 { return x }), m, xs)
}

func benchmark[A any](b *testing.B, name string, a Aggregator[float64, A], m *Meta, xs []float64) {
	b.Run(name, func(b *testing.B) {
		add, acc := a.adding(), a.first()
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			acc = add(acc, m, xs[i%len(xs)])
		}
	})
}
