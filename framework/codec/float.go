package codec

import (
	"encoding/binary"
	"math"
)

// The codecs of floating-point numbers: the bits of IEEE 754, big endian, as Kafka's own serializers write them. Append
// normalises: −0 is written as 0, and every NaN as the same one, so that what compares and prints alike is alike in bytes.
// Decode takes all bits as they are.
var (
	// Float32 is 4 bytes, as Kafka's FloatSerializer.
	Float32 Codec[float32] = float32Codec{}
	// Float64 is 8 bytes, as Kafka's DoubleSerializer.
	Float64 Codec[float64] = float64Codec{}
)

// Java's NaN, which Float.floatToIntBits and Double.doubleToLongBits document; Go's math.NaN has other bits.
const (
	nan32 = 0x7fc00000
	nan64 = 0x7ff8000000000000
)

type float32Codec struct{}

func (float32Codec) Append(dst []byte, v float32) ([]byte, error) {
	bits := math.Float32bits(v)
	switch {
	case v == 0:
		bits = 0
	case math.IsNaN(float64(v)):
		bits = nan32
	}
	return binary.BigEndian.AppendUint32(dst, bits), nil
}

func (float32Codec) Decode(b []byte) (float32, error) {
	if len(b) != 4 {
		return 0, wrongLength("float32", b, 4)
	}
	return math.Float32frombits(binary.BigEndian.Uint32(b)), nil
}

func (float32Codec) Name() string { return "float32" }

type float64Codec struct{}

func (float64Codec) Append(dst []byte, v float64) ([]byte, error) {
	bits := math.Float64bits(v)
	switch {
	case v == 0:
		bits = 0
	case math.IsNaN(v):
		bits = nan64
	}
	return binary.BigEndian.AppendUint64(dst, bits), nil
}

func (float64Codec) Decode(b []byte) (float64, error) {
	if len(b) != 8 {
		return 0, wrongLength("float64", b, 8)
	}
	return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
}

func (float64Codec) Name() string { return "float64" }
