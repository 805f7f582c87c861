package framework

import (
	"fmt"

	"github.com/millrace/millrace/framework/codec"
)

// Top is the values that TopK chose.
type Top[V any] struct {
	ranked []Picked[V] // best first; never changed, since copies of the Top may be anywhere
}

// Values returns the values, the greatest first, in a new slice. As a method expression it maps results to plain slices:
// Map(framework.Top[Flight].Values).
func (t Top[V]) Values() []V {
	values := make([]V, len(t.ranked))
	for i, p := range t.ranked {
		values[i] = p.value
	}
	return values
}

// TopK keeps the k values that are greatest by compare, which returns a negative number where a is less than b, as cmp.Compare
// does. Of values that compare equal the first one counts for more, in the order of First, so that the result does not depend on
// the order of arrival. For the k least turn compare around. Adding takes a new slice only where a value gets in. k is at least 1.
func TopK[V any](k int, compare func(a, b V) int) Aggregator[V, Top[V]] {
	a := keeping(func(values codec.Codec[V]) Aggregator[V, Top[V]] {
		ranking := ranking[V]{k, compare, values}
		return Aggregator[V, Top[V]]{
			first: func() Top[V] { return Top[V]{} },
			at:    func(top Top[V], m *Meta, v V) Top[V] { return ranking.add(top, Picked[V]{v, placeOf(m), true}) },
			merge: ranking.merge,
			codec: topCodec[V]{codec.List[Picked[V]](pickedCodec[V]{values})},
		}
	})
	if k < 1 {
		a.shared = fmt.Errorf("TopK(%d): keep at least 1 value", k)
		a.valued = nil
	}
	return a
}

type ranking[V any] struct {
	k       int
	compare func(a, b V) int
	values  codec.Codec[V]
}

// before says that next ranks before other, which was there first.
func (r *ranking[V]) before(next, other Picked[V]) bool {
	c := r.compare(next.value, other.value)
	return c > 0 || c == 0 && inOrder(r.values, next, other) < 0
}

func (r *ranking[V]) add(top Top[V], next Picked[V]) Top[V] {
	at := len(top.ranked)
	for at > 0 && r.before(next, top.ranked[at-1]) {
		at--
	}
	if at >= r.k {
		return top
	}
	ranked := make([]Picked[V], 0, min(len(top.ranked)+1, r.k))
	ranked = append(append(ranked, top.ranked[:at]...), next)
	return Top[V]{append(ranked, top.ranked[at:min(len(top.ranked), r.k-1)]...)}
}

func (r *ranking[V]) merge(a, b Top[V]) Top[V] {
	if len(b.ranked) == 0 {
		return a
	}
	ranked := make([]Picked[V], 0, min(len(a.ranked)+len(b.ranked), r.k))
	for x, y := a.ranked, b.ranked; len(ranked) < cap(ranked); {
		if len(x) == 0 || len(y) > 0 && r.before(y[0], x[0]) {
			ranked, y = append(ranked, y[0]), y[1:]
		} else {
			ranked, x = append(ranked, x[0]), x[1:]
		}
	}
	return Top[V]{ranked}
}

type topCodec[V any] struct{ list codec.Codec[[]Picked[V]] }

func (c topCodec[V]) Name() string { return "top-" + c.list.Name() }

func (c topCodec[V]) Append(dst []byte, t Top[V]) ([]byte, error) {
	return c.list.Append(dst, t.ranked)
}

func (c topCodec[V]) Decode(b []byte) (Top[V], error) {
	ranked, err := c.list.Decode(b)
	return Top[V]{ranked}, err
}
