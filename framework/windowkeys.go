package framework

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/internal/engine"
)

// WindowedKey is a key together with a window, where the window is to be a part of the key: in a topic, see WindowKeys.
type WindowedKey[K comparable] struct {
	Key    K
	Window Window
}

// WindowKeys puts the window of each record into its key. It is chained by Then: counts.Stream().Then(framework.WindowKeys). How
// such keys are written is the topic's codec: WindowedKeys or SessionKeys. A record is put into the partition of the key
// without the window, so that all windows of a key stay together.
func WindowKeys[K comparable, V any](s Stream[K, V]) Stream[WindowedKey[K], V] {
	out := apply(s, "window-keys", "", func(_ *Op, next Emit[WindowedKey[K], V]) Emit[K, V] {
		return func(m *Meta, k K, v V) error { return next(m, WindowedKey[K]{k, m.Win}, v) }
	})
	out.n.values, out.n.unkeyed = s.n.values, s.n.unkeyed
	keys, err := keyCodec[K](s.n.keys)
	if err != nil {
		s.n.topology.fault(fmt.Errorf("%s: its keys: %w", out.n, err))
		keys = broken[K](err)
	}
	out.n.keys = SessionKeys(keys)
	needKey(out.n, s.n, "a window is put into the key", "KeyBy(f) before it")
	return out
}

// WindowedKeys is the codec of keys with windows of one size, as Kafka Streams writes them (TimeWindowedSerde): the key, then the
// window's start in ms (8 bytes, big endian). size is the windows'; a window of another size cannot be written.
func WindowedKeys[K comparable](keys codec.Codec[K], size time.Duration) codec.Codec[WindowedKey[K]] {
	return windowedKeys[K]{keys: keys, size: size.Milliseconds()}
}

// SessionKeys is the codec of keys with windows of any size, as Kafka Streams writes those of sessions (SessionWindowedSerde): the
// key, then the window's end and its start in ms (8 bytes each, big endian).
func SessionKeys[K comparable](keys codec.Codec[K]) codec.Codec[WindowedKey[K]] {
	return windowedKeys[K]{keys: keys}
}

type windowedKeys[K comparable] struct {
	keys codec.Codec[K]
	size int64 // ms; 0: any
}

func (c windowedKeys[K]) Name() string { return "windowed " + c.keys.Name() }

func (c windowedKeys[K]) Append(dst []byte, k WindowedKey[K]) ([]byte, error) {
	dst, err := c.keys.Append(dst, k.Key)
	if err != nil {
		return nil, err
	}
	start, end := k.Window.Bounds()
	if c.size == 0 {
		return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, uint64(end)), uint64(start)), nil
	}
	if end-start != c.size {
		return nil, fmt.Errorf("a window of %s, and the codec is for windows of %s: use SessionKeys for windows of any size", inMillis(end-start), inMillis(c.size))
	}
	return binary.BigEndian.AppendUint64(dst, uint64(start)), nil
}

var errNoWindowedKey = errors.New("too short for a key with a window")

func (c windowedKeys[K]) Decode(b []byte) (k WindowedKey[K], err error) {
	inner := c.InnerKey(b)
	if inner == nil {
		return k, errNoWindowedKey
	}
	first := int64(binary.BigEndian.Uint64(b[len(inner):]))
	if c.size > 0 {
		k.Window = engine.NewWindow(first, first+c.size)
	} else {
		k.Window = engine.NewWindow(int64(binary.BigEndian.Uint64(b[len(inner)+8:])), first)
	}
	k.Key, err = c.keys.Decode(inner)
	return k, err
}

// InnerKey returns the bytes of the key without the window: they decide on the partition.
func (c windowedKeys[K]) InnerKey(b []byte) []byte {
	n := len(b) - 8
	if c.size == 0 {
		n -= 8
	}
	if n < 0 {
		return nil
	}
	return b[:n:n]
}

// innerKey returns what takes the part of an encoded key that decides on the partition; nil: all of it does.
func innerKey(keys any) func([]byte) []byte {
	if c, ok := keys.(interface{ InnerKey(b []byte) []byte }); ok {
		return c.InnerKey
	}
	return nil
}
