package exact

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

const (
	maxDigits = 1500 // more than the sum of 2^77 of the largest with one of the smallest has

	// With so many bits every sum is read from its decimal digits without an error: its own and those of the power of five
	// by which they are divided.
	decimalBits = 8192
)

var specials = [...]string{positiveInfinity: "+Inf", negativeInfinity: "-Inf", notANumber: "NaN"}

// String returns the sum in decimal, to its last digit.
func (s Sum) String() string {
	if s.special != 0 {
		return specials[s.special]
	}
	w := s.words()
	all := bigEndian(&w)
	n := new(big.Int).SetBytes(all[:])
	if all[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), allBytes*8))
	}
	f := new(big.Float).SetPrec(allBytes * 8).SetInt(n)
	return f.SetMantExp(f, lowest).Text('g', maxDigits)
}

// MarshalJSON writes a number with all its digits, which others read as the nearest number that they have; infinities and NaN, which
// JSON does not know, are the texts "+Inf", "-Inf" and "NaN".
func (s Sum) MarshalJSON() ([]byte, error) {
	if s.special != 0 {
		return json.Marshal(s.String())
	}
	return []byte(s.String()), nil
}

var (
	errNumber = errors.New(`it is neither a number nor "+Inf", "-Inf" or "NaN"`)
	errLarge  = errors.New("it is larger than a sum can be")
)

// UnmarshalJSON reads what MarshalJSON writes. A number that is no sum of float64, such as 0.1, is read as the nearest one.
func (s *Sum) UnmarshalJSON(b []byte) error {
	text := string(b)
	for kind, name := range specials {
		if name != "" && text == `"`+name+`"` {
			*s = Sum{special: special(kind)}
			return nil
		}
	}
	if len(text) > maxDigits || strings.Trim(text, "0123456789+-.eE") != "" {
		return fmt.Errorf("a float sum of %.40q: %w", text, errNumber)
	}
	f, _, err := big.ParseFloat(text, 10, decimalBits, big.ToNearestEven)
	if err != nil {
		return fmt.Errorf("a float sum of %.40q: %w", text, errNumber)
	}
	if f.IsInf() || f.MantExp(nil) >= allBytes*8+lowest {
		return fmt.Errorf("a float sum of %.40q: %w", text, errLarge)
	}
	*s = ofBig(f)
	return nil
}

// ofBig returns the sum that f is, or else that of the nearest float64.
func ofBig(f *big.Float) Sum {
	units := new(big.Float).SetPrec(0).SetMantExp(f, -lowest)
	if n, accuracy := units.Int(nil); accuracy == big.Exact && n.BitLen() < allBytes*8 {
		return ofUnits(n)
	}
	x, _ := f.Float64()
	return Sum{}.Add(x)
}

func ofUnits(n *big.Int) Sum {
	var all [allBytes]byte
	n.FillBytes(all[:]) // of the absolute value
	b := all[:]
	var w words
	for i := range w {
		for _, digit := range b[(allWords-1-i)*wordSize:][:wordSize] {
			w[i] = w[i]<<8 | uint64(digit)
		}
	}
	if n.Sign() < 0 {
		negate(&w)
	}
	return pack(&w)
}
