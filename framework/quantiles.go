package framework

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/millrace/millrace/framework/codec"
)

// Quantiles is how numbers are distributed: how many there are in each of the bins that the float64 numbers are cut into, 128 to each
// power of two. What it says of a number is off by at most 0.4 %, and is the same for any order and any split of the numbers.
type Quantiles struct {
	bins    []bin                  // by number; never changed, since copies refer to it
	pending [binsPending]binNumber // of numbers that are not in bins yet, so that they need not be copied for each
	waiting int8                   // how many there are
}

// binsPending is how many numbers wait for a copy of the bins.
const binsPending = 16

// QuantilesOf finds how a number of each value is distributed. It takes 16 bytes a key for each bin that has numbers in it: some
// hundreds for latencies from a millisecond to a minute.
func QuantilesOf[V any](of func(V) float64) Aggregator[V, Quantiles] {
	return Fold(Quantiles{}, func(q Quantiles, v V) Quantiles { return q.with(binOf(of(v))) }).
		Merge(Quantiles.and).
		Codec(quantiles)
}

// At returns the number below which that part of the numbers lies: At(0.5) is the median, At(0.99) what one in a hundred exceeds. It
// is NaN where there are no numbers, and where part is not from 0 to 1. NaN counts as larger than all numbers.
func (q Quantiles) At(part float64) float64 {
	bins := q.whole()
	n := total(bins)
	if n == 0 || !(part >= 0 && part <= 1) {
		return math.NaN()
	}
	rank := int64(part * float64(n-1))
	for _, b := range bins {
		if rank -= b.count; rank < 0 {
			return b.number.middle()
		}
	}
	return bins[len(bins)-1].number.middle()
}

// Count returns how many numbers there are.
func (q Quantiles) Count() int64 { return total(q.bins) + int64(q.waiting) }

// binNumber is the number of a bin, in the order of what is in it: the highest bits of a float64, which are its exponent and 7 bits of its
// mantissa; 0 is in a bin of its own. No logarithm is taken: that is not the same to the bit on every machine.
type binNumber int32

type bin struct {
	number binNumber
	count  int64
}

const (
	binShift = 52 - 7
	binNaN   = math.MaxInt32
)

func binOf(x float64) binNumber {
	n := binNumber(math.Float64bits(math.Abs(x))>>binShift) + 1
	switch {
	case x != x:
		return binNaN
	case x == 0:
		return 0
	case x < 0:
		return -n
	}
	return n
}

// middle returns the number in the middle of the bin.
func (n binNumber) middle() float64 {
	switch {
	case n == binNaN:
		return math.NaN()
	case n == 0:
		return 0
	case n < 0:
		return -(-n).middle()
	}
	low := math.Float64frombits(uint64(n-1) << binShift)
	high := math.Float64frombits(uint64(n) << binShift)
	if math.IsInf(high, 1) || math.IsInf(low, 1) {
		return low
	}
	return low + (high-low)/2
}

func (q Quantiles) with(n binNumber) Quantiles {
	q.pending[q.waiting] = n
	if q.waiting++; q.waiting == binsPending {
		return Quantiles{bins: q.whole()}
	}
	return q
}

// whole returns the bins with all in them; they are not to be changed.
func (q *Quantiles) whole() []bin {
	if q.waiting == 0 {
		return q.bins
	}
	var numbers [binsPending]bin
	for i, n := range q.pending[:q.waiting] {
		numbers[i] = bin{n, 1}
	}
	added := numbers[:q.waiting]
	slices.SortFunc(added, func(a, b bin) int { return cmp.Compare(a.number, b.number) })
	return joined(q.bins, added)
}

// and returns the distribution of the numbers of both.
func (q Quantiles) and(other Quantiles) Quantiles {
	return Quantiles{bins: joined(q.whole(), other.whole())}
}

// joined returns the bins of both, in a new slice. b may have bins of one number one after the other.
func joined(a, b []bin) []bin {
	all := make([]bin, 0, len(a)+len(b))
	for len(a)+len(b) > 0 {
		var next bin
		if len(b) == 0 || len(a) > 0 && a[0].number <= b[0].number {
			next, a = a[0], a[1:]
		} else {
			next, b = b[0], b[1:]
		}
		if n := len(all); n > 0 && all[n-1].number == next.number {
			all[n-1].count += next.count
		} else {
			all = append(all, next)
		}
	}
	return all
}

func total(bins []bin) (n int64) {
	for _, b := range bins {
		n += b.count
	}
	return n
}

var errQuantiles = errors.New("the bytes are not those of quantiles")

// quantiles writes for each bin how far its number is from that of the one before, and its count.
var quantiles = codec.New("quantiles",
	func(dst []byte, q Quantiles) ([]byte, error) {
		before := int64(0)
		for _, b := range q.whole() {
			dst = binary.AppendVarint(dst, int64(b.number)-before)
			dst = binary.AppendUvarint(dst, uint64(b.count))
			before = int64(b.number)
		}
		return dst, nil
	},
	func(b []byte) (Quantiles, error) {
		var bins []bin
		before := int64(0)
		for len(b) > 0 {
			step, n := binary.Varint(b)
			if n <= 0 {
				return Quantiles{}, errQuantiles
			}
			count, m := binary.Uvarint(b[n:])
			before += step
			if m <= 0 || before != int64(binNumber(before)) || int64(count) <= 0 || len(bins) > 0 && step <= 0 {
				return Quantiles{}, errQuantiles
			}
			bins = append(bins, bin{binNumber(before), int64(count)})
			b = b[n+m:]
		}
		return Quantiles{bins: bins}, nil
	})
