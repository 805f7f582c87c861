package local

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"
	"unsafe"

	"github.com/millrace/millrace/framework/connector"
)

// Each segment of a log has room for twice as many records as the one before it, within these bounds.
const (
	firstSegment = 16
	lastSegment  = 4096
)

// Log is one partition of a topic in memory. It keeps copies of what is appended, which are never changed: what was read
// stays valid for as long as somebody has it.
//
// All methods may be called from any goroutine. NewLog and NewCompactedLog make one.
type Log struct {
	mu       sync.Mutex // guards what follows
	segments []segment  // none is empty
	start    int64      // below it records were deleted
	end      int64      // of the next record
	bytes    int64      // of all records
	keys     *compaction
	blocks   blocks
	watchers []*watcher
}

// segment is records in order of offset. What lies below its length is never written again, so that it can be read
// without the log's lock.
type segment []connector.Record

type watcher struct{ wake func() }

// NewLog returns an empty log whose first record will have the offset start. It keeps its records until Purge.
func NewLog(start int64) *Log { return &Log{start: start, end: start} }

// NewCompactedLog returns an empty log for a changelog: of the records of one key it keeps the last, and a tombstone for
// a while, as Kafka does. It holds at most about twice the records and bytes that are to be kept.
func NewCompactedLog(start int64) *Log {
	l := NewLog(start)
	l.keys = &compaction{}
	return l
}

// Append adds copies of the records. Each gets the next offset; the Offset that it has does not count.
// It returns the log's end.
func (l *Log) Append(records ...connector.Record) (end int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range records {
		r := records[i]
		r.Offset = l.end
		l.add(&r)
	}
	l.added()
	return l.end
}

// AppendAt adds copies of records that have their offsets already, for example of a log that was stored. Offsets that
// are left out are holes, as compaction leaves them. One below the log's end is an error, and nothing is added.
func (l *Log) AppendAt(records ...connector.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	end := l.end
	for _, r := range records {
		if r.Offset < end {
			return fmt.Errorf("a record has offset %d where at least %d is next", r.Offset, end)
		}
		end = r.Offset + 1
	}
	for i := range records {
		r := records[i]
		l.add(&r)
	}
	l.added()
	return nil
}

// write adds copies of what a worker writes.
func (l *Log) write(outs []connector.Out) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range outs {
		o := &outs[i]
		if o.Offset != nil {
			*o.Offset = l.end
		}
		l.add(&connector.Record{Offset: l.end, Time: o.Time, Key: o.Key, Value: o.Value, Headers: o.Headers})
	}
	l.added()
}

// add adds a copy of a record at its offset; l.mu is held.
func (l *Log) add(r *connector.Record) {
	n := len(l.segments)
	if n == 0 || len(l.segments[n-1]) == cap(l.segments[n-1]) {
		room := firstSegment
		if n > 0 {
			room = min(max(2*len(l.segments[n-1]), firstSegment), lastSegment)
		}
		l.segments = append(l.segments, make(segment, 0, room))
		n++
	}
	l.segments[n-1] = append(l.segments[n-1], connector.Record{
		Offset: r.Offset, Time: r.Time, Key: l.blocks.keep(r.Key), Value: l.blocks.keep(r.Value), Headers: l.blocks.headers(r.Headers), Control: r.Control,
	})
	l.end = r.Offset + 1
	l.bytes += size(r)
}

// added compacts if it is time to, and wakes readers; l.mu is held.
func (l *Log) added() {
	if l.keys != nil && l.keys.due(l) {
		l.compact()
	}
	for _, w := range l.watchers {
		w.wake()
	}
}

const recordBytes = int64(unsafe.Sizeof(connector.Record{}))

// size returns the memory that a record takes.
func size(r *connector.Record) int64 {
	n := recordBytes + int64(len(r.Key)+len(r.Value))
	for _, h := range r.Headers {
		n += int64(unsafe.Sizeof(h)) + int64(len(h.Key)+len(h.Value))
	}
	return n
}

// Span returns where the log begins and ends, as [Begin] wants it.
func (l *Log) Span() Span {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Span{l.start, l.end, l.Find}
}

