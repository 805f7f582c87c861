package framework

import (
	"context"
	"errors"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// Header is a header of a record. The key "mr" is reserved for the framework.
type Header = connector.Header

// Record is a record with all that a user's function may want of it.
type Record[K comparable, V any] struct {
	Key     K
	Value   V
	Time    time.Time // event time, UTC, to the millisecond
	Window  Window    // zero: none
	Headers []Header  // not to be changed, and valid during the call; append copies
}

// WithKey returns the record with another key.
func (r Record[K, V]) WithKey[K2 comparable](k K2) Record[K2, V] {
	return Record[K2, V]{k, r.Value, r.Time, r.Window, r.Headers}
}

// WithValue returns the record with another value.
func (r Record[K, V]) WithValue[V2 any](v V2) Record[K, V2] {
	return Record[K, V2]{r.Key, v, r.Time, r.Window, r.Headers}
}

func recordOf[K comparable, V any](m *Meta, k K, v V) Record[K, V] {
	headers := m.Headers[:len(m.Headers):len(m.Headers)] // what one branch appends is no other branch's
	return Record[K, V]{k, v, time.UnixMilli(m.Time).UTC(), m.Win, headers}
}

// MapRecord turns each record into another one: key, value, time and headers. Its context ends when the application is
// to stop. An error stops the task, as in TryMap. Where the type of the key stays the same the key must stay, too:
// KeyBy is what changes it.
func (s Stream[K, V]) MapRecord[K2 comparable, V2 any](f func(context.Context, Record[K, V]) (Record[K2, V2], error)) Stream[K2, V2] {
	out := apply(s, "map-record", "", func(op *Op, next Emit[K2, V2]) Emit[K, V] {
		entered, id := op.enter()
		same, keyed := any(func(a, b K) bool { return a == b }).(func(K2, K) bool)
		unkeyed := isNone[K2]()
		var scratch Meta
		return func(m *Meta, k K, v V) error {
			scratch = *m
			if m.Deleted {
				if !keyed {
					return op.fail(m, errTombstoneKey)
				}
				k2, _ := any(k).(K2)
				return next(&scratch, k2, *new(V2))
			}
			*entered = id
			r, err := f(op.Context(), recordOf(m, k, v))
			if err != nil {
				return op.fail(m, err)
			}
			if keyed && !same(r.Key, k) {
				return op.fail(m, errKeyChanged)
			}
			if r.Time.IsZero() {
				return op.fail(m, errNoTime)
			}
			scratch.NoKey = m.NoKey && keyed || unkeyed
			scratch.Time, scratch.Win, scratch.Headers = r.Time.UnixMilli(), r.Window, r.Headers
			return next(&scratch, r.Key, r.Value)
		}
	})
	rekeyIfTyped[K, K2](s.n, out.n)
	return out
}

var (
	errKeyChanged   = errors.New("the key was changed: use KeyBy, so that records of one key come together again")
	errNoTime       = errors.New("the record that came back has no time: make it from the given one by WithValue or WithKey, or set its Time")
	errTombstoneKey = errors.New("a tombstone has no value to make another key of: filter tombstones before, or keep the type of the key")
)

// rekeyIfTyped marks a node as re-keyed if the type of its key is another than before.
func rekeyIfTyped[K, K2 comparable](in, n *node) {
	if _, same := any((*K)(nil)).(*K2); same {
		return
	}
	n.keys = nil
	n.rekeyed = true
}
