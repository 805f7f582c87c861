package exact

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// reference adds with as many bits as it takes.
func reference(xs []float64) (sum *big.Float, special float64) {
	sum = new(big.Float).SetPrec(4096)
	for _, x := range xs {
		if math.IsInf(x, 0) || math.IsNaN(x) {
			special += x
			continue
		}
		sum.Add(sum, new(big.Float).SetFloat64(x))
	}
	return sum, special
}

// same says that two floats are one: NaN is itself, and 0 has no sign here.
func same(a, b float64) bool { return a == b && math.Signbit(a) == math.Signbit(b) || a != a && b != b }

func sumOf(xs []float64) (s Sum) {
	for _, x := range xs {
		s = s.Add(x)
	}
	return s
}

// check compares the sum of xs, in their order, with that of the reference.
func check(t *testing.T, xs []float64, n int64) Sum {
	t.Helper()
	sum := sumOf(xs)
	want, special := reference(xs)
	value, _ := want.Float64()
	over, _ := new(big.Float).SetPrec(4096).Quo(want, new(big.Float).SetInt64(n)).Float64()
	if special != 0 {
		value, over = special, special
	}
	if got := sum.Value(); !same(got, value+0) {
		t.Fatalf("%v is %v, want %v", xs, got, value)
	}
	if got := sum.Over(n); !same(got, over+0) {
		t.Fatalf("%v over %d is %v, want %v", xs, n, got, over)
	}
	return sum
}

func TestTheSumIsTheNearestNumberToTheExactOne(t *testing.T) {
	const large, small = math.MaxFloat64, math.SmallestNonzeroFloat64
	inf, nan := math.Inf(1), math.NaN()
	for name, xs := range map[string][]float64{
		"nothing":                                    nil,
		"tenths":                                     {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7},
		"what cancels but for a small part":          {1e100, 1, -1e100},
		"what cancels over all exponents":            {large, small, -large},
		"what is too large only in between":          {large, large, -large},
		"what is too large":                          {large, large},
		"what is too large by the last bit":          {large, math.Ldexp(1, 970)},
		"what is not quite too large":                {large, math.Ldexp(1, 970), -small},
		"what is too large below":                    {-large, -large},
		"the smallest numbers":                       {small, small, small, -small},
		"a tie goes to the even one":                 {1, math.Ldexp(1, -53)},
		"a tie that a small part decides":            {1, math.Ldexp(1, -53), small},
		"a tie that a small part decides, downwards": {1, math.Ldexp(1, -53), -small},
		"a tie goes to the even one, upwards":        {1 + math.Ldexp(1, -52), math.Ldexp(1, -53)},
		"zeros":                                      {0, math.Copysign(0, -1)},
		"a zero below zero":                          {math.Copysign(0, -1)},
		"a carry through the words":                  {math.Ldexp(1, 200), -math.Ldexp(1, 10), math.Ldexp(1, 10)},
		"negative words all through":                 {-small},
		"the largest below zero and back":            {-small, small, -math.Ldexp(1, 127), math.Ldexp(1, 127)},
		"an infinity":                                {1, inf, -5},
		"an infinity below zero":                     {-inf, large},
		"both infinities":                            {inf, -inf},
		"both infinities, and one again":             {inf, -inf, inf},
		"what is not a number":                       {nan, 1},
		"what is not a number, and an infinity":      {inf, nan},
	} {
		t.Run(name, func(t *testing.T) {
			for n := range int64(10) {
				check(t, xs, n+1)
			}
		})
	}
	if x := (Sum{}).Over(0); !math.IsNaN(x) {
		t.Errorf("nothing over nothing is %v", x)
	}
}

// numbers returns floats of one spread of exponents.
func numbers(rng *rand.Rand, n int) []float64 {
	spread := []int{1, 10, 60, 200, 2000}[rng.IntN(5)]
	center := rng.IntN(2100-spread) - 1074
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = math.Ldexp(rng.Float64()*2-1, center+rng.IntN(spread))
		if rng.IntN(10) == 0 && i > 0 {
			xs[i] = -xs[i-1]
		}
	}
	return xs
}

// naive is what the sum must not be: each addition rounds.
type naive float64

func (s naive) bytes() []byte {
	return binary.BigEndian.AppendUint64(nil, math.Float64bits(float64(s)))
}

