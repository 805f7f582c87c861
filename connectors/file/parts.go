package file

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

const textBytes = 256 << 10 // collected before they are written

// part is a file of a sink while it is written. It belongs to one worker.
type part struct {
	folder, name string // its final one
	file         handle
	text         []byte // lines that are not written yet
	packer       packer // nil: plain
	packed       *bufio.Writer
	member       bool   // a member or frame of compressed bytes is open
	length       int64  // bytes in the file
	committed    int64  // bytes that a commit has counted
	header       []byte // of CSV, as the part has it
	opened       time.Time
}

// packer compresses. Close ends a member or frame, Reset begins another one.
type packer interface {
	io.WriteCloser
	Reset(to io.Writer)
}

func newPacker(compress string) packer {
	switch compress {
	case compressGzip:
		return gzip.NewWriter(nil)
	case compressZstd:
		z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
		if err != nil {
			panic(err) // of the options above
		}
		return z
	}
	return nil
}

// hidden is a part's name until it is finished.
func hidden(folder, name string) string { return filepath.Join(folder, "."+name+".open") }

// openPart creates the file of a part.
func openPart(d disk, folder, name, compress string, now time.Time) (*part, error) {
	f, err := d.Open(hidden(folder, name), os.O_CREATE|os.O_RDWR|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	p := &part{folder: folder, name: name, file: f, packer: newPacker(compress), text: make([]byte, 0, textBytes), opened: now}
	if p.packer != nil {
		p.packed = bufio.NewWriterSize(p, 64<<10)
	}
	return p, nil
}

// line adds a line.
func (p *part) line(line []byte) error {
	if len(p.text)+len(line) >= textBytes && len(p.text) > 0 {
		if err := p.spill(); err != nil {
			return err
		}
	}
	p.text = append(append(p.text, line...), '\n')
	return nil
}

// row adds a CSV row, before the first one its header. other: the part has another header.
func (p *part) row(header, row []byte) (other bool, err error) {
	if p.header == nil {
		p.header = bytes.Clone(header)
		if err := p.line(header); err != nil {
			return false, err
		}
	} else if !bytes.Equal(p.header, header) {
		return true, nil
	}
	return false, p.line(row)
}

// spill writes the lines that were collected.
func (p *part) spill() (err error) {
	if p.packer == nil {
		_, err = p.Write(p.text)
	} else if len(p.text) > 0 {
		if !p.member {
			p.packer.Reset(p.packed)
			p.member = true
		}
		_, err = p.packer.Write(p.text)
	}
	p.text = p.text[:0]
	return err
}

// Write adds bytes to the file, as they stand there.
func (p *part) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, err := p.file.WriteAt(b, p.length)
	p.length += int64(n)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return n, err
}

// bytes is about how large the part is.
func (p *part) bytes() int64 {
	if p.packer != nil {
		return p.length
	}
	return p.length + int64(len(p.text))
}

// settle makes all that was written durable; what is compressed can be unpacked to here.
func (p *part) settle() error {
	err := p.spill()
	if err == nil && p.member {
		p.member = false
		if err = p.packer.Close(); err == nil {
			err = p.packed.Flush()
		}
	}
	if err == nil {
		err = p.file.Sync()
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", filepath.Join(p.folder, p.name), err)
	}
	return nil
}

// finish gives a part its final name. It is safe to repeat, also by another process.
func finish(d disk, folder, name string) error {
	from, to := hidden(folder, name), filepath.Join(folder, name)
	_, err := d.Stat(from)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil // it was done, and maybe somebody took the part
	case err != nil:
		return err
	}
	switch _, err := d.Stat(to); {
	case err == nil:
		return fmt.Errorf("%s exists and this application did not write it: move it away; another program must not write to this folder", to)
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	if err := d.Rename(from, to); err != nil {
		return err
	}
	return syncFolder(d, folder)
}
