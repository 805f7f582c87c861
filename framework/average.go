package framework

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/internal/exact"
)

// Average is the mean of floating-point numbers, as their exact sum and their number: added up in any order and in any parts it
// is the same. The zero Average is that of no numbers.
//
// Its JSON is {"sum":…,"count":…}, the sum as that of FloatSum.
type Average struct {
	sum   FloatSum
	count int64
}

// MeanOf averages a floating-point number of each value. To go on with plain numbers, map the results by Average.Value.
func MeanOf[V any](of func(V) float64) Aggregator[V, Average] {
	return Fold(Average{}, func(a Average, v V) Average { return a.Add(of(v)) }).Merge(Average.Merge).Codec(averages)
}

// Mean is MeanOf for values that are floating-point numbers.
func Mean[F Float]() Aggregator[F, Average] {
	return MeanOf(func(f F) float64 { return float64(f) })
}

// Value returns the float64 that is nearest to the mean; NaN where there are no numbers, or one of them is NaN.
func (a Average) Value() float64 { return a.sum.Over(a.count) }

// Count returns how many numbers there are.
func (a Average) Count() int64 { return a.count }

// Sum returns the exact sum of the numbers.
func (a Average) Sum() FloatSum { return a.sum }

// Add returns the average with one number more.
func (a Average) Add(x float64) Average { return Average{a.sum.Add(x), a.count + 1} }

// Merge returns the average of the numbers of both.
func (a Average) Merge(other Average) Average {
	return Average{a.sum.Merge(other.sum), a.count + other.count}
}

type averageJSON struct {
	Sum   FloatSum `json:"sum"`
	Count int64    `json:"count"`
}

// MarshalJSON writes the sum and the number of what was averaged.
func (a Average) MarshalJSON() ([]byte, error) { return json.Marshal(averageJSON{a.sum, a.count}) }

// UnmarshalJSON reads what MarshalJSON writes.
func (a *Average) UnmarshalJSON(b []byte) error {
	var from averageJSON
	if err := json.Unmarshal(b, &from); err != nil {
		return err
	}
	if from.Count < 0 {
		return fmt.Errorf("an average of %d numbers: %w", from.Count, errAverage)
	}
	*a = Average{from.Sum, from.Count}
	return nil
}

var errAverage = errors.New("the bytes are not those of an average")

// averages writes the number, as a uvarint, and the sum.
var averages = codec.New("average",
	func(dst []byte, a Average) ([]byte, error) {
		return a.sum.Append(binary.AppendUvarint(dst, uint64(a.count))), nil
	},
	func(b []byte) (Average, error) {
		count, n := binary.Uvarint(b)
		if n <= 0 || int64(count) < 0 {
			return Average{}, errAverage
		}
		sum, err := exact.Decode(b[n:])
		return Average{sum, int64(count)}, err
	})
