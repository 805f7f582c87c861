package framework

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
)

// Print writes a line to standard output for each record: its time, topic/partition@offset of where it was read, its key,
// its value and its headers. See PrintTo.
func (s Stream[K, V]) Print() { s.PrintTo(os.Stdout) }

// PrintTo writes a line to w for each record, for example
//
//	2026-03-01T12:00:00.000Z lines/0@7 a: 2 {trace: 4711}
//
// with - for where a record was read if it is not known, without the key if it has none, and with (deleted) for the value
// of a tombstone. Text that would break the line is quoted. A line is one call of w.Write, and one at a time: give
// a w that is not safe for several goroutines to one PrintTo only. While w blocks the task waits, and an error of w stops
// it.
func (s Stream[K, V]) PrintTo(w io.Writer) {
	mu := &sync.Mutex{} // one line at a time of all tasks
	if w == io.Writer(os.Stdout) {
		mu = &stdout
	}
	out := apply(s, "print", "", func(op *Op, _ Emit[None, struct{}]) Emit[K, V] {
		entered, id := op.enter()
		var line []byte
		return func(m *Meta, k K, v V) error {
			*entered = id
			line = append(appendRecord(line[:0], m, k, v), '\n')
			mu.Lock()
			defer mu.Unlock()
			if _, err := w.Write(line); err != nil {
				return op.fail(m, fmt.Errorf("print the record: %w", err))
			}
			return nil
		}
	})
	out.n.sink = true
}

var stdout sync.Mutex // held while a line is written to standard output

func appendRecord[K comparable, V any](b []byte, m *Meta, k K, v V) []byte {
	b = time.UnixMilli(m.Time).UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
	if b = append(b, ' '); m.Topic == "" {
		b = append(b, '-')
	} else {
		b = fmt.Appendf(b, "%s/%d@%d", m.Topic, m.Partition, m.Offset)
	}
	b = append(b, ' ')
	if !m.NoKey {
		b = append(append(b, textOf(k)...), ": "...)
	}
	if m.Deleted {
		b = append(b, "(deleted)"...)
	} else {
		b = append(b, textOf(v)...)
	}
	for i, h := range m.Headers {
		b = append(b, []string{" {", ", "}[min(i, 1)]...)
		b = append(append(append(b, textOf(h.Key)...), ": "...), textOf(h.Value)...)
	}
	if len(m.Headers) > 0 {
		b = append(b, '}')
	}
	return b
}

// textOf returns a value as text on one line. What is empty or holds what cannot be seen is quoted.
func textOf(v any) string {
	var s string
	switch v := v.(type) {
	case []byte:
		s = string(v)
	default:
		s = fmt.Sprint(v)
	}
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
		return strconv.Quote(s)
	}
	return s
}
