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
		return any(None).(Codec[T]), nil
	case reflect.TypeFor[time.Time]():
		return any(Time).(Codec[T]), nil
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
	c, at := builtIn(t)
	if same, ok := c.(Codec[T]); ok || c == nil {
		return same
	}
	return named[T]{*(*Codec[T])(at)}
}

// builtIn returns the codec of the built-in type that t is or is named after, and where the variable of its Codec lies.
func builtIn(t reflect.Type) (any, unsafe.Pointer) {
	switch t.Kind() {
	case reflect.String:
		return String, unsafe.Pointer(&String)
	case reflect.Bool:
		return Bool, unsafe.Pointer(&Bool)
	case reflect.Int:
		return Int, unsafe.Pointer(&Int)
	case reflect.Int8:
		return Int8, unsafe.Pointer(&Int8)
	case reflect.Int16:
		return Int16, unsafe.Pointer(&Int16)
	case reflect.Int32:
		return Int32, unsafe.Pointer(&Int32)
	case reflect.Int64:
		return Int64, unsafe.Pointer(&Int64)
	case reflect.Uint:
		return Uint, unsafe.Pointer(&Uint)
	case reflect.Uint8:
		return Uint8, unsafe.Pointer(&Uint8)
	case reflect.Uint16:
		return Uint16, unsafe.Pointer(&Uint16)
	case reflect.Uint32:
		return Uint32, unsafe.Pointer(&Uint32)
	case reflect.Uint64:
		return Uint64, unsafe.Pointer(&Uint64)
	case reflect.Float32:
		return Float32, unsafe.Pointer(&Float32)
	case reflect.Float64:
		return Float64, unsafe.Pointer(&Float64)
	case reflect.Slice:
		if t.Elem() == reflect.TypeFor[byte]() {
			return Bytes, unsafe.Pointer(&Bytes)
		}
	}
	return nil, nil
}

// named is the codec of a type T named after a built-in type U, such as type ID string. under is the variable of the
// Codec[U], read as one of Codec[T]: both have the same methods in the same order, and T and U the same memory layout, so
// that arguments and results lie in the same places. A conversion through reflection or an interface would allocate with
// every record, and a type of its own for each pair of T and U makes programs compile for minutes.
type named[T any] struct{ under Codec[T] }

func (n named[T]) Append(dst []byte, v T) ([]byte, error) { return n.under.Append(dst, v) }
func (n named[T]) Decode(b []byte) (T, error)             { return n.under.Decode(b) }
func (n named[T]) Name() string                           { return n.under.Name() }
