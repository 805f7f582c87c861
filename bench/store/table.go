package main

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/state"
	"github.com/millrace/millrace/framework/state/disk"
)

// table is the framework's side: a table on disk, used as a task and its worker do. What a flush hands out is copied, as for the
// changelog, and given to the folder.
type table struct {
	db      *disk.DB
	kv      *state.KV[string, []byte]
	time    int64
	outs    []out
	arena   []byte
	flushes int64
}

// out is what the changelog gets.
type out struct{ key, value []byte }

func openTable(folder string, memory int64) (onDisk, error) {
	db, err := disk.Open(folder, disk.Options{App: "bench", MemoryBytes: memory})
	if err != nil {
		return nil, err
	}
	content, err := db.Open("values", 0, "a table")
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	t := &table{db: db}
	t.kv = state.NewKV("values", codec.String, codec.Bytes, &t.time)
	t.kv.OnDisk(content)
	return t, nil
}

func (t *table) fill(keys keyList) error {
	for from := 0; from < keys.count(); from += round {
		b := t.kv.Disk().Batch()
		for i := from; i < min(from+round, keys.count()); i++ {
			if err := b.Set([]byte(keys.at(i)), changed(nil, nil), 0); err != nil {
				return err
			}
		}
		t.flushes++
		if err := b.Commit(t.flushes, "", time.Now()); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) take(key string) error {
	e := t.kv.Entry(key)
	before, _ := e.Value()
	e.Set(changed(make([]byte, 0, valueBytes), before), t.time) // what a store was given is not to be changed
	return nil
}

func (t *table) flush() error {
	if err := t.kv.Flush(func(key, value []byte, _ int64) error {
		t.arena = append(t.arena, value...)
		own := t.arena[len(t.arena)-len(value):]
		t.outs = append(t.outs, out{key, own})
		return nil
	}); err != nil {
		return err
	}
	b := t.kv.Disk().Batch()
	for _, o := range t.outs {
		if err := b.Set(o.key, o.value, t.time); err != nil {
			return err
		}
	}
	t.flushes++
	if err := b.Commit(t.flushes, "", time.Now()); err != nil {
		return err
	}
	t.kv.Applied(t.kv.Flushed())
	t.outs, t.arena = t.outs[:0], t.arena[:0]
	return nil
}

func (t *table) content() (keys, total int64, err error) {
	err = t.flush()
	for _, v := range t.kv.All() {
		keys++
		total += int64(binary.BigEndian.Uint64(v))
	}
	return keys, total, errors.Join(err, t.db.Close())
}

// changed appends what follows a value: a count, and bytes that compress like text.
func changed(dst, before []byte) []byte {
	n := uint64(1)
	if len(before) > 0 {
		n += binary.BigEndian.Uint64(before)
	}
	dst = binary.BigEndian.AppendUint64(dst, n)
	for x := n; len(dst) < valueBytes; x++ {
		dst = binary.LittleEndian.AppendUint64(dst, mix(x)&0x0f0f0f0f0f0f0f0f)
	}
	return dst[:valueBytes]
}
