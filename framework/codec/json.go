package codec

import (
	stdjson "encoding/json"
	"encoding/json/jsontext"
	"encoding/json/v2"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	fastjson "github.com/segmentio/encoding/json"
)

// JSON returns the codec that writes a T as JSON, by the rules and tags of encoding/json. The bytes are the same for the
// same value in every process: map keys are sorted, −0 is written as 0, no space and no newline is added, and <, > and &
// stay as they are. A time.Duration is text, such as "1h30m0s". NaN and infinities, which JSON does not have, are errors
// of Append; invalid UTF-8 in a string is written as U+FFFD.
//
// Decode refuses invalid UTF-8, an object that has a name twice, and bytes after the value. A number in a field of type
// any is a float64.
//
// What encoding/json leaves out is lost: unexported fields and those tagged "-". [Infer] refuses a type that loses
// something; JSON takes it as the author's choice.
func JSON[T any]() Codec[T] {
	t := reflect.TypeFor[T]()
	s := shapeOf(t)
	return &jsonCodec[T]{
		name:    "json(" + t.String() + ")",
		shape:   s,
		options: s.decodeOptions(),
		scratch: sync.Pool{New: func() any { return new(T) }},
	}
}

// jsonCodec encodes with segmentio/encoding, which appends without allocating and several times as fast as the standard
// library, and decodes with the standard library. Decoding with segmentio/encoding v0.5.4 is not faster, and wrong:
// a map[string][]string is read through memory that the garbage collector takes for another type, which kills the
// process; 30000000000000000000 becomes the uint64 11553255926290448384; and depth is not bounded.
type jsonCodec[T any] struct {
	name    string
	shape   *shape
	options json.Options
	scratch sync.Pool // of *T, each zero; a local of type T would be allocated with every record
}

func (c *jsonCodec[T]) Append(dst []byte, v T) ([]byte, error) {
	if c.shape.crash != nil {
		return dst, fmt.Errorf("%s: %w", c.name, c.shape.crash)
	}
	p := c.scratch.Get().(*T)
	*p = v
	b, err := fastjson.Append(dst, p, fastjson.SortMapKeys)
	c.release(p)
	if err != nil {
		return dst, fmt.Errorf("%s: %w", c.name, err)
	}
	if c.shape.floats {
		b = dropMinusZero(b, len(dst))
	}
	return b, nil
}

func (c *jsonCodec[T]) Decode(b []byte) (T, error) {
	p := c.scratch.Get().(*T)
	err := json.Unmarshal(b, p, c.options)
	v := *p
	c.release(p)
	if err != nil {
		var zero T
		return zero, fmt.Errorf("%s: %w", c.name, err)
	}
	return v, nil
}

func (c *jsonCodec[T]) Name() string { return c.name }

func (c *jsonCodec[T]) release(p *T) {
	var zero T
	*p = zero
	c.scratch.Put(p)
}

// decodeOptions reads what the encoder writes: the rules of encoding/json, strict where those change data in silence.
func (s *shape) decodeOptions() json.Options {
	o := json.JoinOptions(stdjson.DefaultOptionsV1(), jsontext.AllowInvalidUTF8(false), jsontext.AllowDuplicateNames(false))
	if s.durations {
		o = json.JoinOptions(o, json.WithUnmarshalers(json.UnmarshalFromFunc(decodeDuration)))
	}
	return o
}

// decodeDuration reads what segmentio/encoding writes for a duration, and also the nanoseconds that encoding/json does.
func decodeDuration(from *jsontext.Decoder, d *time.Duration) error {
	if from.PeekKind() != '"' {
		return errors.ErrUnsupported
	}
	token, err := from.ReadToken()
	if err != nil {
		return err
	}
	// A map key and a field with the option "string" are quoted twice.
	*d, err = time.ParseDuration(strings.Trim(token.String(), `"`))
	return err
}
