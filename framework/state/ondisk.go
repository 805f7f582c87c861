package state

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"github.com/millrace/millrace/framework/state/disk"
)

// A table on disk keeps in memory what the folder does not have yet, since the changelog must have it first and under exactly-once the
// transaction must have ended, and besides it what was used last. So what is not committed is dropped by dropping the memory.

// backing is where the content of a table is that is not in memory. Its zero value has none.
type backing struct {
	disk    *disk.Store
	flush   uint32  // number of the last flush, never 0
	waiting []int32 // places of entries that the folder does not have as they are, once each
	hand    int     // the place that is looked at next for one to be forgotten
	weight  weight  // of values that went to the folder or came from there
}

// weight is what values take when they are encoded.
type weight struct{ values, bytes int64 }

func (w *weight) add(bytes int64) {
	w.values++
	w.bytes += bytes
}

// average is what a value takes.
func (w *weight) average() int64 { return w.bytes / max(1, w.values) }

// OnDisk has the table keep its content in a folder. It is called before anything else.
func (s *KV[K, V]) OnDisk(content *disk.Store) { s.backing.disk = content }

// Disk returns the folder's part of the table; nil: all is in memory.
func (s *KV[K, V]) Disk() *disk.Store { return s.backing.disk }

// Flushed returns the number of the last flush.
func (s *KV[K, V]) Flushed() uint32 { return s.backing.flush }

// Readable says what is wrong with an entry of the changelog or of the folder; nil: nothing.
func (s *KV[K, V]) Readable(key, value []byte) error {
	if _, err := s.keys.Decode(key); err != nil {
		return fmt.Errorf("decode a key as %s: %w", s.keys.Name(), err)
	}
	if _, err := s.values.Decode(value); value != nil && err != nil {
		return fmt.Errorf("decode a value as %s: %w", s.values.Name(), err)
	}
	return nil
}

// Load does nothing: entries come from the folder when they are asked for.
func (s *KV[K, V]) Load([]byte, int, func(key, value []byte, time int64) error) ([]byte, error) {
	return nil, nil
}

// load brings an entry from the folder; false: it does not have the key. What cannot be read panics; the task reports it with its operator.
func (s *KV[K, V]) load(key []byte) (at int32, ok bool) {
	value, time, ok, err := s.backing.disk.Get(key)
	if err != nil {
		panic(fmt.Errorf("store %s: %w", s.name, err))
	}
	if !ok {
		return 0, false
	}
	v, err := s.values.Decode(value)
	if err != nil {
		panic(fmt.Errorf("store %s: decode a value as %s: %w; the types or codecs of the store changed: use another store name, or the former ones", s.name, s.values.Name(), err))
	}
	at = s.insert(key)
	e := &s.entries[at]
	e.value, e.time, e.present, e.logged = s.own(v), time, true, true
	s.backing.weight.add(int64(len(value)))
	return at, true
}

// own returns a value in memory of its own.
func (s *KV[K, V]) own(v V) V {
	if s.clone != nil {
		return s.clone(v)
	}
	return v
}

// handed notes that a flush handed out an entry, which the folder gets later. bytes is what its value takes.
func (s *KV[K, V]) handed(at int32, bytes int64) {
	if s.backing.disk == nil {
		return
	}
	e := &s.entries[at]
	if e.flush == 0 {
		s.backing.waiting = append(s.backing.waiting, at)
	}
	s.backing.weight.add(bytes)
	e.flush, e.used = s.backing.flush, true
}

// Applied says that the folder has what was handed out up to a flush. It is called between two flushes.
func (s *KV[K, V]) Applied(flush uint32) {
	s.backing.waiting = slices.DeleteFunc(s.backing.waiting, func(at int32) bool {
		e := &s.entries[at]
		if int32(e.flush-flush) > 0 {
			return false
		}
		if e.flush = 0; !e.present && !e.dirty {
			s.remove(at)
		}
		return true
	})
	s.forget(s.backing.disk.MemoryBytes())
}

// forget takes entries out of memory that the folder has, until they take no more than limit: those not used since it looked last.
func (s *KV[K, V]) forget(limit int64) {
	b := &s.backing
	for looked := 0; s.Bytes() > limit && looked < 2*len(s.entries); looked++ {
		at := int32(b.hand % len(s.entries))
		b.hand = int(at) + 1
		e := &s.entries[at]
		switch {
		case e.encoded == "" && !e.present || e.dirty || e.flush != 0:
		case e.used:
			e.used = false
		default:
			s.remove(at)
		}
	}
}

// merged yields what the folder and the memory have together. to is nil where there is no end.
func (s *KV[K, V]) merged(from, to []byte) iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		over := s.overlay(from, to)
		goes := true
		give := func(e *entry[K, V]) {
			if goes && e.present && !s.gone(e.time) {
				goes = yield(e.key, e.value)
			}
		}
		err := s.backing.disk.Range(from, to, func(key, value []byte, time int64) bool {
			for len(over) > 0 && over[0].encoded < string(key) {
				give(over[0])
				over = over[1:]
			}
			if !goes {
				return false
			}
			if len(over) > 0 && over[0].encoded == string(key) {
				give(over[0])
				over = over[1:]
				return goes
			}
			if at, ok := s.index[string(key)]; ok {
				give(&s.entries[at])
				return goes
			}
			if s.gone(time) {
				return true
			}
			k, v, err := s.decode(key, value)
			if err != nil {
				panic(fmt.Errorf("store %s: %w", s.name, err))
			}
			goes = yield(k, v)
			return goes
		})
		if err != nil {
			panic(fmt.Errorf("store %s: %w", s.name, err))
		}
		for _, e := range over {
			give(e)
		}
	}
}

func (s *KV[K, V]) decode(key, value []byte) (k K, v V, err error) {
	if k, err = s.keys.Decode([]byte(string(key))); err != nil {
		return k, v, fmt.Errorf("decode a key as %s: %w", s.keys.Name(), err)
	}
	if v, err = s.values.Decode(value); err != nil {
		return k, v, fmt.Errorf("decode a value as %s: %w", s.values.Name(), err)
	}
	return k, s.own(v), nil
}

// overlay returns the entries that the folder does not have as they are, in the order of their keys.
func (s *KV[K, V]) overlay(from, to []byte) (over []*entry[K, V]) {
	add := func(at int32) {
		if e := &s.entries[at]; e.encoded >= string(from) && (to == nil || e.encoded < string(to)) {
			over = append(over, e)
		}
	}
	for _, at := range s.backing.waiting {
		add(at)
	}
	for _, at := range s.dirty {
		if s.entries[at].flush == 0 {
			add(at)
		}
	}
	slices.SortFunc(over, func(a, b *entry[K, V]) int { return cmp.Compare(a.encoded, b.encoded) })
	return over
}
