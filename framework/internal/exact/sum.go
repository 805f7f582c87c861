// Package exact adds floating-point numbers without an error, so that a sum does not depend on the order in which its parts
// come together.
package exact

import (
	"math"
	"math/bits"
)

// Sum is the exact sum of any number of float64. The zero value is 0. It is a value: adding returns another one and leaves
// what it was, so that copies may be kept. Where its parts span less than about 190 bits adding allocates nothing.
//
// Infinities and NaN go by IEEE 754: one of them in it decides, and both infinities are NaN, whatever the order.
//
// The sum is an integer, counted in the smallest float64 (2^-1074), as two's complement: all float64 are whole numbers of it, and 34
// words of 64 bits hold 2^77 of the largest.
type Sum struct {
	near    [nearWords]uint64 // the words from at on; those below are 0, those above have the sign's bits
	far     *words            // all words, where they do not fit into near, which is 0 then; never changed
	at      int8              // at most lastWindow
	special special           // not 0: all else is 0
}

const (
	allWords   = 34
	nearWords  = 4
	lastWindow = allWords - nearWords

	mantissaBits = 52
	lowest       = -1074 // exponent of the smallest float64
)

type words [allWords]uint64

// special is what a sum is that is no finite number.
type special uint8

const (
	positiveInfinity special = 1 + iota
	negativeInfinity
	notANumber
)

// Add returns the sum with x added.
func (s Sum) Add(x float64) Sum {
	b := math.Float64bits(x)
	exponent, mantissa := int(b>>mantissaBits&0x7ff), b&(1<<mantissaBits-1)
	switch {
	case exponent == 0x7ff || s.special != 0:
		return s.and(specialOf(x))
	case exponent > 0:
		mantissa |= 1 << mantissaBits
		exponent--
	case mantissa == 0:
		return s
	}
	word, shift := exponent/64, exponent%64
	low, high := mantissa<<shift, mantissa>>(64-shift)
	negative := b>>63 != 0
	if s.far == nil {
		if s.near == [nearWords]uint64{} {
			s.at = window(word)
		}
		if i := word - int(s.at); i >= 0 && i < nearWords-1 {
			if sum := s.near; addAt(sum[:], i, low, high, negative) {
				s.near = sum
				return s
			}
		}
	}
	w := s.words()
	addAt(w[:], word, low, high, negative)
	return pack(&w)
}

// window returns where the words begin that are kept for a first number whose lower word is that one: most of what is added to
// it lies between 2^64 times less and 2^64 times more.
func window(word int) int8 { return int8(min(max(word-1, 0), lastWindow)) }

// addAt adds the two words to w from i on, or subtracts them, and says whether w was large enough.
func addAt(w []uint64, i int, low, high uint64, negative bool) bool {
	top := len(w) - 1
	was := w[top] >> 63
	var carry uint64
	if negative {
		w[i], carry = bits.Sub64(w[i], low, 0)
		w[i+1], carry = bits.Sub64(w[i+1], high, carry)
		for i += 2; i <= top && carry != 0; i++ {
			w[i], carry = bits.Sub64(w[i], 0, carry)
		}
		return was == 0 || w[top]>>63 == 1
	}
	w[i], carry = bits.Add64(w[i], low, 0)
	w[i+1], carry = bits.Add64(w[i+1], high, carry)
	for i += 2; i <= top && carry != 0; i++ {
		w[i], carry = bits.Add64(w[i], 0, carry)
	}
	return was == 1 || w[top]>>63 == 0
}

// Merge returns the sum of two sums.
func (s Sum) Merge(o Sum) Sum {
	switch {
	case s.special|o.special != 0:
		return s.and(o.special)
	case o == Sum{at: o.at}:
		return s
	case s == Sum{at: s.at}:
		return o
	}
	if s.at == o.at && s.far == nil && o.far == nil {
		if sum, ok := addNear(s.near, o.near); ok {
			s.near = sum
			return s
		}
	}
	w, v := s.words(), o.words()
	var carry uint64
	for i := range w {
		w[i], carry = bits.Add64(w[i], v[i], carry)
	}
	return pack(&w)
}

func addNear(a, b [nearWords]uint64) (sum [nearWords]uint64, ok bool) {
	var carry uint64
	for i := range a {
		sum[i], carry = bits.Add64(a[i], b[i], carry)
	}
	const top = nearWords - 1
	return sum, (a[top]^b[top])>>63 != 0 || (a[top]^sum[top])>>63 == 0
}

func specialOf(x float64) special {
	switch {
	case math.IsInf(x, 1):
		return positiveInfinity
	case math.IsInf(x, -1):
		return negativeInfinity
	case math.IsNaN(x):
		return notANumber
	}
	return 0
}

// and returns a sum that is no finite number.
func (s Sum) and(o special) Sum {
	switch {
	case s.special == 0 || s.special == o:
		return Sum{special: o}
	case o == 0:
		return Sum{special: s.special}
	}
	return Sum{special: notANumber}
}

// words returns all words of a finite sum.
func (s *Sum) words() (w words) {
	if s.far != nil {
		return *s.far
	}
	n := int(s.at) + copy(w[s.at:], s.near[:])
	if s.near[nearWords-1]>>63 != 0 {
		for ; n < allWords; n++ {
			w[n] = math.MaxUint64
		}
	}
	return w
}

// pack returns the sum of these words, in near where it fits there with the sign's bit.
func pack(w *words) Sum {
	first, last := 0, allWords-1
	for first < allWords && w[first] == 0 {
		first++
	}
	if first == allWords {
		return Sum{}
	}
	fill := sign(w)
	for last > first && w[last] == fill && w[last-1]>>63 == fill>>63 {
		last--
	}
	room := nearWords - (last - first + 1)
	if room < 0 {
		far := *w
		return Sum{far: &far}
	}
	s := Sum{at: int8(min(max(first-room/2, 0), lastWindow))}
	copy(s.near[:], w[s.at:])
	return s
}

// sign returns the word that goes on above all words.
func sign(w *words) uint64 { return -(w[allWords-1] >> 63) }
