package engine_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/framework/internal/engine"
	"github.com/millrace/millrace/framework/state"
)

func timeOf(t int64) string {
	switch t {
	case engine.NoTime:
		return "none"
	case engine.EndOfInput:
		return "end"
	}
	return strconv.FormatInt(t, 10)
}

// text shows bytes: nil, a number of 8 bytes, or a string.
func text(b []byte) string {
	switch {
	case b == nil:
		return "null"
	case len(b) == 8 && b[0] == 0:
		return strconv.FormatUint(binary.BigEndian.Uint64(b), 10)
	case slices.ContainsFunc(b, unprintable):
		return parts(b)
	case len(b) == 0 || strings.ContainsAny(string(b), " =@"):
		return strconv.Quote(string(b))
	}
	return string(b)
}

func unprintable(c byte) bool { return c < ' ' || c > '~' }

// parts shows the keys of windows (a key, then times of 8 bytes, and a number of 4), and partial results (how many records, then
// what they give).
func parts(b []byte) string {
	at := slices.IndexFunc(b, unprintable)
	shown, rest := string(b[:at]), b[at:]
	for len(rest) > 0 {
		n := 8
		if len(rest) != 12 && len(rest)%8 > 0 {
			n = len(rest) % 8
		}
		number := uint64(0)
		for _, c := range rest[:n] {
			number = number<<8 | uint64(c)
		}
		shown, rest = fmt.Sprintf("%s|%d", shown, number), rest[n:]
	}
	return strings.TrimPrefix(shown, "|")
}

func content(store engine.Store) string {
	var b strings.Builder
	switch s := store.(type) {
	case *state.KV[string, int64]:
		for k, v := range s.All() {
			fmt.Fprintf(&b, " %s=%d", k, v)
		}
	case *state.KV[string, string]:
		for k, v := range s.All() {
			fmt.Fprintf(&b, " %s=%s", k, v)
		}
	case *state.Windows:
		fmt.Fprintf(&b, " %d open, closed to %s", s.Len(), timeOf(s.Closed()))
	default:
		fmt.Fprintf(&b, " %T", store)
	}
	return b.String()
}
