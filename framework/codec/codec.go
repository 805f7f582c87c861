// Package codec turns keys and values into bytes and back.
//
// A topic, a store and an internal topic each name a codec for their keys and one for their values. Where none is named,
// [Infer] finds one from the type; [New] makes one from two functions. The package keeps no registry: a codec is a value
// that is handed over.
//
// The scalars are encoded as Kafka's own serializers do, so that other programs read and write the same topics.
package codec

// Codec encodes and decodes values of type T. It holds no state that changes: any goroutine may use it at any time.
//
// Equal values must give equal bytes, in every process and in every run: a partition is chosen by the bytes of the key,
// and a replay must write what the first run wrote.
type Codec[T any] interface {
	// Append appends the bytes of v to dst and returns the longer slice; on an error it returns dst as it was given.
	Append(dst []byte, v T) ([]byte, error)
	// Decode returns the value that b holds, all of b: bytes left over are an error. The value must not point into b,
	// which the caller uses again.
	Decode(b []byte) (T, error)
	// Name says how values are encoded, for messages and descriptions, for example "int64".
	Name() string
}

// New returns a codec from two functions, for types whose encoding is not built in. The functions keep the contract of
// [Codec]: enc appends to its argument, dec copies what it keeps, equal values give equal bytes, and both may be called
// from several goroutines at once. The name stands in messages and descriptions.
//
// Where the codec is used for keys, different keys must give different bytes.
func New[T any](name string, enc func([]byte, T) ([]byte, error), dec func([]byte) (T, error)) Codec[T] {
	if enc == nil || dec == nil {
		panic("codec.New " + name + ": enc and dec must not be nil")
	}
	return &functions[T]{name: name, enc: enc, dec: dec}
}

type functions[T any] struct {
	name string
	enc  func([]byte, T) ([]byte, error)
	dec  func([]byte) (T, error)
}

func (f *functions[T]) Append(dst []byte, v T) ([]byte, error) {
	b, err := f.enc(dst, v)
	if err != nil {
		return dst, err
	}
	return b, nil
}

func (f *functions[T]) Decode(b []byte) (T, error) { return f.dec(b) }
func (f *functions[T]) Name() string               { return f.name }
