package framework

import (
	"bytes"
	"fmt"
	"time"

	"github.com/millrace/millrace/framework/codec"
)

// Picked is the value that First, Last, MinBy or MaxBy chose.
type Picked[V any] struct {
	value   V
	from    place
	present bool // false: nothing was there to choose from
}

// Value returns the value. As a method expression it maps results to plain values: Map(framework.Picked[Order].Value).
func (p Picked[V]) Value() V { return p.value }

// Time returns the event time of the value's record.
func (p Picked[V]) Time() time.Time { return p.from.at() }

// First keeps the first value by event time. Of records of one time it is the one that comes first by topic, partition and offset,
// so that it does not depend on the order of arrival.
//
// Records that were made of one, as FlatMap's are, count in the order in which they were made. Results of aggregates come from no
// one record, and behind a repartition topic the offset is luck: there records of one time go by their encoded bytes. Behind Through
// the topic, partition and offset are those of the topic between.
func First[V any]() Aggregator[V, Picked[V]] {
	return picking(func(_, _ V) int { return 0 }, false)
}

// Last keeps the last value by event time, in the order in which First keeps the first.
func Last[V any]() Aggregator[V, Picked[V]] {
	return picking(func(_, _ V) int { return 0 }, true)
}

// MinBy keeps the value that is least by compare, which returns a negative number where a is less than b, as cmp.Compare does. Of
// values that compare equal it is the first one, in the order of First.
func MinBy[V any](compare func(a, b V) int) Aggregator[V, Picked[V]] {
	return picking(compare, false)
}

// MaxBy keeps the value that is greatest by compare; else it is MinBy.
func MaxBy[V any](compare func(a, b V) int) Aggregator[V, Picked[V]] {
	return picking(func(a, b V) int { return compare(b, a) }, false)
}

// picking keeps the value that is least by compare, of equal ones the first or the last.
func picking[V any](compare func(a, b V) int, last bool) Aggregator[V, Picked[V]] {
	return keeping(func(values codec.Codec[V]) Aggregator[V, Picked[V]] {
		choose := func(best, next Picked[V]) Picked[V] {
			switch {
			case !next.present:
				return best
			case !best.present:
				return next
			}
			c := compare(next.value, best.value)
			if c == 0 {
				c = inOrder(values, next, best)
				if last {
					c = -c
				}
			}
			if c < 0 || c == 0 && last {
				return next
			}
			return best
		}
		return Aggregator[V, Picked[V]]{
			first: func() Picked[V] { return Picked[V]{} },
			at:    func(best Picked[V], m *Meta, v V) Picked[V] { return choose(best, Picked[V]{v, placeOf(m), true}) },
			merge: choose,
			codec: pickedCodec[V]{values},
		}
	})
}

// inOrder compares two values by where they come from. Where nothing is known of that they are compared by their bytes, so that they
// have an order all the same.
func inOrder[V any](values codec.Codec[V], a, b Picked[V]) int {
	if c := a.from.compare(b.from); c != 0 || !a.from.unknown() {
		return c
	}
	x, errX := values.Append(nil, a.value)
	y, errY := values.Append(nil, b.value)
	if errX != nil || errY != nil {
		return 0 // the operator will say so when it encodes the one that stays
	}
	return bytes.Compare(x, y)
}

// keeping makes an aggregator whose accumulators keep values: with the codec of the stream that it is used for, which of tells, or
// else with the one that the type of the values implies.
func keeping[V, A any](with func(values codec.Codec[V]) Aggregator[V, A]) Aggregator[V, A] {
	values, err := codec.Infer[V]()
	if err != nil {
		err = fmt.Errorf("it keeps values: %w; give it to the stream by Codecs", err)
		values = broken[V](err)
	}
	a := with(values)
	a.shared, a.valued = err, with
	return a
}

// pickedCodec writes where the value comes from and then the value; nothing where there is none.
type pickedCodec[V any] struct{ values codec.Codec[V] }

func (c pickedCodec[V]) Name() string { return "picked(" + c.values.Name() + ")" }

func (c pickedCodec[V]) Append(dst []byte, p Picked[V]) ([]byte, error) {
	if !p.present {
		return dst, nil
	}
	b, err := c.values.Append(p.from.append(dst), p.value)
	if err != nil {
		return dst, err
	}
	return b, nil
}

func (c pickedCodec[V]) Decode(b []byte) (p Picked[V], err error) {
	if len(b) == 0 {
		return p, nil
	}
	if p.from, b, err = cutPlace(b); err != nil {
		return Picked[V]{}, err
	}
	if p.value, err = c.values.Decode(b); err != nil {
		return Picked[V]{}, err
	}
	p.present = true
	return p, nil
}
