package codec

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// List returns the codec of a slice whose items the given codec encodes: the number of items as a uvarint, then for each
// its length as a uvarint and its bytes. A nil slice comes back as an empty one.
func List[T any](items Codec[T]) Codec[[]T] {
	return list[T]{items}
}

type list[T any] struct{ items Codec[T] }

var (
	errListLength = errors.New("the length of an item is not that of the bytes that follow")
	errListCount  = errors.New("the number of items is not that of the bytes that follow")
	errListRest   = errors.New("bytes are left over")
)

func (l list[T]) Name() string { return "list(" + l.items.Name() + ")" }

func (l list[T]) Append(dst []byte, v []T) ([]byte, error) {
	b := binary.AppendUvarint(dst, uint64(len(v)))
	for i, item := range v {
		from := len(b)
		var err error
		if b, err = l.items.Append(b, item); err != nil {
			return dst, fmt.Errorf("item %d: %w", i, err)
		}
		b = prefixLength(b, from)
	}
	return b, nil
}

// prefixLength puts the length of what begins at from before it.
func prefixLength(b []byte, from int) []byte {
	var prefix [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(prefix[:], uint64(len(b)-from))
	b = append(b, prefix[:n]...)
	copy(b[from+n:], b[from:len(b)-n])
	copy(b[from:], prefix[:n])
	return b
}

func (l list[T]) Decode(b []byte) ([]T, error) {
	count, b, err := cutUvarint(b)
	if err != nil || count > uint64(len(b)) { // an item takes a byte at least: no number makes memory of nothing
		return nil, fmt.Errorf("%s: %w", l.Name(), errListCount)
	}
	v := make([]T, 0, count)
	for i := range count {
		var size uint64
		if size, b, err = cutUvarint(b); err != nil || size > uint64(len(b)) {
			return nil, fmt.Errorf("%s: item %d: %w", l.Name(), i, errListLength)
		}
		item, err := l.items.Decode(b[:size:size])
		if err != nil {
			return nil, fmt.Errorf("%s: item %d: %w", l.Name(), i, err)
		}
		v, b = append(v, item), b[size:]
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("%s: %w", l.Name(), errListRest)
	}
	return v, nil
}

// cutUvarint returns the number at the beginning of b and what comes behind it. One that could be written shorter is
// refused: equal values are equal bytes.
func cutUvarint(b []byte) (n uint64, rest []byte, err error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || size > 1 && b[size-1] == 0 {
		return 0, b, errListLength
	}
	return n, b[size:], nil
}
