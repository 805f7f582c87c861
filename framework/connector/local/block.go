package local

import "github.com/millrace/millrace/framework/connector"

const (
	firstBlock = 4 << 10
	lastBlock  = 256 << 10
)

// blocks copies bytes to where they stay: many small ones into one block. A block is free when nobody has any of its
// bytes, so that blocks are never larger than what it may cost to keep one.
type blocks struct {
	open []byte
	size int // of the next block
}

// keep returns a copy. nil stays nil, and empty stays empty.
func (b *blocks) keep(from []byte) []byte {
	if len(from) == 0 {
		return from[:0:0]
	}
	if cap(b.open)-len(b.open) < len(from) {
		if len(from) > lastBlock/4 {
			return append(make([]byte, 0, len(from)), from...)
		}
		b.size = min(max(2*b.size, firstBlock, len(from)), lastBlock)
		b.open = make([]byte, 0, b.size)
	}
	start := len(b.open)
	b.open = append(b.open, from...)
	return b.open[start:len(b.open):len(b.open)]
}

// headers returns a copy.
func (b *blocks) headers(from []connector.Header) []connector.Header {
	if len(from) == 0 {
		return nil
	}
	out := make([]connector.Header, len(from))
	for i, h := range from {
		out[i] = connector.Header{Key: h.Key, Value: b.keep(h.Value)}
	}
	return out
}
