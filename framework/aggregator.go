package framework

import (
	"fmt"
	"reflect"
	"time"

	"github.com/millrace/millrace/framework/codec"
)

// Aggregator folds values V into an accumulator A.
type Aggregator[V, A any] struct {
	first  func() A
	add    func(A, V) A
	merge  func(A, A) A
	codec  codec.Codec[A]
	shared error // the first accumulator would be shared between keys
}

// Fold starts with first and adds each value. first is shared by all keys: where adding changes it in place (a map, a
// slice), use FoldNew; Build refuses it here.
func Fold[V, A any](first A, add func(A, V) A) Aggregator[V, A] {
	a := FoldNew(func() A { return first }, add)
	t := reflect.TypeFor[A]()
	switch t.Kind() {
	case reflect.Map, reflect.Slice, reflect.Pointer:
		a.shared = errShared(t)
	default:
		if inner := sharedIn(reflect.ValueOf(first)); inner != nil {
			a.shared = fmt.Errorf("in %s: %w", t, errShared(inner))
		}
	}
	return a
}

func errShared(t reflect.Type) error {
	return fmt.Errorf("Fold would share one %s between all keys: use FoldNew with a function that makes a new one", t)
}

// sharedIn returns the type of a map, slice or pointer in v that is not nil, and nil if there is none.
func sharedIn(v reflect.Value) reflect.Type {
	switch v.Kind() {
	case reflect.Map, reflect.Slice, reflect.Pointer:
		if !v.IsNil() {
			return v.Type()
		}
	case reflect.Array:
		for i := range v.Len() {
			if t := sharedIn(v.Index(i)); t != nil {
				return t
			}
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return nil // its location is never changed
		}
		for _, f := range v.Fields() {
			if t := sharedIn(f); t != nil {
				return t
			}
		}
	}
	return nil
}

// FoldNew is Fold with an accumulator made for each key.
func FoldNew[V, A any](first func() A, add func(A, V) A) Aggregator[V, A] {
	return Aggregator[V, A]{first: first, add: add}
}

// Merge says how two partial results become one. With it upstream tasks fold their records before the repartition topic
// and send one partial result a key: that is what makes aggregations fast. merge must be commutative and
// associative, and merging with a first accumulator must change nothing; it may reuse its first argument.
func (a Aggregator[V, A]) Merge(merge func(A, A) A) Aggregator[V, A] { a.merge = merge; return a }

// Codec sets how accumulators are encoded. Without it a codec is inferred from the type.
func (a Aggregator[V, A]) Codec(c codec.Codec[A]) Aggregator[V, A] { a.codec = c; return a }

// Number is a type that Add and Sum take: integers, whose sums do not depend on the order.
type Number interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64
}

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
