package file

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// lookEvery is how often a file that may grow is looked at.
const lookEvery = 250 * time.Millisecond

// reader reads one partition. It belongs to one worker's polling goroutine, but for look, which commits call.
type reader struct {
	disk   disk
	at     connector.Partition
	file   inputFile // as it was committed last when reading began; Look goes on with a file that grows
	limit  int64     // the end of a bounded run, -1: the file may grow
	frames framing
	any    bool // any bytes are text

	mu   sync.Mutex // guards open and file.Look, which commits read
	open handle     // nil: not now

	content  content
	position int64 // where the next line begins
	paused   bool
	done     bool      // there is nothing more
	stopped  error     // to be told when all that was handed out was taken
	told     bool      // the error was
	outside  int       // runs that were handed out and not taken
	looked   time.Time // when a file that may grow had nothing more; zero: it may have
	size     int64     // of the file at that time
}

// whole says that the file is compressed, so that it is read to its end once.
func (r *reader) whole() bool { return compression(r.file.Path) != "" }

// begin decides where reading begins, which is an error where the file is not what it was.
func (r *reader) begin(s connector.Source, committed connector.Position) (connector.Assignment, error) {
	a := connector.Assignment{Partition: r.at, Offset: committed.Offset, Metadata: committed.Metadata}
	end, err := r.check(committed.Offset)
	var changed *gap
	switch {
	case errors.As(err, &changed) && s.SkipGap:
		a.Offset, a.Metadata, a.Gap = 0, "", 1 // how much of it was lost cannot be known
		r.file.Position = -1
		if end, err = r.check(-1); err != nil {
			return a, err
		}
	case err != nil:
		return a, err
	case a.Offset < 0:
		a.Offset = 0
		if s.Start.Latest || !s.Start.At.IsZero() && r.file.Time < s.Start.At.UnixMilli() {
			a.Offset = end
		}
	}
	a.End = end
	r.position = a.Offset
	r.done = r.position >= end && (r.limit >= 0 || r.whole())
	return a, nil
}

// check opens the file, compares it with what it was, and returns its end.
func (r *reader) check(position int64) (end int64, err error) {
	f, err := r.disk.Open(r.file.Path, os.O_RDONLY)
	if err != nil {
		if position >= 0 {
			err = missing(r.file.Path, err, false)
		}
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if position > 0 {
		if err := r.file.Look.compare(f, r.file.Path, position, r.whole()); err != nil {
			return 0, err
		}
	}
	if r.whole() {
		return wholeEnd, nil
	}
	if r.limit >= 0 {
		return r.limit, nil
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// start opens the file for reading.
func (r *reader) start() error {
	f, err := r.disk.Open(r.file.Path, os.O_RDONLY)
	if err != nil {
		return missing(r.file.Path, err, true)
	}
	c, err := r.unpack(f)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	r.content = c
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = f
	return nil
}

func (r *reader) unpack(f handle) (content, error) {
	if err := checkMagic(f, r.file.Path, compression(r.file.Path), r.any); err != nil {
		return nil, err
	}
	c, err := contentOf(f, compression(r.file.Path))
	if err != nil {
		return nil, r.damaged(0, err)
	}
	if !r.whole() {
		return c, nil
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	l, err := lookAt(f, info.Size())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.file.Look = l
	return c, err
}

// stop closes the file.
func (r *reader) stop() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		return nil
	}
	err := r.content.close()
	r.open, r.content = nil, nil
	return err
}

// look describes the file up to a position that is committed. Any goroutine may call it.
func (r *reader) look(position int64) (l look, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.whole() {
		return r.file.Look, nil
	}
	if r.open != nil {
		return lookAt(r.open, position)
	}
	f, err := r.disk.Open(r.file.Path, os.O_RDONLY)
	if err != nil {
		return l, err
	}
	l, err = lookAt(f, position)
	return l, errors.Join(err, f.Close())
}

// fill reads a block at a position. ended: nothing follows it.
func (r *reader) fill(b []byte, at int64) (n int, ended bool, err error) {
	if r.limit >= 0 && !r.whole() {
		b = b[:min(int64(len(b)), max(0, r.limit-at))]
	}
	n, err = r.content.fill(b, at)
	switch {
	case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		ended, err = true, nil
		if r.limit >= 0 && !r.whole() && at+int64(n) < r.limit {
			err = &gap{path: r.file.Path, what: fmt.Sprintf("shrank to %d bytes while it was read; it had %d", at+int64(n), r.limit), noSkip: true}
		}
	case err != nil:
		err = r.damaged(at+int64(n), err)
	default:
		ended = r.limit >= 0 && !r.whole() && at+int64(n) == r.limit
	}
	return n, ended, err
}

// damaged is the error about bytes that cannot be read.
func (r *reader) damaged(at int64, err error) error {
	var where *fs.PathError
	switch {
	case errors.As(err, &where):
		return fmt.Errorf("read file %s, byte %d: %w", r.file.Path, at, err)
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return fmt.Errorf("file %s is cut short: its compressed data ends in the middle, after byte %d of what it holds: %w; put the whole file there, what was read of it stays read", r.file.Path, at, io.ErrUnexpectedEOF)
	case r.whole():
		return fmt.Errorf("file %s is damaged after byte %d of what it holds: %w", r.file.Path, at, err)
	}
	return fmt.Errorf("read file %s, byte %d: %w", r.file.Path, at, err)
}
