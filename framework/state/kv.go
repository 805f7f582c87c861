// Package state holds the stores of operators. A store lives in memory and is the fold of its changelog topic.
package state

import (
	"cmp"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"unsafe"

	"github.com/millrace/millrace/framework/codec"
)

// KV is a key-value store of one task. Keys are equal iff their encoded bytes are. What is put in may be
// kept: keys are copied, strings too. It is used only from the operator that opened it, on its goroutine.
type KV[K comparable, V any] struct {
	name   string
	keys   codec.Codec[K]
	values codec.Codec[V]
	clone  func(V) V // of strings, that would pin the record they were cut from; nil else
	time   *int64    // event time of the record in process

	index   map[string]int32 // encoded key -> place in entries
	entries []entry[K, V]
	unused  []int32 // places of deleted entries
	dirty   []int32 // places changed since the last flush, in order of the first change
	scratch []byte
	value   []byte
	bytes   int64
	backing backing
	expiry  Expiry
	swept   int    // the place that is looked at next for what has ended
	sweptTo []byte // on disk: likewise, the key
}

type entry[K comparable, V any] struct {
	encoded string // the key's bytes
	key     K
	value   V
	time    int64 // highest event time of what changed it
	present bool
	logged  bool // the changelog holds a value of it
	dirty   bool
	used    bool   // on disk: since it was looked at last for being forgotten
	flush   uint32 // on disk: the last flush that handed it out, 0 once the folder has it
}

// NewKV returns an empty store. time is read at each change: the event time of the record in process, in ms.
func NewKV[K comparable, V any](name string, keys codec.Codec[K], values codec.Codec[V], time *int64) *KV[K, V] {
	s := &KV[K, V]{name: name, keys: keys, values: values, time: time, index: map[string]int32{}}
	if reflect.TypeFor[V]().Kind() == reflect.String {
		s.clone = func(v V) V {
			c := strings.Clone(*(*string)(unsafe.Pointer(&v))) // V's layout is a string's
			return *(*V)(unsafe.Pointer(&c))
		}
	}
	return s
}

// Name returns the store's name.
func (s *KV[K, V]) Name() string { return s.name }

// Len returns the number of keys; on disk of those in memory. Of a table whose entries end it counts those too that have, and
// are not removed yet.
func (s *KV[K, V]) Len() int { return len(s.index) - s.deleted() }

// deleted counts entries that wait for the flush to write their tombstone.
func (s *KV[K, V]) deleted() (n int) {
	for _, at := range s.dirty {
		if !s.entries[at].present {
			n++
		}
	}
	return n
}

// Bytes returns about how much memory the store takes.
func (s *KV[K, V]) Bytes() int64 { return s.bytes + int64(len(s.index))*s.backing.weight.average() }

// Get returns the value of a key.
func (s *KV[K, V]) Get(k K) (v V, ok bool) {
	if e := s.find(k); e != nil && e.present {
		return e.value, true
	}
	return v, false
}

// Put sets the value of a key. A key that cannot be encoded panics; the task reports it with its operator.
func (s *KV[K, V]) Put(k K, v V) {
	e := s.Entry(k)
	e.Set(v, *s.time)
}

// Delete removes a key.
func (s *KV[K, V]) Delete(k K) {
	if e := s.find(k); e != nil && e.present {
		Entry[K, V]{s, s.index[string(s.scratch)]}.Delete(*s.time)
	}
}

// All yields the keys and values in the order of the keys' bytes. The store must not be changed meanwhile.
func (s *KV[K, V]) All() iter.Seq2[K, V] {
	if s.backing.disk != nil {
		return s.merged(nil, nil)
	}
	return s.ordered(func(string) bool { return true })
}

// Range yields the keys from from (inclusive) to to (exclusive) in the order of their bytes.
// The store must not be changed meanwhile.
func (s *KV[K, V]) Range(from, to K) iter.Seq2[K, V] {
	first := string(s.encode(from)) // before the next call, which uses the same memory
	end := string(s.encode(to))
	if s.backing.disk != nil {
		return s.merged([]byte(first), []byte(end))
	}
	return s.ordered(func(k string) bool { return first <= k && k < end })
}

func (s *KV[K, V]) ordered(in func(encoded string) bool) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		var sorted []*entry[K, V]
		for i := range s.entries {
			if e := &s.entries[i]; e.present && in(e.encoded) && !s.gone(e.time) {
				sorted = append(sorted, e)
			}
		}
		slices.SortFunc(sorted, func(a, b *entry[K, V]) int { return cmp.Compare(a.encoded, b.encoded) })
		for _, e := range sorted {
			if !yield(e.key, e.value) {
				return
			}
		}
	}
}

// Entry is the place of one key, so that an update looks it up once. It is valid until the next flush.
type Entry[K comparable, V any] struct {
	s  *KV[K, V]
	at int32
}

// Entry returns the place of a key, which is made where it does not exist.
func (s *KV[K, V]) Entry(k K) Entry[K, V] {
	b := s.encode(k)
	if at, ok := s.place(b); ok {
		return Entry[K, V]{s, at}
	}
	return Entry[K, V]{s, s.insert(b)}
}

// Key returns the entry's key, in memory of the store's own.
func (e Entry[K, V]) Key() K { return e.s.entries[e.at].key }

// Encoded returns the bytes of the entry's key.
func (e Entry[K, V]) Encoded() string { return e.s.entries[e.at].encoded }

// Value returns the entry's value.
func (e Entry[K, V]) Value() (v V, ok bool) {
	p := &e.s.entries[e.at]
	return p.value, p.present
}

// Time returns the highest event time of what set the entry, in ms.
func (e Entry[K, V]) Time() int64 { return e.s.entries[e.at].time }

