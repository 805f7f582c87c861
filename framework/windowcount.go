package framework

import (
	"encoding/binary"
	"errors"

	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/internal/engine"
)

// counted is a window of a count that is not full.
type counted[A any] struct {
	count     int
	low, high int64 // event times
	acc       A
}

// tumblingCounts is the operator for windows of n records. A full one is handed on at once; by policy so is what is not full.
func tumblingCounts[K comparable, V, A any](op *Op, n int, keys, values any, emit EmitPolicy, f folding[V, A], next Emit[K, A]) Emit[K, V] {
	k, accs := op.o.codecs[K, A](op.n, keys, values)
	store := op.Store(Store[K, counted[A]]{name: op.n.name, keys: k, values: countedCodec(accs)})
	entered, id := op.enter()
	kept := keptKey[K](op)
	var scratch Meta
	hand := func(k K, c counted[A]) error {
		scratch.Time, scratch.Birth, scratch.Win = c.high, min(c.high, max(scratch.Birth, c.low)), engine.NewWindow(c.low, c.high)
		return next(&scratch, k, c.acc)
	}
	if !emit.everyUpdate && !emit.onClose {
		op.OnCommit(func() error {
			return store.Changed(func(k K, c counted[A], _ int64, present bool) error {
				if !present {
					return nil
				}
				scratch = Meta{}
				return hand(k, c)
			})
		})
	}
	return func(m *Meta, k K, v V) error {
		*entered = id
		if kept != nil {
			if err := kept(k); err != nil {
				return op.fail(m, err)
			}
		}
		e := store.Entry(k)
		c, present := e.Value()
		if !present {
			c = counted[A]{low: m.Time, high: m.Time}
		}
		c.acc = f.add(c.acc, present, m, v)
		c.count, c.low, c.high = c.count+1, min(c.low, m.Time), max(c.high, m.Time)
		full := c.count == n
		k = e.Key() // its own: k may be a part of the record
		if full {
			e.Delete(m.Time)
		} else {
			e.Set(c, m.Time)
		}
		if !full && !emit.everyUpdate {
			return nil
		}
		scratch = *m
		return hand(k, c)
	}
}

var errWindow = errors.New("too short for a window of a count")

func countedCodec[A any](accs codec.Codec[A]) codec.Codec[counted[A]] {
	return codec.New("counted "+accs.Name(),
		func(dst []byte, c counted[A]) ([]byte, error) {
			dst = binary.AppendUvarint(dst, uint64(c.count))
			dst = binary.AppendVarint(binary.AppendVarint(dst, c.low), c.high)
			return accs.Append(dst, c.acc)
		},
		func(b []byte) (c counted[A], err error) {
			r := reading{b: b}
			c.count, c.low, c.high = int(r.uvarint()), r.varint(), r.varint()
			if r.short {
				return c, errWindow
			}
			c.acc, err = accs.Decode(r.b)
			return c, err
		})
}

// lately is the last values of a key, oldest first, with their event times.
type lately[V any] struct {
	values []V
	times  []int64
}

// slidingCounts is the operator for the last n records.
func slidingCounts[K comparable, V, A any](op *Op, n int, keys, values any, f folding[V, A], next Emit[K, A]) Emit[K, V] {
	k, vs := op.o.codecs[K, V](op.n, keys, values)
	store := op.Store(Store[K, lately[V]]{name: op.n.name, keys: k, values: latelyCodec(vs)})
	entered, id := op.enter()
	kept := keptKey[K](op)
	var scratch Meta
	return func(m *Meta, k K, v V) error {
		*entered = id
		if kept != nil {
			if err := kept(k); err != nil {
				return op.fail(m, err)
			}
		}
		e := store.Entry(k)
		l, _ := e.Value()
		if len(l.values) == n {
			copy(l.values, l.values[1:])
			copy(l.times, l.times[1:])
			l.values[n-1], l.times[n-1] = v, m.Time
		} else {
			l.values, l.times = append(l.values, v), append(l.times, m.Time)
		}
		e.Set(l, m.Time)
		if len(l.values) < n {
			return nil
		}
		var acc A
		scratch = *m
		low, high := m.Time, m.Time
		for i, v := range l.values {
			scratch.Time = l.times[i]
			acc = f.add(acc, i > 0, &scratch, v)
			low, high = min(low, l.times[i]), max(high, l.times[i])
		}
		scratch.Time, scratch.Birth, scratch.Win = high, min(high, m.Birth), engine.NewWindow(low, high)
		return next(&scratch, e.Key(), acc)
	}
}

func latelyCodec[V any](values codec.Codec[V]) codec.Codec[lately[V]] {
	return codec.New("last of "+values.Name(),
		func(dst []byte, l lately[V]) (_ []byte, err error) {
			dst = binary.AppendUvarint(dst, uint64(len(l.values)))
			var one []byte
			for i, v := range l.values {
				if one, err = values.Append(one[:0], v); err != nil {
					return nil, err
				}
				dst = binary.AppendUvarint(binary.AppendVarint(dst, l.times[i]), uint64(len(one)))
				dst = append(dst, one...)
			}
			return dst, nil
		},
		func(b []byte) (l lately[V], err error) {
			r := reading{b: append([]byte(nil), b...)} // values may be parts of it
			for range r.uvarint() {
				at, one := r.varint(), r.bytes(r.uvarint())
				if r.short {
					return l, errWindow
				}
				v, err := values.Decode(one)
				if err != nil {
					return l, err
				}
				l.values, l.times = append(l.values, v), append(l.times, at)
			}
			return l, nil
		})
}

// reading takes numbers off bytes; short: there were too few.
type reading struct {
	b     []byte
	short bool
}

func (r *reading) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.skip(n)
	return v
}

func (r *reading) varint() int64 {
	v, n := binary.Varint(r.b)
	r.skip(n)
	return v
}

func (r *reading) skip(n int) {
	if n <= 0 {
		r.short, r.b = true, nil
		return
	}
	r.b = r.b[n:]
}

func (r *reading) bytes(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.short, r.b = true, nil
		return nil
	}
	b := r.b[:n:n]
	r.b = r.b[n:]
	return b
}