// orders adds the numbers in some random order, in random parts that are merged in a random tree, some of them encoded between.
func orders[S any](rng *rand.Rand, xs []float64, add func(S, float64) S, merge func(a, b S) S, through func(S) S) S {
	order := rng.Perm(len(xs))
	parts := make([]S, 1+rng.IntN(len(xs)))
	for _, i := range order {
		at := rng.IntN(len(parts))
		parts[at] = add(parts[at], xs[i])
	}
	for len(parts) > 1 {
		i, j := rng.IntN(len(parts)), rng.IntN(len(parts)-1)
		if j >= i {
			j++
		}
		if rng.IntN(3) == 0 {
			parts[i] = through(parts[i])
		}
		parts[i] = merge(parts[i], parts[j])
		parts[j] = parts[len(parts)-1]
		parts = parts[:len(parts)-1]
	}
	return parts[0]
}

func TestTheBytesDoNotDependOnTheOrderTheSplitOrTheMerging(t *testing.T) {
	differ := 0
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 1))
		xs := numbers(rng, 1+rng.IntN(60))
		want := check(t, xs, 1+rng.Int64N(1<<40)).Append(nil)
		plain := naive(0)
		for _, x := range xs {
			plain += naive(x)
		}
		for range 5 {
			got := orders(rng, xs, Sum.Add, Sum.Merge, func(s Sum) Sum {
				back, err := Decode(s.Append(nil))
				if err != nil {
					t.Fatal(err)
				}
				return back
			})
			if !bytes.Equal(got.Append(nil), want) {
				t.Fatalf("seed %d: %x, want %x", seed, got.Append(nil), want)
			}
			other := orders(rng, xs, func(s naive, x float64) naive { return s + naive(x) },
				func(a, b naive) naive { return a + b }, func(s naive) naive { return s })
			if !bytes.Equal(other.bytes(), plain.bytes()) {
				differ++
			}
		}
	}
	if differ < 100 {
		t.Errorf("added plainly only %d of 2500 orders differ: the numbers of this test do not show an error", differ)
	}
}

// The first number says which words are kept: the sum of what comes then is larger than they can hold.
func TestASumOutgrowsTheWordsThatItBeganWith(t *testing.T) {
	for _, sign := range []float64{1, -1} {
		for shift := range 70 {
			large := math.Ldexp(sign, 130+shift)
			xs := []float64{sign}
			for range 3000 {
				xs = append(xs, large*1.75)
			}
			sum := check(t, xs, 3)
			for range 100 {
				sum = sum.Merge(sum)
			}
			want, _ := reference(xs)
			if value, _ := want.SetMantExp(want, 100).Float64(); sum.Value() != value {
				t.Fatalf("doubled a hundred times %v is %v, want %v", xs[1], sum.Value(), value)
			}
		}
	}
}

func TestASumIsAValueAndKeepsWhatItWas(t *testing.T) {
	wide := Sum{}.Add(1e300).Add(1e-300)
	if wide.far == nil {
		t.Fatal("the words fit, the test shows nothing")
	}
	before := wide.Append(nil)
	wide.Add(1)
	wide.Merge(wide)
	if !bytes.Equal(wide.Append(nil), before) {
		t.Error("it was changed by what was added to a copy")
	}
}

func TestAddingAllocatesNothing(t *testing.T) {
	xs := make([]float64, 1000)
	for i := range xs {
		xs[i] = (rand.Float64() - 0.5) * math.Ldexp(1, i%100)
	}
	var s Sum
	if n := testing.AllocsPerRun(10, func() { s = s.Merge(sumOf(xs)) }); n != 0 {
		t.Errorf("%v allocations for %d numbers", n, len(xs))
	}
}

func TestBytesThatNoSumHasAreRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"none":                           {},
		"of a kind there is not":         {4},
		"an infinity with more":          {1, 0},
		"no digits":                      {0, 3},
		"a length written too long":      {0, 0x83, 0, 1},
		"a length without end":           {0, 0x83},
		"a zero at the end":              {0, 3, 1, 0},
		"a zero at the beginning":        {0, 3, 0, 1},
		"a sign at the beginning":        {0, 3, 0xff, 0x80, 1},
		"too many digits":                append([]byte{0, 200, 2}, bytes.Repeat([]byte{1}, 1)...),
		"a place that is out of all":     {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1},
		"digits that lie over the words": append([]byte{0, 200, 1}, bytes.Repeat([]byte{1}, 100)...),
	} {
		if s, err := Decode(b); err == nil {
			t.Errorf("%s: %x is %v", name, b, s)
		}
	}
}

