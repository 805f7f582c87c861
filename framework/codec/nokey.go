package codec

// NoKey is the type of the key of a record that has none.
type NoKey struct{}

// None is the codec of absent keys: it appends nothing, and decodes whatever key a record has to NoKey{}.
var None Codec[NoKey] = none{}

type none struct{}

func (none) Append(dst []byte, _ NoKey) ([]byte, error) { return dst, nil }
func (none) Decode([]byte) (NoKey, error)               { return NoKey{}, nil }
func (none) Name() string                               { return "none" }
