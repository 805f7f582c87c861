package framework

import (
	"math"
	"reflect"
)

// Real is a type of real numbers: what Min and Max take.
type Real interface{ Number | Float }

// MinOf keeps the least of a number of each value; NaN where one of them is NaN.
func MinOf[V any, N Real](of func(V) N) Aggregator[V, N] {
	return Fold(extreme[N](1), func(least N, v V) N { return min(least, of(v)+0) }). // -0 and 0 are one
												Merge(func(a, b N) N { return min(a, b) })
}

// Min keeps the least of the values, which are numbers. For others, and for the value that the number belongs to, see MinBy.
func Min[N Real]() Aggregator[N, N] { return MinOf(func(n N) N { return n }) }

// MaxOf keeps the greatest of a number of each value; NaN where one of them is NaN.
func MaxOf[V any, N Real](of func(V) N) Aggregator[V, N] {
	return Fold(extreme[N](-1), func(greatest N, v V) N { return max(greatest, of(v)+0) }).
		Merge(func(a, b N) N { return max(a, b) })
}

// Max keeps the greatest of the values, which are numbers. For others, and for the value that the number belongs to, see MaxBy.
func Max[N Real]() Aggregator[N, N] { return MaxOf(func(n N) N { return n }) }

// extreme returns the greatest number of the type, or, for a negative sign, the least: what changes no least or greatest number.
func extreme[N Real](sign int) (n N) {
	setExtreme(reflect.ValueOf(&n).Elem(), sign)
	return n
}

func setExtreme(v reflect.Value, sign int) {
	size := v.Type().Bits()
	switch {
	case v.CanFloat():
		v.SetFloat(math.Inf(sign))
	case v.CanInt() && sign > 0:
		v.SetInt(math.MaxInt64 >> (64 - size))
	case v.CanInt():
		v.SetInt(math.MinInt64 >> (64 - size))
	case sign > 0:
		v.SetUint(math.MaxUint64 >> (64 - size))
	default:
		v.SetUint(0)
	}
}
