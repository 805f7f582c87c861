package file

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// wholeEnd is the end of a compressed file, which is not known before it is read: more than any file has, and so small that thousands
// can be added up.
const wholeEnd = int64(1) << 50

// content is the uncompressed bytes of a file.
type content interface {
	// fill reads bytes from a position on, at which the last fill began or which lies in what it brought, until b is full. It returns
	// io.EOF, and maybe bytes too, at the end.
	fill(b []byte, at int64) (int, error)
	// keep is told what of the last fill will be wanted again.
	keep(rest []byte)
	close() error
}

// compression returns how a file is compressed by its name: "" is not at all.
func compression(path string) string {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".gz":
		return compressGzip
	case ".zst":
		return compressZstd
	}
	return ""
}

var (
	gzipMagic = []byte{0x1f, 0x8b}
	zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}
)

// checkMagic compares the first bytes of a file with its name.
func checkMagic(f handle, path, compressed string, anyBytes bool) error {
	first := make([]byte, 4)
	n, err := f.ReadAt(first, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	first = first[:n]
	found := ""
	switch {
	case bytes.HasPrefix(first, gzipMagic):
		found = compressGzip
	case bytes.HasPrefix(first, zstdMagic):
		found = compressZstd
	}
	switch {
	case found == compressed || anyBytes && compressed == "":
		return nil
	case compressed == "":
		return fmt.Errorf("file %s is compressed with %s by its first bytes, and its name does not say so: name it .gz or .zst", path, found)
	case n == 0:
		return fmt.Errorf("file %s is empty, which no %s file is: it was cut short", path, compressed)
	}
	return fmt.Errorf("file %s has a name of a %s file, and its first bytes are those of none: name it as what it is", path, compressed)
}

// contentOf returns the bytes of a file from its beginning on.
func contentOf(f handle, compressed string) (content, error) {
	if compressed == "" {
		return plain{f}, nil
	}
	from := io.NewSectionReader(f, 0, wholeEnd)
	if compressed == compressGzip {
		z, err := gzip.NewReader(from)
		return &unpacked{handle: f, from: z, end: z.Close}, err
	}
	z, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	return &unpacked{handle: f, from: z, end: func() error { z.Close(); return nil }}, nil
}

// plain is a file that is not compressed.
type plain struct{ handle }

func (p plain) fill(b []byte, at int64) (int, error) { return p.ReadAt(b, at) }
func (plain) keep([]byte)                            {}
func (p plain) close() error                         { return p.Close() }

// unpacked is a compressed file.
type unpacked struct {
	handle
	from   io.Reader
	end    func() error
	at     int64  // of the next byte that from gives
	rest   []byte // the bytes before at that were not used
	filled int64  // the end of the last fill
}

func (u *unpacked) fill(b []byte, at int64) (n int, err error) {
	if err := u.skip(at - u.at); err != nil {
		return 0, err
	}
	n = copy(b, u.rest[int64(len(u.rest))-(u.at-at):])
	defer func() { u.filled = at + int64(n) }()
	for n < len(b) {
		got, err := u.from.Read(b[n:])
		n += got
		u.at += int64(got)
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// skip passes over bytes that were read in an earlier run.
func (u *unpacked) skip(n int64) error {
	if n <= 0 {
		return nil
	}
	u.rest = u.rest[:0]
	got, err := io.CopyN(io.Discard, u.from, n)
	u.at += got
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return err
}

func (u *unpacked) keep(rest []byte) {
	if more := u.at - u.filled; more > 0 { // a block that was larger than the last one
		u.rest = append(bytes.Clone(rest), u.rest[int64(len(u.rest))-more:]...)
		return
	}
	u.rest = append(u.rest[:0], rest...)
}

func (u *unpacked) close() error { return errors.Join(u.end(), u.Close()) }
