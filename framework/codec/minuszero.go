package codec

import (
	"bytes"
	"strings"
)

// dropMinusZero rewrites each number -0 in the JSON text b[from:] to 0 and returns the text, shorter by that: 0 and −0
// are equal, and equal values must be equal bytes.
func dropMinusZero(b []byte, from int) []byte {
	text := b[from:]
	if !bytes.Contains(text, minusZero) {
		return b
	}
	to, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			text[to] = c
			to++
			i++ // what is escaped, which may be a quote; no text ends within an escape
		case c == '"':
			quoted = !quoted
		case !quoted && isMinusZero(text, i):
			continue
		}
		text[to] = text[i]
		to++
	}
	return b[:from+to]
}

var minusZero = []byte("-0")

// isMinusZero says whether the number -0 stands at text[i:], and not a part of one such as -0.5 or 1e-05.
func isMinusZero(text []byte, i int) bool {
	if !bytes.HasPrefix(text[i:], minusZero) {
		return false
	}
	if i > 0 && (text[i-1] == 'e' || text[i-1] == 'E') {
		return false
	}
	end := i + len(minusZero)
	return end == len(text) || !strings.ContainsRune(".eE0123456789", rune(text[end]))
}
