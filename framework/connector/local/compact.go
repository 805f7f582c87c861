package local

import (
	"unsafe"

	"github.com/millrace/millrace/framework/connector"
)

// compaction says when a log is compacted. After a compaction it may grow to twice of what was left, so that each
// record is looked at twice on average, however many there come, and at most half of the log is dead.
type compaction struct {
	records, bytes int64 // left by the last one
	since          int64 // records appended since
	counted        int64 // the log's end when they were counted last
	seen           int64 // the log's end at the last one: a tombstone below it was there for a while
}

const (
	compactRecords = 1024     // fewer are not worth it
	compactBytes   = 64 << 10 // nor are these
)

// due says whether to compact; the log's mu is held.
func (c *compaction) due(l *Log) bool {
	c.since += l.end - max(c.counted, l.start)
	c.counted = l.end
	return c.since > max(c.records, compactRecords) || l.bytes > 2*c.bytes+compactBytes
}

// compact keeps the last record of each key. A tombstone goes when it was there at the compaction before, so that
// whoever reads the log meanwhile sees it; the log's last record stays in any case, so that readers come to the end.
// Records without a key belong to nobody, and go. l.mu is held.
func (l *Log) compact() {
	last := make(map[string]int64, l.keys.records)
	for _, s := range l.segments {
		for i := range s {
			if k := s[i].Key; k != nil {
				last[unsafe.String(unsafe.SliceData(k), len(k))] = s[i].Offset // the log's bytes never change
			}
		}
	}
	old, seen := l.segments, l.keys.seen
	l.segments, l.blocks, l.bytes = nil, blocks{}, 0
	end := l.end
	for _, s := range old {
		for i := range s {
			if r := &s[i]; r.Offset == end-1 || kept(r, last, seen) {
				l.add(r)
			}
		}
	}
	l.end = end
	l.keys.records, l.keys.bytes = int64(len(last)), l.bytes
	l.keys.since, l.keys.counted, l.keys.seen = 0, end, end
}

func kept(r *connector.Record, last map[string]int64, seen int64) bool {
	if r.Key == nil || last[string(r.Key)] != r.Offset {
		return false
	}
	return r.Value != nil || r.Offset >= seen
}
