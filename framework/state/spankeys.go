package state

import (
	"hash/maphash"
	"unsafe"
)

// none is the number of no key, and the place of no window.
const none = -1

// keyNumbers are the keys of a window store. Each that has windows has a number.
type keyNumbers struct {
	seed    maphash.Seed
	index   table      // of numbers by encoded key
	encoded []string   // by number
	texts   []keyText  // likewise
	keys    []keySpans // likewise
	idle    []int32    // numbers not in use
	retired []int32    // numbers not in use from the next flush on
}

// keySpans is the windows of one key.
type keySpans struct {
	sorted []Listed // of an ordered store: by start, then by what second says
	next   int64    // for the operator: when the key is due
	count  int32    // of windows
	used   bool     // since the store looked for what to put aside
}

// keyText is a short key once more, so that comparing with it costs one look at what is in no cache and not two.
type keyText struct {
	size uint8 // longer than text: it has nothing of the key
	text [23]byte
}

func (t *keyText) set(encoded string) {
	t.size = uint8(min(len(encoded), len(t.text)+1))
	copy(t.text[:], encoded)
}

// is says that a key is the one that is encoded so.
func (s *keyNumbers) is(key int32, encoded []byte) bool {
	t := &s.texts[key]
	if len(encoded) > len(t.text) {
		return s.encoded[key] == string(encoded)
	}
	return int(t.size) == len(encoded) && string(t.text[:len(encoded)]) == string(encoded)
}

// keyBytes is about what a key takes beside its bytes: the headers of two strings, a slot, and what is kept of it.
const keyBytes = int64(unsafe.Sizeof(keySpans{})+unsafe.Sizeof(keyText{})) + 40

// Known says that a number is a key's, which has windows.
func (s *keyNumbers) Known(key int32) bool { return s.keys[key].count > 0 }

// Next returns what SetNext set for a key; never where it was not.
func (s *keyNumbers) Next(key int32) int64 { return s.keys[key].next }

// SetNext notes when a key is due; it is not logged.
func (s *keyNumbers) SetNext(key int32, at int64) { s.keys[key].next = at }

func (s *Spans) addKey(encoded []byte) int32 {
	own := string(encoded)
	n := int32(len(s.keys))
	if last := len(s.idle); last > 0 {
		n, s.idle = s.idle[last-1], s.idle[:last-1]
		s.encoded[n], s.keys[n] = own, keySpans{sorted: s.keys[n].sorted[:0], next: never}
	} else {
		s.encoded, s.keys, s.texts = append(s.encoded, own), append(s.keys, keySpans{next: never}), append(s.texts, keyText{})
	}
	s.texts[n].set(own)
	s.index.add(uint32(maphash.String(s.seed, own)), n, n)
	s.bytes += int64(len(own)) + keyBytes
	return n
}

// retire forgets a key that has no window any more. Until the next flush its number says which key it was.
func (s *Spans) retire(key int32) {
	s.index.remove(uint32(maphash.String(s.seed, s.encoded[key])), key)
	s.retired = append(s.retired, key)
	s.bytes -= int64(len(s.encoded[key])) + keyBytes
}
