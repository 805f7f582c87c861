package disk

import (
	"encoding/json"
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// While a store is restored nobody reads it. What is committed is held until it is as much as the owner may keep in memory, which has
// nothing in it yet, and goes to the database as one: that is sorted and written as files of this store alone, which overlap little.
// Many small batches would share the database's memory with those of all other stores, and their files be merged again and again.

// held is what is committed and not written. The slot's mu guards it.
type held struct {
	batch   *pebble.Batch // nil: nothing
	writing chan error    // gets the outcome of the write that goes on; nil: none does
}

// mostHeld bounds what is held, and once more what is being written, whatever memory there is.
const mostHeld = 8 << 20

// hold takes a batch, and writes what is held where it must not wait: it was read, it is whole, or there is no more room. slot.mu is held.
func (s *Store) hold(b *pebble.Batch, room int64, whole bool) error {
	if s.held.batch == nil {
		s.held.batch = b
	} else if err := errors.Join(s.held.batch.Apply(b, nil), b.Close()); err != nil {
		return err
	}
	switch {
	case s.read || whole:
		return s.write()
	case int64(s.held.batch.Len()) >= min(room/2, mostHeld):
		return s.beginWrite()
	}
	return nil
}

// beginWrite gives the database what is held, and the checkpoint with it, when it has what it was given before. The worker has other tasks,
// and does not wait for it to be sorted: that is for who writes next, reads or closes. slot.mu is held.
func (s *Store) beginWrite() error {
	if err := s.written(); err != nil || s.held.batch == nil {
		return err
	}
	b, done := s.held.batch, make(chan error, 1)
	s.held.batch = nil
	v, err := json.Marshal(s.at)
	if err == nil {
		err = b.Set(s.checkpointKey(), v, nil)
	}
	if err == nil {
		err = s.db.trouble() // before a write that would wait for it
	}
	if err != nil {
		return err
	}
	s.held.writing = done
	go func() { done <- s.db.commit(b) }()
	return nil
}

// written waits for the write that goes on. slot.mu is held.
func (s *Store) written() error {
	if s.held.writing == nil {
		return nil
	}
	err := <-s.held.writing
	s.held.writing = nil
	return err
}

// write has the database have all that is committed. slot.mu is held.
func (s *Store) write() error {
	if err := s.beginWrite(); err != nil {
		return err
	}
	return s.written()
}

// drop forgets what is held. slot.mu is held.
func (s *Store) drop() error {
	err := s.written()
	if s.held.batch != nil {
		err = errors.Join(err, s.held.batch.Close())
		s.held.batch = nil
	}
	return err
}

// reading has the database have all that is committed, from now on.
func (s *Store) reading() error {
	if s.read {
		return nil
	}
	s.slot.mu.Lock()
	defer s.slot.mu.Unlock()
	s.read = true
	return s.write()
}

// settle writes what all stores hold.
func (d *DB) settle() (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, place := range d.slots {
		place.mu.Lock()
		if place.owner != nil {
			err = errors.Join(err, place.owner.write())
		}
		place.mu.Unlock()
	}
	return err
}
