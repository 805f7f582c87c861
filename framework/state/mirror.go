package state

import (
	"cmp"
	"slices"

	"github.com/millrace/millrace/framework/state/disk"
)

// Mirror is what a folder has of a store that is in memory as a whole: it is read from there at the start, and not from the brokers.
type Mirror struct{ content *disk.Store }

// NewMirror returns the folder's part of a store.
func NewMirror(content *disk.Store) Mirror { return Mirror{content} }

// Disk returns the folder's part.
func (m Mirror) Disk() *disk.Store { return m.content }

// Readable does nothing: each entry is read when the store is loaded.
func (m Mirror) Readable(_, _ []byte) error { return nil }

// Flushed does nothing: the memory has all in any case.
func (m Mirror) Flushed() uint32 { return 0 }

// Applied does nothing, likewise.
func (m Mirror) Applied(uint32) {}

// Load gives the store n entries of the folder, in the order of the keys' bytes, and returns the key to go on from; nil: that was all.
func (m Mirror) Load(from []byte, n int, restore func(key, value []byte, time int64) error) (next []byte, err error) {
	var failed error
	err = m.content.Range(from, nil, func(key, value []byte, time int64) bool {
		if n == 0 {
			next = slices.Clone(key)
			return false
		}
		n--
		failed = restore(key, value, time)
		return failed == nil
	})
	return next, cmp.Or(failed, err)
}
