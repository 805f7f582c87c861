package framework

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/millrace/millrace/framework/codec"
)

// Set is the different values that DistinctOf found.
type Set[U comparable] struct {
	// items are in the order in which they came. What was handed on keeps its length of a slice that others append to.
	items []U
	// index holds the items and is only of use for the longest copy of the set, which has as many: each copy refers to it.
	index map[U]struct{}
}

// Len returns how many there are. As a method expression it maps results to plain numbers: Map(framework.Set[string].Len).
func (s Set[U]) Len() int { return len(s.items) }

// Sorted returns them in the order of compare, such as cmp.Compare[U], in a new slice.
func (s Set[U]) Sorted(compare func(a, b U) int) []U {
	sorted := slices.Clone(s.items)
	slices.SortFunc(sorted, compare)
	return sorted
}

// DistinctOf finds what different things f makes of the values. All of them are kept, and are written to the changelog when
// one is added: for more than some thousands a key take ApproxDistinctOf. U is a type that can be a key: floating-point
// numbers, pointers, interfaces and time.Time are build errors.
func DistinctOf[V any, U comparable](f func(V) U) Aggregator[V, Set[U]] {
	items, err := keyCodec[U](nil)
	if err != nil {
		err = fmt.Errorf("DistinctOf: %w", err)
		items = broken[U](err)
	}
	a := FoldNew(func() Set[U] { return Set[U]{} }, func(s Set[U], v V) Set[U] { return s.with(f(v)) }).
		Merge(Set[U].and).
		Codec(setCodec[U]{items, codec.List(items)})
	a.shared = err
	return a
}

// with returns the set with u in it.
func (s Set[U]) with(u U) Set[U] {
	if s.index == nil || len(s.index) != len(s.items) {
		s = s.apart()
	}
	if _, has := s.index[u]; !has {
		s.index[u] = struct{}{}
		s.items = append(s.items, u)
	}
	return s
}

// apart returns the set with items and an index of its own: a longer copy has those that it had.
func (s Set[U]) apart() Set[U] {
	own := Set[U]{items: make([]U, 0, len(s.items)+1), index: make(map[U]struct{}, len(s.items)+1)}
	for _, u := range s.items {
		if _, has := own.index[u]; !has {
			own.index[u] = struct{}{}
			own.items = append(own.items, u)
		}
	}
	return own
}

// and returns the set of what is in either.
func (s Set[U]) and(other Set[U]) Set[U] {
	if len(s.items) == 0 {
		return other
	}
	for _, u := range other.items {
		s = s.with(u)
	}
	return s
}

// setCodec writes the items as codec.List does, in the order of their bytes.
type setCodec[U comparable] struct {
	items codec.Codec[U]
	list  codec.Codec[[]U]
}

func (c setCodec[U]) Name() string { return "set(" + c.items.Name() + ")" }

func (c setCodec[U]) Append(dst []byte, s Set[U]) ([]byte, error) {
	encoded := make([][]byte, len(s.items))
	var all []byte
	for i, u := range s.items {
		from := len(all)
		var err error
		if all, err = c.items.Append(all, u); err != nil {
			return dst, fmt.Errorf("%s: %w", c.Name(), err)
		}
		encoded[i] = all[from:] // stays as it is where all is moved
	}
	slices.SortFunc(encoded, bytes.Compare)
	dst = binary.AppendUvarint(dst, uint64(len(encoded)))
	for _, item := range encoded {
		dst = append(binary.AppendUvarint(dst, uint64(len(item))), item...)
	}
	return dst, nil
}

func (c setCodec[U]) Decode(b []byte) (Set[U], error) {
	items, err := c.list.Decode(b)
	return Set[U]{items: items}, err
}
