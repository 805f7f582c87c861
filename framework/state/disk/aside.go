package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"

	"github.com/cockroachdb/pebble/v2"
)

// Aside is room in the folder for what a store has no use for just now. It lasts as long as its owner: who opens the store later finds
// nothing there. So it holds what was not committed, too. It is used by one goroutine, which may be behind: what the store of an owner that
// is no more does is of no consequence, and an error least of all.
type Aside struct {
	store *Store
	id    uint32
	batch *pebble.Batch // what the database does not have yet; nil: nothing
	next  int64         // nothing is due before
	from  []byte        // likewise, as a key of the index
	key   []byte
	index []byte
	value []byte
	wrote bool // the database has something of it; the slot's mu guards it
}

// Never is when something is due that never is.
const Never = math.MaxInt64

// What is aside stands in the order in which it is due, so that what comes back then is read in one go.
const (
	asideKey = 'k' // key -> due
	asideDue = 'd' // due, key -> value
)

// Thing is something that was aside.
type Thing struct {
	Key, Value []byte
	Due        int64
}

// So many bytes wait in memory until the database gets them, a quarter of the owner's part between these.
const (
	leastAside = 4 << 10
	mostAside  = 256 << 10
)

// newAside makes room for a new owner. d.mu is held.
func (d *DB) newAside(s *Store) *Aside {
	d.asides++
	return &Aside{store: s, id: d.asides, next: Never}
}

// Aside returns the room for what the owner has no use for just now.
func (s *Store) Aside() *Aside { return s.aside }

// MemoryBytes is how much the owner may keep in memory.
func (a *Aside) MemoryBytes() int64 { return a.store.MemoryBytes() }

// Next returns a time before which nothing is due; Never: nothing is at all.
func (a *Aside) Next() int64 { return a.next }

// Put puts something aside until it is taken by its key, or is due; Never: it is not. Another thing of that key must not be there.
func (a *Aside) Put(key []byte, due int64, value []byte) error {
	b := a.open()
	a.key, a.index = a.keys(key, due)
	op := b.SetDeferred(len(a.key), 8)
	copy(op.Key, a.key)
	binary.BigEndian.PutUint64(op.Value, uint64(due))
	if err := errors.Join(op.Finish(), b.Set(a.index, value, nil)); err != nil {
		return a.fault(err)
	}
	if a.next = min(a.next, due); a.from != nil && bytes.Compare(a.index, a.from) < 0 {
		a.from = append(a.from[:0], a.index...)
	}
	return a.fault(a.full())
}

// Take takes back what is aside under a key; not ok: there is nothing. It is valid until the next call.
func (a *Aside) Take(key []byte) (thing Thing, ok bool, err error) {
	b := a.open()
	a.key = append(a.prefix(a.key[:0], asideKey), key...)
	if ok, err = a.get(b, a.key); !ok {
		return thing, false, a.fault(err)
	}
	if len(a.value) != 8 {
		return thing, false, a.fault(errAside)
	}
	due := int64(binary.BigEndian.Uint64(a.value))
	a.index = a.dueKey(a.index[:0], due, key)
	switch ok, err = a.get(b, a.index); {
	case ok:
		err = errors.Join(b.Delete(a.key, nil), b.Delete(a.index, nil), a.full())
	case err == nil && !a.lost():
		err = errAside
	}
	return Thing{key, a.value, due}, ok && err == nil, a.fault(err)
}

var errAside = errors.New("what was put aside is not there: the folder is damaged: delete it, and stores are restored from their changelogs")

// get reads into a.value.
func (a *Aside) get(b *pebble.Batch, key []byte) (ok bool, err error) {
	v, closer, err := b.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	a.value = append(a.value[:0], v...)
	return true, closer.Close()
}

