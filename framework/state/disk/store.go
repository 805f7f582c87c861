package disk

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Store is what the folder has of a store of one task, for the owner that opened it last: writes of an earlier one do nothing, since
// what it had not written the changelog has. It is used by one goroutine.
type Store struct {
	db     *DB
	slot   *slot
	number uint32
	kind   string
	at     Checkpoint
	held   held
	aside  *Aside
	read   bool   // somebody has read it
	key    []byte // memory of the last key asked for
	value  []byte // and of its value
}

// Checkpoint says up to where a store has its changelog.
type Checkpoint struct {
	Offset int64     `json:"offset"` // of the changelog: the next one to apply
	Log    string    `json:"log"`    // what tells the changelog from another one of the same name; "": not known
	Kind   string    `json:"kind"`   // what the entries are
	Seen   time.Time `json:"seen"`   // when it had all that the changelog had
}

// Open returns the store with a name of a partition, for a new owner. What is there of another kind is dropped.
func (d *DB) Open(name string, partition int32, kind string) (*Store, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, err := d.number(name, partition)
	if err != nil {
		return nil, d.fault("open store "+name, err)
	}
	place := d.slots[n]
	if place == nil {
		place = &slot{}
		d.slots[n] = place
	}
	place.mu.Lock()
	defer place.mu.Unlock()
	if place.owner != nil {
		if err := errors.Join(place.owner.write(), place.owner.aside.clear()); err != nil {
			return nil, d.fault("write", err)
		}
	}
	s := &Store{db: d, slot: place, number: n, kind: kind}
	s.aside = d.newAside(s)
	if _, err := d.get(s.checkpointKey(), &s.at); err != nil {
		return nil, d.fault("open store "+name, err)
	}
	place.owner = s
	if s.at.Kind != kind {
		s.at = Checkpoint{Kind: kind}
		if err := s.clear(); err != nil {
			return nil, d.fault("open store "+name, err)
		}
	}
	return s, nil
}

// Checkpoint returns up to where the store has its changelog.
func (s *Store) Checkpoint() Checkpoint { return s.at }

// MemoryBytes is how much the owner may keep of it in memory.
func (s *Store) MemoryBytes() int64 { return s.db.share() }

// Get returns the value of a key and its time. The value is valid until the next call.
func (s *Store) Get(key []byte) (value []byte, at int64, ok bool, err error) {
	if err := s.reading(); err != nil {
		return nil, 0, false, s.db.fault("write", err)
	}
	s.key = s.entryKey(s.key[:0], key)
	v, closer, err := s.db.db.Get(s.key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, 0, false, nil
	}
	if err != nil {
		return nil, 0, false, s.db.fault("read", err)
	}
	s.value = append(s.value[:0], v...)
	if err := closer.Close(); err != nil {
		return nil, 0, false, s.db.fault("read", err)
	}
	value, at, err = entry(s.value)
	return value, at, err == nil, err
}

// Range calls f for the entries with keys from from (inclusive) to to (exclusive; nil: to the end), in the order of their bytes, as
// they are at its beginning, as long as f returns true. Key and value are valid during the call.
func (s *Store) Range(from, to []byte, f func(key, value []byte, at int64) bool) error {
	if err := s.reading(); err != nil {
		return s.db.fault("write", err)
	}
	bounds := &pebble.IterOptions{LowerBound: s.entryKey(nil, from), UpperBound: s.end()}
	if to != nil {
		bounds.UpperBound = s.entryKey(nil, to)
	}
	if bytes.Compare(bounds.LowerBound, bounds.UpperBound) >= 0 {
		return nil
	}
	it, err := s.db.db.NewIter(bounds)
	if err != nil {
		return s.db.fault("read", err)
	}
	prefix := len(s.entryKey(nil, nil))
	for it.First(); it.Valid(); it.Next() {
		var value []byte
		var at int64
		v, failed := it.ValueAndErr()
		if err = failed; err != nil {
			break
		}
		if value, at, err = entry(v); err != nil || !f(it.Key()[prefix:], value, at) {
			break
		}
	}
	if err = errors.Join(err, it.Error(), it.Close()); err != nil {
		return s.db.fault("read", err)
	}
	return nil
}

var errShort = errors.New("an entry is shorter than its time: the folder is damaged: delete it, and stores are restored from their changelogs")

// entry takes an entry apart.
func entry(v []byte) (value []byte, at int64, err error) {
	if len(v) < 8 {
		return nil, 0, errShort
	}
	return v[8:], int64(binary.BigEndian.Uint64(v)), nil
}

func (s *Store) entryKey(dst, key []byte) []byte {
	return append(binary.BigEndian.AppendUint32(append(dst, ofEntry), s.number), key...)
}

// end is behind the last key of the store.
func (s *Store) end() []byte {
	return binary.BigEndian.AppendUint32([]byte{ofEntry}, s.number+1)
}

func (s *Store) checkpointKey() []byte {
	return binary.BigEndian.AppendUint32([]byte{ofCheckpoint}, s.number)
}

// get reads what is written as JSON.
func (d *DB) get(key []byte, to any) (there bool, err error) {
	v, closer, err := d.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, errors.Join(decode(v, to), closer.Close())
}

func decode(v []byte, to any) error { return json.Unmarshal(v, to) }

// set writes as JSON.
func (d *DB) set(key []byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return errors.Join(d.do(d.troubled, func() error { return d.db.Set(key, b, pebble.NoSync) }), d.trouble())
}
