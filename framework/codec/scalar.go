package codec

import (
	"encoding/binary"
	"fmt"
)

// The codecs of booleans and integers: big endian and of fixed width, as Kafka's own serializers write them. Decoding
// another number of bytes is an error that says how many there were.
var (
	// Bool is one byte, 0 or 1, as Kafka's BooleanSerializer (KIP-907); any other byte is an error.
	Bool Codec[bool] = boolean{}

	// Int is 8 bytes on every machine, the same as [Int64]; where int is narrower, decoding what does not fit is an error.
	Int Codec[int] = integer[int]{name: "int", width: 8}
	// Int8 is 1 byte, two's complement.
	Int8 Codec[int8] = integer[int8]{name: "int8", width: 1}
	// Int16 is 2 bytes, as Kafka's ShortSerializer.
	Int16 Codec[int16] = integer[int16]{name: "int16", width: 2}
	// Int32 is 4 bytes, as Kafka's IntegerSerializer.
	Int32 Codec[int32] = integer[int32]{name: "int32", width: 4}
	// Int64 is 8 bytes, as Kafka's LongSerializer.
	Int64 Codec[int64] = integer[int64]{name: "int64", width: 8}

	// Uint is 8 bytes on every machine, the same as [Uint64]; where uint is narrower, decoding what does not fit is an error.
	Uint Codec[uint] = integer[uint]{name: "uint", width: 8}
	// Uint8 is 1 byte.
	Uint8 Codec[uint8] = integer[uint8]{name: "uint8", width: 1}
	// Uint16 is 2 bytes.
	Uint16 Codec[uint16] = integer[uint16]{name: "uint16", width: 2}
	// Uint32 is 4 bytes.
	Uint32 Codec[uint32] = integer[uint32]{name: "uint32", width: 4}
	// Uint64 is 8 bytes.
	Uint64 Codec[uint64] = integer[uint64]{name: "uint64", width: 8}
)

type integer[T int | int8 | int16 | int32 | int64 | uint | uint8 | uint16 | uint32 | uint64] struct {
	name  string
	width int // bytes: 1, 2, 4 or 8; never less than T has in memory
}

func (c integer[T]) Append(dst []byte, v T) ([]byte, error) {
	switch c.width {
	case 1:
		return append(dst, byte(v)), nil
	case 2:
		return binary.BigEndian.AppendUint16(dst, uint16(v)), nil
	case 4:
		return binary.BigEndian.AppendUint32(dst, uint32(v)), nil
	default:
		return binary.BigEndian.AppendUint64(dst, uint64(v)), nil
	}
}

func (c integer[T]) Decode(b []byte) (T, error) {
	if len(b) != c.width {
		return 0, wrongLength(c.name, b, c.width)
	}
	switch c.width {
	case 1:
		return T(b[0]), nil
	case 2:
		return T(binary.BigEndian.Uint16(b)), nil
	case 4:
		return T(binary.BigEndian.Uint32(b)), nil
	}
	wide := binary.BigEndian.Uint64(b)
	v := T(wide)
	// Only the int and uint of a 32-bit machine lose bits; converting back extends the sign.
	if uint64(v) != wide {
		return 0, fmt.Errorf("%s: %#x needs 64 bits, which this machine's %s does not have: use %s64", c.name, wide, c.name, c.name)
	}
	return v, nil
}

func (c integer[T]) Name() string { return c.name }

type boolean struct{}

func (boolean) Append(dst []byte, v bool) ([]byte, error) {
	if v {
		return append(dst, 1), nil
	}
	return append(dst, 0), nil
}

func (boolean) Decode(b []byte) (bool, error) {
	if len(b) != 1 {
		return false, wrongLength("bool", b, 1)
	}
	if b[0] > 1 {
		return false, fmt.Errorf("bool: got the byte %#02x, want 0x00 or 0x01", b[0])
	}
	return b[0] == 1, nil
}

func (boolean) Name() string { return "bool" }

func wrongLength(name string, b []byte, want int) error {
	return fmt.Errorf("%s: got %d bytes, want %d", name, len(b), want)
}
