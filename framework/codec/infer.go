package codec

import (
	"fmt"
	"reflect"
	"time"
	"unsafe"
)

// Infer returns the codec that the type T implies, for where none is named:
//
//   - [None] for NoKey, [Time] for time.Time;
//   - the codec of the kind for strings, booleans, integers, floating-point numbers and bytes, and for types named after
//     them, such as type Celsius float64, whatever methods they have;
//   - [JSON] for structs, maps, arrays, other slices and pointers.
//
// It returns an error that names the place for what has no bytes, such as channels, functions, interfaces and complex
// numbers, and for what would not come back from JSON as it was, such as a struct with an unexported field: a store
// would lose that in silence at its next restore. The way out is a codec made by [New], or [JSON] itself.
func Infer[T any]() (Codec[T], error) {
	t := reflect.TypeFor[T]()
	switch t {
	case reflect.TypeFor[NoKey]():
		return as[T](None), nil
	case reflect.TypeFor[time.Time]():
		return as[T](Time), nil
	}
	if c := ofKind[T](t); c != nil {
		return c, nil
	}
	switch t.Kind() {
	case reflect.Struct, reflect.Map, reflect.Array, reflect.Slice, reflect.Pointer:
		if err := shapeOf(t).loss; err != nil {
			return nil, fmt.Errorf("no codec for %s, which is not fit for JSON: %w; or name a codec, made by codec.New", t, err)
		}
		return JSON[T](), nil
	case reflect.Interface:
		return nil, fmt.Errorf("no codec for the interface %s: bytes do not tell which type to decode to: use a concrete type, or name a codec, made by codec.New", t)
	}
	return nil, fmt.Errorf("no codec for %s: it has no bytes that mean anything elsewhere: use another type, or name a codec, made by codec.New", t)
}

// ofKind returns the codec of a T that has a built-in type or is named after one, nil for other types.
func ofKind[T any](t reflect.Type) Codec[T] {
	switch t.Kind() {
	case reflect.String:
		return as[T](String)
	case reflect.Bool:
		return as[T](Bool)
	case reflect.Int:
		return as[T](Int)
	case reflect.Int8:
		return as[T](Int8)
	case reflect.Int16:
		return as[T](Int16)
	case reflect.Int32:
		return as[T](Int32)
	case reflect.Int64:
		return as[T](Int64)
	case reflect.Uint:
		return as[T](Uint)
	case reflect.Uint8:
		return as[T](Uint8)
	case reflect.Uint16:
		return as[T](Uint16)
	case reflect.Uint32:
		return as[T](Uint32)
	case reflect.Uint64:
		return as[T](Uint64)
	case reflect.Float32:
		return as[T](Float32)
	case reflect.Float64:
		return as[T](Float64)
	case reflect.Slice:
		if t.Elem() == reflect.TypeFor[byte]() {
			return as[T](Bytes)
		}
	}
	return nil
}

// as returns c, a codec of U, as a codec of T, which is U or a type named after it.
func as[T, U any](c Codec[U]) Codec[T] {
	if same, ok := c.(Codec[T]); ok {
		return same
	}
	return named[T, U]{under: c}
}

// named is the codec of a type T named after U, such as type ID string. Invariant: U is T's underlying type, as [ofKind]
// found; so both have the same memory layout, and one is read as the other in place. A conversion through reflection or
// an interface would allocate with every record.
type named[T, U any] struct{ under Codec[U] }

func (n named[T, U]) Append(dst []byte, v T) ([]byte, error) {
	return n.under.Append(dst, *(*U)(unsafe.Pointer(&v)))
}

func (n named[T, U]) Decode(b []byte) (T, error) {
	u, err := n.under.Decode(b)
	return *(*T)(unsafe.Pointer(&u)), err
}

func (n named[T, U]) Name() string { return n.under.Name() }
