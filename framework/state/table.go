package state

import "hash/maphash"

// table finds keys and windows by a hash: a hash table of numbers, each in the first free slot from the one that its hash says. A record
// costs one or two looks at what is in no cache, however many windows there are and its key has.
type table struct {
	slots []slot // a power of two of them
	used  int
}

type slot struct {
	hash   uint32
	number int32 // of a key, or place of a window, from 1; 0: the slot is free
	key    int32 // of a window: here too, so that both are looked at side by side
}

func newTable() table { return table{slots: make([]slot, 8)} }

func (t *table) add(hash uint32, number, key int32) {
	if t.used*4 >= len(t.slots)*3 {
		t.grow()
	}
	t.used++
	t.put(slot{hash, number + 1, key})
}

func (t *table) put(entry slot) {
	mask := uint32(len(t.slots) - 1)
	i := entry.hash & mask
	for t.slots[i].number > 0 {
		i = (i + 1) & mask
	}
	t.slots[i] = entry
}

func (t *table) grow() {
	before := t.slots
	t.slots = make([]slot, 2*len(before))
	for _, entry := range before {
		if entry.number > 0 {
			t.put(entry)
		}
	}
}

// remove frees the slot of a number, and lets those behind it close the gap: a search ends at a free slot.
func (t *table) remove(hash uint32, number int32) {
	mask := uint32(len(t.slots) - 1)
	gap := hash & mask
	for t.slots[gap].number != number+1 {
		gap = (gap + 1) & mask
	}
	for i := (gap + 1) & mask; t.slots[i].number > 0; i = (i + 1) & mask {
		if first := t.slots[i].hash & mask; (i-first)&mask >= (i-gap)&mask { // it may stand in the gap
			t.slots[gap] = t.slots[i]
			gap = i
		}
	}
	t.slots[gap] = slot{}
	t.used--
}

// number returns the number of an encoded key, none where it has no window.
func (s *keyNumbers) number(encoded []byte) int32 {
	hash := uint32(maphash.Bytes(s.seed, encoded))
	mask := uint32(len(s.index.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		switch at := &s.index.slots[i]; {
		case at.number == 0:
			return none
		case at.hash == hash && s.is(at.number-1, encoded):
			return at.number - 1
		}
	}
}

// find returns the place of a window of an unordered store; none where it does not exist.
func (s *Spans) find(encoded []byte, start, second int64) int32 {
	hash := mix(maphash.Bytes(s.seed, encoded), start, second)
	mask := uint32(len(s.table.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		at := &s.table.slots[i]
		switch {
		case at.number == 0:
			return none
		case at.hash != hash:
			continue
		}
		if p := &s.spans[at.number-1]; p.start == start && p.second == second && s.is(at.key, encoded) {
			return at.number - 1
		}
	}
}

// hash returns the hash of the window at a place.
func (s *Spans) hash(place int32) uint32 {
	p := &s.spans[place]
	return mix(maphash.String(s.seed, s.encoded[p.key]), p.start, p.second)
}

// mix adds bounds to the hash of a key. Only the high bits of a product depend on all bits of its factors.
func mix(key uint64, start, second int64) uint32 {
	h := key ^ uint64(start)*0x9e3779b97f4a7c15 ^ uint64(second)*0xc2b2ae3d27d4eb4f
	return uint32(h * 0xd6e8feb86659fd93 >> 32)
}
