package simulation_test

import (
	"slices"

	"github.com/millrace/millrace/framework/connector"
)

// entry is a record in a partition's log.
type entry struct {
	r     connector.Record
	from  int32 // the task that wrote it, by its partition
	state entryState
	in    *partitionLog
}

type entryState int8

const (
	written entryState = iota // it can be read
	pending                   // it waits for the end of its transaction
	aborted
)

// partitionLog is all that was written to a partition. An entry's offset is its place.
type partitionLog struct{ entries []*entry }

func (l *partitionLog) add(r connector.Record, from int32, state entryState) *entry {
	r.Offset = int64(len(l.entries))
	e := &entry{r, from, state, l}
	l.entries = append(l.entries, e)
	return e
}

// marker ends a transaction: it has an offset, and no reader sees more than that.
func (l *partitionLog) marker() { l.add(connector.Record{Control: true}, -1, written) }

// from returns at most n entries from an offset on that can be read.
func (l *partitionLog) from(offset int64, n int) (entries []*entry) {
	for _, e := range l.entries[offset:] {
		if e.state == pending || len(entries) == n {
			break
		}
		if e.state == written {
			entries = append(entries, e)
		}
	}
	return entries
}

// content returns what a reader of the whole log sees.
func (l *partitionLog) content() (entries []*entry) {
	for _, e := range l.entries {
		if e.state == written && !e.r.Control {
			entries = append(entries, e)
		}
	}
	return entries
}

// compacted returns what is left of a changelog that was compacted: the last record of each key, some tombstones gone.
func compacted(entries []*entry, tombstones bool) (left []*entry) {
	last := map[string]int{}
	for i, e := range entries {
		last[string(e.r.Key)] = i
	}
	for i, e := range entries {
		if last[string(e.r.Key)] == i && (tombstones || e.r.Value != nil) {
			left = append(left, e)
		}
	}
	return left
}

func clone(r connector.Record) connector.Record {
	r.Key, r.Value, r.Headers = slices.Clone(r.Key), slices.Clone(r.Value), slices.Clone(r.Headers)
	for i := range r.Headers {
		r.Headers[i].Value = slices.Clone(r.Headers[i].Value)
	}
	return r
}

// poison overwrites the bytes of a record that is processed, as a connector does that uses them again.
func poison(r connector.Record) {
	fill := func(b []byte) {
		for i := range b {
			b[i] = 0xdb
		}
	}
	fill(r.Key)
	fill(r.Value)
	for i := range r.Headers {
		fill(r.Headers[i].Value)
		r.Headers[i] = connector.Header{Key: "used again"}
	}
}
