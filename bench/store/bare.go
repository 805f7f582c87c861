package main

import (
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
)

// bare is the other side: a loop over Pebble as one writes it by hand. What a batch is to get is in a map, where it is looked for
// before the database is.
type bare struct {
	db      *pebble.DB
	cache   *pebble.Cache
	pending map[string][]byte
	key     []byte
	value   []byte
}

// bareOptions are those of the framework's stores, with the same memory: what the framework spends on entries, this side spends on
// blocks.
func bareOptions(memory int64) *pebble.Options {
	o := &pebble.Options{
		Cache:                       pebble.NewCache(memory * 3 / 4),
		Logger:                      quiet{},
		FormatMajorVersion:          pebble.FormatNewest,
		MemTableSize:                uint64(min(max(memory/16, 1<<20), 64<<20)),
		MemTableStopWritesThreshold: 4,
		DisableWAL:                  true,
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	return o
}

func openBare(folder string, memory int64) (onDisk, error) {
	o := bareOptions(memory)
	db, err := pebble.Open(folder, o)
	if err != nil {
		o.Cache.Unref()
		return nil, err
	}
	return &bare{db: db, cache: o.Cache, pending: map[string][]byte{}}, nil
}

func (b *bare) fill(keys keyList) error {
	for from := 0; from < keys.count(); from += round {
		batch := b.db.NewBatch()
		for i := from; i < min(from+round, keys.count()); i++ {
			if err := batch.Set([]byte(keys.at(i)), changed(nil, nil), nil); err != nil {
				return err
			}
		}
		if err := errors.Join(batch.Commit(pebble.NoSync), batch.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (b *bare) take(key string) error {
	if v, ok := b.pending[key]; ok {
		b.value = changed(b.value[:0], v)
		copy(v, b.value)
		return nil
	}
	b.key = append(b.key[:0], key...)
	v, closer, err := b.db.Get(b.key)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		b.pending[key] = changed(nil, nil)
		return nil
	case err != nil:
		return err
	}
	b.pending[key] = changed(make([]byte, 0, valueBytes), v)
	return closer.Close()
}

func (b *bare) flush() error {
	batch := b.db.NewBatch()
	for k, v := range b.pending {
		b.key = append(b.key[:0], k...)
		if err := batch.Set(b.key, v, nil); err != nil {
			return err
		}
	}
	clear(b.pending)
	if err := batch.Commit(pebble.NoSync); err != nil {
		return err
	}
	return batch.Close()
}

func (b *bare) content() (keys, total int64, err error) {
	err = b.flush()
	it, failed := b.db.NewIter(nil)
	if err = errors.Join(err, failed); err == nil {
		for it.First(); it.Valid(); it.Next() {
			keys++
			total += int64(binary.BigEndian.Uint64(it.Value()))
		}
		err = it.Close()
	}
	err = errors.Join(err, b.db.Flush(), b.db.Close())
	b.cache.Unref()
	return keys, total, err
}

// quiet drops what Pebble says of itself, and panics where it cannot go on.
type quiet struct{}

func (quiet) Infof(string, ...any)              {}
func (quiet) Errorf(string, ...any)             {}
func (quiet) Fatalf(format string, args ...any) { pebble.DefaultLogger.Fatalf(format, args...) }