func ExampleSum() {
	var exact Sum
	plain := 0.0
	for _, x := range []float64{1e100, 0.1, 0.2, -1e100} {
		exact, plain = exact.Add(x), plain+x
	}
	fmt.Println(exact.Value(), plain)
	// Output: 0.30000000000000004 0
}

func TestJSONHasAllDigits(t *testing.T) {
	for text, xs := range map[string][]float64{
		"0":      nil,
		"1.5":    {1, 0.5},
		"-7":     {-7},
		`"+Inf"`: {math.Inf(1)},
		`"-Inf"`: {math.Inf(-1)},
		`"NaN"`:  {math.NaN()},
		"0.1000000000000000055511151231257827021181583404541015625": {0.1},
	} {
		if got, err := json.Marshal(sumOf(xs)); err != nil || string(got) != text {
			t.Errorf("%v is %s, %v, want %s", xs, got, err, text)
		}
		var back Sum
		if err := json.Unmarshal([]byte(text), &back); err != nil || !bytes.Equal(back.Append(nil), sumOf(xs).Append(nil)) {
			t.Errorf("%s came back as %v, %v", text, back, err)
		}
	}
}

func TestJSONOfOthersIsTheNearestNumber(t *testing.T) {
	for text, want := range map[string]float64{"0.1": 0.1, "2.5e-07": 2.5e-7, "1e22": 1e22, "1e-400": 0} {
		var s Sum
		if err := json.Unmarshal([]byte(text), &s); err != nil || s.Value() != want {
			t.Errorf("%s is %v, %v", text, s, err)
		}
	}
	for _, text := range []string{`"1"`, `{}`, "1e999", "1e999999999", "1" + strings.Repeat("0", 2000)} {
		var s Sum
		if err := json.Unmarshal([]byte(text), &s); err == nil {
			t.Errorf("%.20s is %v", text, s)
		}
	}
}

// FuzzSum takes the bytes for numbers, and the first for what it divides by.
func FuzzSum(f *testing.F) {
	add := func(xs ...float64) {
		b := []byte{3}
		for _, x := range xs {
			b = binary.BigEndian.AppendUint64(b, math.Float64bits(x))
		}
		f.Add(b)
	}
	add(0.1, 0.2, -0.3)
	add(math.MaxFloat64, math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64)
	add(math.Inf(1), math.NaN(), 1)
	add(1e300, 1e-300, -1e300, 1)
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		n := int64(b[0]) + 1
		var xs []float64
		for b = b[1:]; len(b) >= 8; b = b[8:] {
			xs = append(xs, math.Float64frombits(binary.BigEndian.Uint64(b)))
		}
		sum := check(t, xs, n)
		encoded := sum.Append(nil)
		back, err := Decode(encoded)
		if err != nil || !bytes.Equal(back.Append(nil), encoded) || !same(back.Value(), sum.Value()) {
			t.Fatalf("%v is %x and came back as %v, %v", xs, encoded, back, err)
		}
		text, err := json.Marshal(sum)
		if err != nil {
			t.Fatal(err)
		}
		var read Sum
		if err := json.Unmarshal(text, &read); err != nil || !bytes.Equal(read.Append(nil), encoded) {
			t.Fatalf("%v is %s and came back as %v, %v", xs, text, read, err)
		}
		half := len(xs) / 2
		if parts := sumOf(xs[half:]).Merge(sumOf(xs[:half])); !bytes.Equal(parts.Append(nil), encoded) {
			t.Fatalf("%v is %x in two parts, %x in one", xs, parts.Append(nil), encoded)
		}
	})
}

// FuzzDecode: what is a sum is written as it was read.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{0})
	f.Add([]byte{1})
	f.Add(Sum{}.Add(-0.1).Append(nil))
	f.Add(Sum{}.Add(1e300).Add(-1e-300).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Decode(b)
		if err != nil {
			return
		}
		if again := s.Append(nil); !bytes.Equal(again, b) {
			t.Fatalf("%x is written as %x", b, again)
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	for name, spread := range map[string]int{"near": 20, "far": 2000} {
		b.Run(name, func(b *testing.B) {
			xs := make([]float64, 1024)
			for i := range xs {
				xs[i] = math.Ldexp(rand.Float64()-0.5, i%spread-spread/2)
			}
			var s Sum
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s = s.Add(xs[i%len(xs)])
			}
		})
	}
}
