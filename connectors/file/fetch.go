package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// fetchRuns is how many runs a block gives at most, so that short lines do not make a crowd of records.
const fetchRuns = 8

// growing says that the end of the file is not known, and not fixed either.
func (r *reader) growing() bool { return r.limit < 0 && !r.whole() }

// fetch appends the runs of the next block, nothing where there is nothing to tell.
func (r *reader) fetch(runs []connector.Run, p *pool, now time.Time) []connector.Run {
	if r.stopped == nil && !r.done {
		runs, r.stopped = r.next(runs, p, now)
	}
	if r.done && r.open != nil {
		r.stopped = errors.Join(r.stopped, r.stop())
	}
	if r.stopped != nil && r.outside == 0 && !r.told {
		r.told = true
		runs = append(runs, connector.Run{Partition: r.at, End: -1, Err: r.stopped})
	}
	return runs
}

func (r *reader) next(runs []connector.Run, p *pool, now time.Time) ([]connector.Run, error) {
	if r.open == nil {
		if err := r.start(); err != nil {
			return runs, err
		}
	} else if r.growing() && !r.looked.IsZero() {
		if more, err := r.grown(now); err != nil || !more {
			return runs, err
		}
	}
	if r.frames.format == formatCSV && r.frames.body == 0 {
		if known, err := r.readHeader(p); err != nil || !known {
			r.looked = now
			return runs, err
		}
	}
	return r.read(runs, p, now)
}

// grown says whether the file may have more than was read. It looks four times a second.
func (r *reader) grown(now time.Time) (bool, error) {
	if now.Sub(r.looked) < lookEvery {
		return false, nil
	}
	r.looked = now
	named, err := r.disk.Stat(r.file.Path)
	if err != nil {
		return false, missing(r.file.Path, err, true)
	}
	mine, err := r.open.Stat()
	if err != nil {
		return false, err
	}
	switch size := named.Size(); {
	case !os.SameFile(named, mine):
		return false, &gap{path: r.file.Path, what: "was replaced by another file of this name", noSkip: true}
	case size < r.position:
		return false, &gap{path: r.file.Path, what: fmt.Sprintf("shrank to %d bytes, of which %d were read", size, r.position), noSkip: true}
	case size == r.size:
		return false, nil
	}
	l, err := r.look(r.position)
	if err == nil && l.Tail != r.file.Look.Tail {
		err = &gap{path: r.file.Path, what: fmt.Sprintf("was replaced: its bytes before position %d are others than those that were read", r.position), noSkip: true}
	}
	return true, err
}

// read reads a block, as large as its first line needs, and appends its runs.
func (r *reader) read(runs []connector.Run, p *pool, now time.Time) ([]connector.Run, error) {
	for size := blockBytes; ; size *= 2 {
		b := p.block(size)
		n, ended, err := r.fill(b.bytes, r.position)
		before, at := len(runs), r.position
		var used int
		var cut error
		runs, used, cut = r.cut(runs, p, b, n, ended && err == nil && !r.growing())
		r.content.keep(b.bytes[used:n])
		if b.runs == 0 {
			p.free(b)
		}
		switch {
		case err != nil && cut == nil:
			return runs, err
		case cut != nil:
			return runs, cut
		case used == 0 && n == len(b.bytes):
			continue // a line that is longer than the block
		case len(runs)-before == fetchRuns:
			return runs, nil // there may be more in this block
		case ended && r.growing():
			return r.wait(runs, at+int64(n), now)
		case ended:
			return r.complete(runs, p), nil
		}
		return runs, nil
	}
}

// cut appends the runs of a block. It returns how many of its bytes they take.
func (r *reader) cut(runs []connector.Run, p *pool, b *block, n int, ended bool) (_ []connector.Run, used int, err error) {
	for range fetchRuns {
		f := r.frames.cut(p.records(), b.bytes[used:n], r.position, r.file.Time, ended)
		used += f.bytes
		r.position += int64(f.bytes)
		if len(f.records) == 0 {
			p.slices = append(p.slices, f.records)
		} else {
			runs = append(runs, r.run(p, b, f))
		}
		if f.long >= 0 {
			return runs, used, r.frames.tooLong(r.file.Path, f.long)
		}
		if len(f.records) < cap(f.records) {
			break
		}
	}
	return runs, used, nil
}

// run makes a run of records in a block.
func (r *reader) run(p *pool, b *block, f frame) connector.Run {
	bytes := int64(cap(f.records)) * recordBytes
	if r.frames.format == formatCSV {
		b = r.rows(p, f.records)
		bytes += int64(len(b.bytes))
	} else {
		bytes += int64(len(b.bytes)) * int64(f.bytes) / int64(max(len(b.bytes), 1))
	}
	p.lend(f.records, lent{reader: r, block: b, bytes: bytes})
	return connector.Run{Partition: r.at, Records: f.records, Bytes: bytes, End: -1}
}

// rows puts the header before each row of a CSV file, in a block of their own.
func (r *reader) rows(p *pool, records []connector.Record) *block {
	size := 0
	for i := range records {
		size += len(r.frames.header) + 1 + len(records[i].Value)
	}
	to := p.block(size)
	rows := to.bytes[:0]
	for i := range records {
		if records[i].Control {
			continue
		}
		start := len(rows)
		rows = append(append(append(rows, r.frames.header...), '\n'), records[i].Value...)
		records[i].Value = rows[start:len(rows):len(rows)]
	}
	return to
}

// wait notes that a file that may grow has nothing more now. Its end is where lines end: nobody is to wait for half a line.
func (r *reader) wait(runs []connector.Run, size int64, now time.Time) ([]connector.Run, error) {
	r.looked, r.size = now, size
	l, err := r.look(r.position)
	r.mu.Lock()
	r.file.Look = l
	r.mu.Unlock()
	return append(runs, connector.Run{Partition: r.at, End: r.position}), err
}

// complete ends a file whose last line was read. That a compressed one has ended is told by a record that is none.
func (r *reader) complete(runs []connector.Run, p *pool) []connector.Run {
	r.done = true
	if !r.whole() {
		return runs
	}
	last := append(p.records(), connector.Record{Offset: wholeEnd - 1, Time: r.file.Time, Control: true})
	bytes := int64(cap(last)) * recordBytes
	p.lend(last, lent{reader: r, bytes: bytes})
	r.position = wholeEnd
	return append(runs, connector.Run{Partition: r.at, Records: last, Bytes: bytes, End: -1})
}

// readHeader reads the row that names the columns; not known: it is not whole yet.
func (r *reader) readHeader(p *pool) (known bool, err error) {
	for size := blockBytes; ; size *= 2 {
		b := p.block(size)
		n, ended, err := r.fill(b.bytes, 0)
		r.content.keep(b.bytes[:n])
		row := r.frames.length(b.bytes[:n])
		if row < 0 && ended && !r.growing() {
			row = n
		}
		if row >= 0 {
			r.frames.header = bytes.Clone(bytes.TrimPrefix(trim(b.bytes[:row]), byteOrderMark))
			r.frames.body = int64(row)
		}
		p.free(b)
		switch {
		case row > 0:
			return true, nil
		case err != nil || ended:
			return row == 0, ignoreEnd(err)
		case n > r.frames.most:
			return false, r.frames.tooLong(r.file.Path, 0)
		}
	}
}

func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
