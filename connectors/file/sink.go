package file

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// sink is one worker's part of a folder.
type sink struct {
	job              *job
	topic, folder    string
	format, compress string
	ending           string // of the parts' names
	partBytes        int64
	interval         time.Duration
	parts            []*part // all are full but the last
	made             bool    // parts since the last commit
}

func newSink(j *job, c Config, t connector.TopicSpec) *sink {
	s := &sink{
		job: j, topic: t.Name, folder: filepath.Clean(t.Name), format: formatOf(t), compress: t.Configs[settingCompress],
		partBytes: c.PartBytes, interval: c.PartInterval,
	}
	s.ending = map[string]string{formatLines: ".txt", formatJSON: ".jsonl", formatCSV: ".csv"}[s.format] +
		map[string]string{compressGzip: ".gz", compressZstd: ".zst"}[s.compress]
	return s
}

var (
	errTombstone = errors.New("the record has no value, and a tombstone has no line: take such records out before the sink with Filter")
	errNewline   = errors.New("the value holds a newline, which would make two lines of it: replace it, or write JSON lines")
	errNoHeader  = errors.New("the value is no CSV row with its header: it was not written by file.CSV")
)

// write adds a record.
func (s *sink) write(value []byte) error {
	if value == nil {
		return errTombstone
	}
	if s.format == formatCSV {
		return s.row(value)
	}
	if bytes.IndexByte(value, '\n') >= 0 {
		return errNewline
	}
	p, err := s.part()
	if err == nil {
		err = p.line(value)
	}
	return err
}

func (s *sink) row(value []byte) error {
	header, row, ok := cutHeader(value)
	if !ok {
		return errNoHeader
	}
	p, err := s.part()
	if err != nil {
		return err
	}
	other, err := p.row(header, row)
	if other {
		if p, err = s.begin(); err == nil {
			_, err = p.row(header, row)
		}
	}
	return err
}

// part returns the part to write to.
func (s *sink) part() (*part, error) {
	if n := len(s.parts); n > 0 && s.parts[n-1].bytes() < s.partBytes {
		return s.parts[n-1], nil
	}
	return s.begin()
}

// begin begins a part. What is full is written, so that only one takes memory.
func (s *sink) begin() (*part, error) {
	if n := len(s.parts); n > 0 {
		if err := s.parts[n-1].settle(); err != nil {
			return nil, err
		}
		s.parts[n-1].text = nil
	}
	number, err := s.job.part(s.folder)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("part-%06d%s", number, s.ending)
	p, err := openPart(s.job.disk, s.folder, name, s.compress, time.Now())
	if err != nil {
		return nil, err
	}
	s.parts = append(s.parts, p)
	s.made = true
	return p, nil
}

// settle makes what was written durable.
func (s *sink) settle() error {
	for _, p := range s.parts {
		if p.text == nil {
			continue // it was when the next one was begun
		}
		if err := p.settle(); err != nil {
			return err
		}
	}
	if !s.made {
		return nil
	}
	s.made = false
	return syncFolder(s.job.disk, s.folder)
}

// list puts the parts into a manifest. last: nothing more will be written.
func (s *sink) list(m *manifest, now time.Time, last bool) {
	set := m.sink(s.folder)
	for i, p := range s.parts {
		if p.length == 0 {
			continue
		}
		e := set.part(p.name)
		if e == nil {
			e = &partEntry{Name: p.name}
			set.Parts = append(set.Parts, e)
		}
		e.Length = p.length
		e.Finished = last || i < len(s.parts)-1 || p.length >= s.partBytes || now.Sub(p.opened) >= s.interval
	}
	set.Next = max(set.Next, s.job.next[s.folder])
}

// discard takes off what was written and not committed.
func (s *sink) discard() error {
	for _, p := range s.parts {
		if p.text = nil; p.length == p.committed {
			continue
		}
		if err := p.file.Truncate(p.committed); err != nil {
			return err
		}
		p.length = p.committed
	}
	return nil
}

// finish gives the parts that are finished their names, and deletes those in which nothing is committed if they are the last.
func (s *sink) finish(last bool) error {
	for len(s.parts) > 0 {
		p := s.parts[0]
		switch {
		case s.job.finished(s.folder, p.name):
			if err := errors.Join(p.file.Close(), finish(s.job.disk, s.folder, p.name)); err != nil {
				return err
			}
			s.job.named(s.folder, p.name)
		case last && p.length == 0:
			if err := errors.Join(p.file.Close(), s.job.disk.Remove(hidden(s.folder, p.name))); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		default:
			return nil
		}
		s.parts = s.parts[1:]
	}
	return nil
}

// close gives up what is open.
func (s *sink) close() (err error) {
	for _, p := range s.parts {
		err = errors.Join(err, p.file.Close())
	}
	s.parts = nil
	return err
}