// Bytes returns the memory that the log's records take.
func (l *Log) Bytes() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes
}

// Find returns the offset of the first record with this timestamp or a later one, the log's end where there is none.
func (l *Log) Find(at time.Time) int64 {
	s := l.Snapshot()
	for _, records := range s.segments {
		for i := range records {
			if records[i].Time >= at.UnixMilli() {
				return records[i].Offset
			}
		}
	}
	return s.End
}

// Read appends records from an offset on to dst: as many as dst has room for, and until they take limitBytes, but one at
// least if there is one. It returns them, the memory that they take, and the log's end. Below the log's start and beyond
// its end it returns an error that wraps connector.ErrGap.
func (l *Log) Read(dst []connector.Record, from, limitBytes int64) (records []connector.Record, bytes, end int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if from < l.start || from > l.end {
		return dst, 0, l.end, fmt.Errorf("%w: offset %d is wanted and the log holds those from %d to below %d", connector.ErrGap, from, l.start, l.end)
	}
	records, bytes = read(l.segments, dst, from, limitBytes)
	return records, bytes, l.end, nil
}

func read(segments []segment, dst []connector.Record, from, limitBytes int64) (records []connector.Record, bytes int64) {
	if cap(dst) == len(dst) {
		dst = slices.Grow(dst, 1)
	}
	first, _ := slices.BinarySearchFunc(segments, from, func(s segment, from int64) int {
		return cmp.Compare(s[len(s)-1].Offset, from)
	})
	for _, s := range segments[first:] {
		i, _ := slices.BinarySearchFunc(s, from, func(r connector.Record, from int64) int { return cmp.Compare(r.Offset, from) })
		for ; i < len(s); i++ {
			if len(dst) == cap(dst) || bytes >= limitBytes && bytes > 0 {
				return dst, bytes
			}
			dst = append(dst, s[i])
			bytes += size(&s[i])
		}
	}
	return dst, bytes
}

// Snapshot is what a log held at one time. Whatever happens to the log, it stays as it is.
type Snapshot struct {
	segments []segment
	Start    int64
	End      int64
}

// Snapshot returns what the log holds, without copying records.
func (l *Log) Snapshot() *Snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &Snapshot{slices.Clone(l.segments), l.start, l.end}
}

// Has says that reading can begin at an offset: 0 stands for the start.
func (s *Snapshot) Has(from int64) bool { return from == 0 || from >= s.Start && from <= s.End }

// Read is Log.Read for a snapshot. Where nothing is left it returns dst as it is.
func (s *Snapshot) Read(dst []connector.Record, from, limitBytes int64) (records []connector.Record, bytes int64) {
	return read(s.segments, dst, max(from, s.Start), limitBytes)
}

// Purge deletes the records below an offset; one beyond the log's end stands for its end.
func (l *Log) Purge(below int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	below = min(below, l.end)
	if below <= l.start {
		return
	}
	l.start = below
	gone := 0
	for gone < len(l.segments) && l.segments[gone][len(l.segments[gone])-1].Offset < below {
		gone++
	}
	l.forget(l.segments[:gone])
	l.segments = slices.Delete(l.segments, 0, gone)
	if len(l.segments) == 0 {
		l.blocks = blocks{}
		return
	}
	s := l.segments[0]
	i, _ := slices.BinarySearchFunc(s, below, func(r connector.Record, below int64) int { return cmp.Compare(r.Offset, below) })
	l.forget([]segment{s[:i]})
	l.segments[0] = s[i:]
}

// forget takes records out of the count of bytes; l.mu is held.
func (l *Log) forget(segments []segment) {
	for _, s := range segments {
		for i := range s {
			l.bytes -= size(&s[i])
		}
	}
}

// Watch makes the log call wake whenever records were appended, until stop is called. wake must not block, nor call the
// log.
func (l *Log) Watch(wake func()) (stop func()) {
	w := &watcher{wake}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watchers = append(l.watchers, w)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.watchers = slices.DeleteFunc(l.watchers, func(o *watcher) bool { return o == w })
	}
}
