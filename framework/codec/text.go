package codec

// The codecs of what is bytes already.
var (
	// String is the bytes of the string as they are, whether valid UTF-8 or not; Kafka's StringSerializer writes UTF-8.
	String Codec[string] = text{}
	// Bytes is the bytes as they are; Decode copies them. Nil and empty are the same bytes and decode to an empty slice,
	// never to nil: whether there is a value at all is not told by the value.
	Bytes Codec[[]byte] = raw{}
)

type text struct{}

func (text) Append(dst []byte, v string) ([]byte, error) { return append(dst, v...), nil }
func (text) Decode(b []byte) (string, error)             { return string(b), nil }
func (text) Name() string                                { return "string" }

type raw struct{}

func (raw) Append(dst, v []byte) ([]byte, error) { return append(dst, v...), nil }
func (raw) Decode(b []byte) ([]byte, error)      { return append(make([]byte, 0, len(b)), b...), nil }
func (raw) Name() string                         { return "bytes" }
