package exact

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// Equal sums are equal bytes, whatever they were added up from: the first byte is the kind; of a finite sum that is not 0 come the
// number of 0 bytes below the lowest one that is not, as a uvarint, and the bytes from there up, highest first, as two's
// complement, as few as there can be.

const (
	finite   = 0
	wordSize = 8
	allBytes = allWords * wordSize
)

var (
	errKind  = errors.New("it is of no known kind")
	errShape = errors.New("it is not written as short as can be, or is too large")
)

// Append appends the bytes of the sum.
func (s Sum) Append(dst []byte) []byte {
	dst = append(dst, byte(s.special))
	if s.special != 0 {
		return dst
	}
	w := s.words()
	all := bigEndian(&w)
	first, last := 0, allBytes-1
	for last >= 0 && all[last] == 0 {
		last--
	}
	if last < 0 {
		return dst
	}
	for first < last && redundant(all[first], all[first+1]) {
		first++
	}
	dst = binary.AppendUvarint(dst, uint64(allBytes-1-last))
	return append(dst, all[first:last+1]...)
}

func bigEndian(w *words) (all [allBytes]byte) {
	for i, word := range w {
		binary.BigEndian.PutUint64(all[(allWords-1-i)*wordSize:], word)
	}
	return all
}

// redundant says that the highest byte only repeats the sign of the next.
func redundant(highest, next byte) bool {
	return highest == 0 && next < 0x80 || highest == 0xff && next >= 0x80
}

// Decode returns the sum at the beginning of b, which it fills: no byte may be left over.
func Decode(b []byte) (Sum, error) {
	if len(b) == 0 {
		return Sum{}, fmt.Errorf("a float sum of no bytes: %w", errKind)
	}
	kind, b := special(b[0]), b[1:]
	switch {
	case kind > notANumber:
		return Sum{}, fmt.Errorf("a float sum that begins with %d: %w", kind, errKind)
	case kind != finite && len(b) > 0:
		return Sum{}, fmt.Errorf("a float sum: %w", errShape)
	case len(b) == 0:
		return Sum{special: kind}, nil
	}
	below, n := binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return Sum{}, fmt.Errorf("a float sum: %w", errShape)
	}
	b = b[n:]
	if len(b) == 0 || below > allBytes || below+uint64(len(b)) > allBytes || b[len(b)-1] == 0 || len(b) > 1 && redundant(b[0], b[1]) {
		return Sum{}, fmt.Errorf("a float sum: %w", errShape)
	}
	var all [allBytes]byte
	end := allBytes - int(below)
	copy(all[end-len(b):], b)
	if b[0] >= 0x80 {
		for i := range all[:end-len(b)] {
			all[i] = math.MaxUint8
		}
	}
	var w words
	for i := range w {
		w[i] = binary.BigEndian.Uint64(all[(allWords-1-i)*wordSize:])
	}
	return pack(&w), nil
}