// Due takes back at most n things that are due by a time: the earliest first, those of one time in the order of their keys' bytes.
func (a *Aside) Due(at int64, n int) (things []Thing, err error) {
	if a.next > at {
		return nil, nil
	}
	bounds := &pebble.IterOptions{LowerBound: a.from, UpperBound: a.prefix(nil, asideDue+1)}
	if a.from == nil {
		bounds.LowerBound = a.prefix(nil, asideDue)
	}
	it, err := a.open().NewIter(bounds)
	if err != nil {
		return nil, a.fault(err)
	}
	prefix := len(a.prefix(nil, asideDue))
	a.next = Never
	for it.First(); it.Valid(); it.Next() {
		due := int64(binary.BigEndian.Uint64(it.Key()[prefix:]) ^ sign)
		if due > at || len(things) == n {
			a.next = due
			break
		}
		v, failed := it.ValueAndErr()
		if err = failed; err != nil {
			break
		}
		things = append(things, Thing{bytes.Clone(it.Key()[prefix+8:]), bytes.Clone(v), due})
		a.from = append(append(a.from[:0], it.Key()...), 0) // behind it
	}
	err = errors.Join(err, it.Error(), it.Close())
	for _, t := range things {
		if err == nil {
			a.key, a.index = a.keys(t.Key, t.Due)
			err = errors.Join(a.open().Delete(a.key, nil), a.open().Delete(a.index, nil), a.full())
		}
	}
	return things, a.fault(err)
}

// keys returns the two keys of a thing.
func (a *Aside) keys(key []byte, due int64) (byKey, byDue []byte) {
	return append(a.prefix(a.key[:0], asideKey), key...), a.dueKey(a.index[:0], due, key)
}

// sign lets times before 1970 come first.
const sign = 1 << 63

func (a *Aside) dueKey(dst []byte, due int64, key []byte) []byte {
	dst = binary.BigEndian.AppendUint64(a.prefix(dst, asideDue), uint64(due)^sign)
	return append(dst, key...)
}

func (a *Aside) prefix(dst []byte, of byte) []byte {
	return append(binary.BigEndian.AppendUint32(append(dst, ofAside), a.id), of)
}

func (a *Aside) open() *pebble.Batch {
	if a.batch == nil {
		a.batch = a.store.db.db.NewIndexedBatch()
	}
	return a.batch
}

// full gives the database what there is, if that is enough. Of an owner that is no more it does not get anything.
func (a *Aside) full() error {
	n := int64(a.batch.Len())
	if n < leastAside || n < min(a.MemoryBytes()/4, mostAside) {
		return nil
	}
	b := a.batch
	a.batch = nil
	place := a.store.slot
	place.mu.Lock()
	defer place.mu.Unlock()
	if place.owner != a.store {
		return b.Close()
	}
	a.wrote = true
	return a.store.db.commit(b)
}

// lost says that another owner has opened the store: what was aside is gone.
func (a *Aside) lost() bool {
	a.store.slot.mu.Lock()
	defer a.store.slot.mu.Unlock()
	return a.store.slot.owner != a.store
}

func (a *Aside) fault(err error) error {
	if err == nil {
		return nil
	}
	return a.store.db.fault("put windows aside", err)
}

// clear drops all of an owner that is no more. slot.mu is held.
func (a *Aside) clear() error {
	if !a.wrote {
		return nil
	}
	d := a.store.db
	from := binary.BigEndian.AppendUint32([]byte{ofAside}, a.id)
	to := binary.BigEndian.AppendUint32([]byte{ofAside}, a.id+1)
	b := d.db.NewBatch()
	return errors.Join(b.DeleteRange(from, to, nil), d.commit(b))
}

// clearAsides drops what is aside of the process that had the folder before.
func (d *DB) clearAsides() error {
	it, err := d.db.NewIter(&pebble.IterOptions{LowerBound: []byte{ofAside}, UpperBound: []byte{ofAside + 1}})
	if err != nil {
		return err
	}
	some := it.First()
	if err := errors.Join(it.Error(), it.Close()); err != nil || !some {
		return err
	}
	b := d.db.NewBatch()
	return errors.Join(b.DeleteRange([]byte{ofAside}, []byte{ofAside + 1}, nil), d.commit(b))
}
