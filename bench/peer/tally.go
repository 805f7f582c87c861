package peer

// tally counts words since the last flush, and for ever. Words stay in it across flushes, so that a word that
// comes again costs one lookup, and its bytes serve as the key of every record made of it.
type tally struct {
	index   map[string]int32
	entries []entry
	changed []int32 // entries with a change since the last flush, in order of their first change
}

type entry struct {
	key    []byte // never changed
	total  int64
	change int64 // since the last flush
}

func newTally() *tally { return &tally{index: map[string]int32{}} }

// add counts the word, whose bytes are copied where it is new.
func (t *tally) add(word []byte, n int64) {
	i, ok := t.index[string(word)]
	if !ok {
		i = int32(len(t.entries))
		key := append([]byte(nil), word...)
		t.index[string(key)] = i
		t.entries = append(t.entries, entry{key: key})
	}
	e := &t.entries[i]
	if e.change == 0 {
		t.changed = append(t.changed, i)
	}
	e.change += n
	e.total += n
}

// set is for restoring.
func (t *tally) set(word []byte, total int64) {
	t.add(word, 1)
	t.entries[t.index[string(word)]].total = total
}

// flush calls f with each word that was counted since the last flush.
func (t *tally) flush(f func(e *entry)) {
	for _, i := range t.changed {
		f(&t.entries[i])
		t.entries[i].change = 0
	}
	t.changed = t.changed[:0]
}
