package disk

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// Batch is what is written to a store as one: all of it is there after a crash, or nothing.
type Batch struct {
	store *Store
	batch *pebble.Batch
	key   []byte
}

// Batch begins one. It is ended by Commit.
func (s *Store) Batch() *Batch { return &Batch{store: s, batch: s.db.db.NewBatch()} }

// Set sets the value of a key; nil deletes it.
func (b *Batch) Set(key, value []byte, at int64) error {
	b.key = b.store.entryKey(b.key[:0], key)
	if value == nil {
		return b.batch.Delete(b.key, nil)
	}
	op := b.batch.SetDeferred(len(b.key), 8+len(value))
	copy(op.Key, b.key)
	binary.BigEndian.PutUint64(op.Value, uint64(at))
	copy(op.Value[8:], value)
	return op.Finish()
}

// Bytes returns how long the batch is.
func (b *Batch) Bytes() int { return b.batch.Len() }

// Commit writes the batch, and with it up to where the store has its changelog now: offset is the next one; one that is lower than the
// store's leaves that as it is. It comes into a file later: what a crash takes the changelog has. As long as nobody has read the store,
// and log is "", it may be held back in memory until somebody does or the folder is closed.
func (b *Batch) Commit(offset int64, log string, now time.Time) error {
	s := b.store
	room := s.MemoryBytes() // before slot.mu: who opens a store locks the other way round
	s.slot.mu.Lock()
	defer s.slot.mu.Unlock()
	if s.slot.owner != s {
		return b.batch.Close() // another one has opened it, and restores what is missing
	}
	s.at.Seen, s.at.Kind = now, s.kind
	s.at.Offset = max(s.at.Offset, offset)
	if log != "" {
		s.at.Log = log
	}
	if err := s.hold(b.batch, room, log != ""); err != nil {
		return s.db.fault("write", err)
	}
	return nil
}

// commit writes a batch.
func (d *DB) commit(b *pebble.Batch) error {
	if err := errors.Join(d.do(d.troubled, func() error { return b.Commit(pebble.NoSync) }), d.trouble()); err != nil {
		return err // the database may still be at it
	}
	return b.Close()
}

// Clear drops all that the store has.
func (s *Store) Clear() error {
	s.slot.mu.Lock()
	defer s.slot.mu.Unlock()
	if s.slot.owner != s {
		return nil
	}
	s.at = Checkpoint{Kind: s.kind}
	if err := errors.Join(s.drop(), s.clear()); err != nil {
		return s.db.fault("clear a store", err)
	}
	return nil
}

// clear writes s.at for a store without entries. slot.mu is held.
func (s *Store) clear() error {
	v, err := json.Marshal(s.at)
	if err != nil {
		return err
	}
	b := s.db.db.NewBatch()
	return errors.Join(
		b.DeleteRange(s.entryKey(nil, nil), s.end(), nil), b.Set(s.checkpointKey(), v, nil), s.db.commit(b))
}
