package exact

import (
	"math"
	"math/bits"
)

// Value returns the float64 that is nearest to the sum, of two the even one, as one addition is rounded: an infinity only where
// the sum itself is out of range. 0 has no sign.
func (s Sum) Value() float64 { return s.Over(1) }

// Over returns the float64 that is nearest to the sum divided by n; NaN where n is not positive.
func (s Sum) Over(n int64) float64 {
	switch {
	case n <= 0 || s.special == notANumber:
		return math.NaN()
	case s.special == positiveInfinity:
		return math.Inf(1)
	case s.special == negativeInfinity:
		return math.Inf(-1)
	}
	w := s.words()
	negative := w[allWords-1]>>63 != 0
	if negative {
		negate(&w)
	}
	x := quotient(&w, uint64(n))
	if negative {
		return 0 - x // not -0
	}
	return x
}

func negate(w *words) {
	carry := uint64(1)
	for i := range w {
		w[i], carry = bits.Add64(^w[i], 0, carry)
	}
}

// quotient returns w/n rounded. Below the words there is one more for the fraction: what is left behind that is only told from 0.
func quotient(w *words, n uint64) float64 {
	var q [allWords + 1]uint64
	rest := uint64(0)
	for i := allWords - 1; i >= 0; i-- {
		q[i+1], rest = bits.Div64(rest, w[i], n)
	}
	q[0], rest = bits.Div64(rest, 0, n)
	top := allWords
	for top > 0 && q[top] == 0 {
		top--
	}
	if top == 0 { // less than the smallest float64
		return half(q[0], rest) * math.SmallestNonzeroFloat64
	}
	// The 64 bits from the highest one on, and whether anything is set below them.
	shift := bits.LeadingZeros64(q[top])
	head := q[top]<<shift | q[top-1]>>(64-shift)
	below := rest != 0 || q[top-1]<<shift != 0
	for _, word := range q[:top-1] {
		below = below || word != 0
	}
	return round(head, below, 64*(top-1)+lowest-shift)
}

// half rounds a fraction of 1, of two the even number.
func half(fraction, rest uint64) float64 {
	if fraction > 1<<63 || fraction == 1<<63 && rest != 0 {
		return 1
	}
	return 0
}

// round returns head × 2^exponent, head having its highest bit set, as the nearest float64. below says that the number is a little
// larger than that.
func round(head uint64, below bool, exponent int) float64 {
	drop := 63 - mantissaBits
	if exponent+drop < lowest { // the result is a small one, with fewer bits
		drop = lowest - exponent
	}
	mantissa := head >> drop
	rest := head << (64 - drop)
	if rest > 1<<63 || rest == 1<<63 && (below || mantissa&1 == 1) {
		mantissa++
	}
	return math.Ldexp(float64(mantissa), exponent+drop)
}
