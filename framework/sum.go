package framework

import (
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/internal/exact"
)

// Number is a type that Add and Sum take: integers, whose sums do not depend on the order.
type Number interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

// Float is a type of floating-point numbers, which SumFloat and Mean take.
type Float interface{ ~float32 | ~float64 }

// Add returns a + b.
func Add[N Number](a, b N) N { return a + b }

// SumOf adds up an integer of each value. It wraps around on overflow, as Go's integers do.
func SumOf[V any, N Number](of func(V) N) Aggregator[V, N] {
	return Fold(N(0), func(sum N, v V) N { return sum + of(v) }).Merge(Add[N])
}

// Sum adds up integers. It wraps around on overflow, as Go's integers do.
func Sum[N Number]() Aggregator[N, N] {
	return Fold(N(0), Add[N]).Merge(Add[N])
}

// FloatSum is the exact sum of floating-point numbers: added up in any order and in any parts it is the same. Value is the
// float64 that is nearest to it, and is infinite only where the whole sum is out of range. Infinities and NaN go by IEEE 754,
// but that both infinities are NaN in any order; 0 has no sign. The zero FloatSum is 0.
//
// Add(x) and Merge(other) return another sum and leave this one, for accumulators of your own that hold one. Its JSON is a
// number with all digits of the sum, which others read as the nearest one that they have, or "+Inf", "-Inf" or "NaN".
type FloatSum = exact.Sum

// SumFloatOf adds up a floating-point number of each value, without an error. To go on with plain numbers, map the
// results by FloatSum.Value.
func SumFloatOf[V any](of func(V) float64) Aggregator[V, FloatSum] {
	return Fold(FloatSum{}, func(sum FloatSum, v V) FloatSum { return sum.Add(of(v)) }).Merge(FloatSum.Merge).Codec(floatSums)
}

// SumFloat is SumFloatOf for values that are floating-point numbers.
func SumFloat[F Float]() Aggregator[F, FloatSum] {
	return SumFloatOf(func(f F) float64 { return float64(f) })
}

// floatSums takes 10 to 20 bytes for a sum of numbers of like size.
var floatSums = codec.New("float-sum",
	func(dst []byte, s FloatSum) ([]byte, error) { return s.Append(dst), nil },
	exact.Decode)