// Set sets the value; its time is the highest of what the entry was set with.
func (e Entry[K, V]) Set(v V, time int64) {
	if e.s.clone != nil {
		v = e.s.clone(v)
	}
	p := &e.s.entries[e.at]
	if !p.present || time > p.time {
		p.time = time
	}
	p.value, p.present = v, true
	e.touch(p)
}

// Delete removes the value.
func (e Entry[K, V]) Delete(time int64) {
	p := &e.s.entries[e.at]
	var none V
	p.value, p.present, p.time = none, false, max(p.time, time)
	e.touch(p)
}

func (e Entry[K, V]) touch(p *entry[K, V]) {
	if !p.dirty {
		p.dirty = true
		e.s.dirty = append(e.s.dirty, e.at)
	}
}

// Changed calls f for each key that changed since the last flush, in the order of the first change. Of a deleted key
// the value is zero and present false.
func (s *KV[K, V]) Changed(f func(k K, v V, time int64, present bool) error) error {
	for _, at := range s.dirty {
		e := &s.entries[at]
		if !e.present && !e.logged {
			continue // came and went since: nobody has heard of it
		}
		if err := f(e.key, e.value, e.time, e.present); err != nil {
			return err
		}
	}
	return nil
}

// Flush hands out what changed since the last call (engine.Store).
func (s *KV[K, V]) Flush(record func(key, value []byte, time int64) error) error {
	if s.backing.flush++; s.backing.flush == 0 {
		s.backing.flush++
	}
	s.sweep()
	for _, at := range s.dirty {
		e := &s.entries[at]
		e.dirty = false
		if e.present {
			var err error
			if s.value, err = s.values.Append(s.value[:0], e.value); err != nil {
				return fmt.Errorf("encode the value of a key as %s: %w", s.values.Name(), err)
			}
			e.logged = true
			if s.value == nil {
				s.value = []byte{} // empty is a value; nil is none
			}
			if err := record(stringBytes(e.encoded), s.value, e.time); err != nil {
				return err
			}
			s.handed(at, int64(len(s.value)))
			continue
		}
		if e.logged {
			if err := record(stringBytes(e.encoded), nil, e.time); err != nil {
				return err
			}
			e.logged = false
			s.handed(at, 0)
		}
		if e.flush == 0 {
			s.remove(at)
		}
	}
	s.dirty = s.dirty[:0]
	return nil
}

// Restore applies a changelog record (engine.Store).
func (s *KV[K, V]) Restore(key, value []byte, time int64) error {
	at, ok := s.index[string(key)]
	if value == nil {
		if ok {
			s.remove(at)
		}
		return nil
	}
	v, err := s.values.Decode(value)
	if err != nil {
		return fmt.Errorf("decode a value as %s: %w", s.values.Name(), err)
	}
	if !ok {
		if _, err := s.keys.Decode(key); err != nil {
			return fmt.Errorf("decode a key as %s: %w", s.keys.Name(), err)
		}
		at = s.insert(key)
	}
	e := &s.entries[at]
	e.value, e.time, e.present, e.logged = v, time, true, true
	return nil
}

func (s *KV[K, V]) encode(k K) []byte {
	var err error
	if s.scratch, err = s.keys.Append(s.scratch[:0], k); err != nil {
		panic(fmt.Errorf("store %s: encode a key as %s: %w", s.name, s.keys.Name(), err))
	}
	return s.scratch
}

func (s *KV[K, V]) find(k K) *entry[K, V] {
	if at, ok := s.place(s.encode(k)); ok {
		return &s.entries[at]
	}
	return nil
}

// place returns where the entry of a key is, which is brought from the folder if need be. One that has ended is deleted.
func (s *KV[K, V]) place(key []byte) (at int32, ok bool) {
	if at, ok = s.stored(key); ok && s.expiry.After > 0 {
		if e := &s.entries[at]; e.present && s.gone(e.time) {
			Entry[K, V]{s, at}.Delete(e.time)
		}
	}
	return at, ok
}

func (s *KV[K, V]) stored(key []byte) (at int32, ok bool) {
	if at, ok = s.index[string(key)]; s.backing.disk == nil {
		return at, ok
	}
	if !ok {
		return s.load(key)
	}
	s.entries[at].used = true
	return at, true
}

func (s *KV[K, V]) insert(key []byte) int32 {
	own := string(key)
	k, err := s.keys.Decode(stringBytes(own)) // not from key, whose memory may be a record's
	if err != nil {
		panic(fmt.Errorf("store %s: decode a key as %s: %w", s.name, s.keys.Name(), err))
	}
	e := entry[K, V]{encoded: own, key: k}
	at := int32(len(s.entries))
	if n := len(s.unused); n > 0 {
		at, s.unused = s.unused[n-1], s.unused[:n-1]
		s.entries[at] = e
	} else {
		s.entries = append(s.entries, e)
	}
	s.index[own] = at
	s.bytes += entryBytes[K, V](own)
	return at
}

func (s *KV[K, V]) remove(at int32) {
	own := s.entries[at].encoded
	delete(s.index, own)
	s.bytes -= entryBytes[K, V](own)
	s.entries[at] = entry[K, V]{}
	s.unused = append(s.unused, at)
}

// entryBytes is the memory of an entry: itself, its key twice (encoded and decoded), its share of the index.
func entryBytes[K comparable, V any](key string) int64 {
	return int64(unsafe.Sizeof(entry[K, V]{})) + 2*int64(len(key)) + 32
}

// stringBytes returns the bytes of s, which are not to be changed. Those of an empty key are not nil, which is no key: a
// compacted topic refuses it.
func stringBytes(s string) []byte {
	if s == "" {
		return []byte{}
	}
	return unsafe.Slice(unsafe.StringData(s), len(s))
}
