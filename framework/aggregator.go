package framework

import (
	"fmt"
	"reflect"
	"time"

	"github.com/millrace/millrace/framework/codec"
)

// Aggregator folds values V into an accumulator A.
//
// Where it can merge partial results (all that are ready-made can) its result is the same to the bit for any order and any
// split of the records, and upstream tasks fold their records before a repartition topic. An accumulator that was handed on
// is never changed: what is downstream may keep it.
type Aggregator[V, A any] struct {
	first   func() A
	add     func(A, V) A
	at      func(acc A, m *Meta, v V) A // nil: add; for what looks at time and origin
	merge   func(A, A) A
	codec   codec.Codec[A]
	shared  error                                        // why it cannot be used: the first accumulator would be shared between keys, or there is no codec
	arrival bool                                         // its result depends on the order of arrival
	valued  func(values codec.Codec[V]) Aggregator[V, A] // makes it for values of that codec, as its accumulators hold values; nil: they hold none
}

// adding returns what adds a value to an accumulator.
func (a Aggregator[V, A]) adding() func(acc A, m *Meta, v V) A {
	if a.at != nil {
		return a.at
	}
	add := a.add
	return func(acc A, _ *Meta, v V) A { return add(acc, v) }
}

// of returns the aggregator for a stream whose values have that codec; nil: the one that their type implies.
func (a Aggregator[V, A]) of(values any) Aggregator[V, A] {
	if c, ok := values.(codec.Codec[V]); ok && a.valued != nil {
		return a.valued(c)
	}
	return a
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
	return Aggregator[V, A]{first: first, add: add, arrival: true}
}

// Merge says how two partial results become one. With it upstream tasks fold their records before the repartition topic
// and send one partial result a key: that is what makes aggregations fast. merge must be commutative and
// associative, and merging with a first accumulator must change nothing; it may reuse its first argument.
func (a Aggregator[V, A]) Merge(merge func(A, A) A) Aggregator[V, A] {
	a.merge, a.arrival = merge, false
	return a
}

// Codec sets how accumulators are encoded. Without it a codec is inferred from the type.
func (a Aggregator[V, A]) Codec(c codec.Codec[A]) Aggregator[V, A] {
	a.codec, a.valued = c, nil
	return a
}
