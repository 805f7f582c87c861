package engine_test

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/millrace/millrace/framework/internal/engine"
	"github.com/millrace/millrace/framework/state"
)

func timeOf(t int64) string {
	if t == engine.NoTime {
		return "none"
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
	case len(b) == 0 || strings.ContainsAny(string(b), " =@"):
		return strconv.Quote(string(b))
	}
	return string(b)
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
	default:
		fmt.Fprintf(&b, " %T", store)
	}
	return b.String()
}
