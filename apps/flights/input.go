package main

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

const (
	// maxZipBytes bounds a zip archive, which is held in memory: its directory is at its end.
	maxZipBytes = 256 << 20
	// maxPacked is how many archives may lie in one another; the package has three: gz, tar, zip.
	maxPacked = 4
)

// unpacked returns the text of flights.csv, whatever it comes in: plain, in a .gz, .zip or .tar, or in these in one another,
// as the package's .tar.gz. The content tells, not a name, so that it may come from standard input.
func unpacked(input io.Reader) (io.Reader, error) {
	for range maxPacked + 1 {
		r := bufio.NewReaderSize(input, 64<<10)
		open := archiveOf(r)
		if open == nil {
			return r, nil
		}
		var err error
		if input, err = open(r); err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("more than %d archives lie in one another: unpack it", maxPacked)
}

// archiveOf returns what opens an archive of which r is at the beginning; nil: it is none.
func archiveOf(r *bufio.Reader) func(io.Reader) (io.Reader, error) {
	const tarMagic = 257 // its place
	begin, _ := r.Peek(tarMagic + 5)
	switch {
	case bytes.HasPrefix(begin, []byte{0x1f, 0x8b}):
		return func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }
	case bytes.HasPrefix(begin, []byte("PK\x03\x04")), bytes.HasPrefix(begin, []byte("PK\x05\x06")):
		return inZip
	case len(begin) > tarMagic && string(begin[tarMagic:]) == "ustar":
		return inTar
	}
	return nil
}

// wanted says that a file in an archive is the one to read.
func wanted(name string) bool {
	return slices.Contains([]string{"flights.csv", "flights.csv.gz", "flights.csv.zip"}, path.Base(name))
}

var errNoFlights = errors.New("the archive has no flights.csv, flights.csv.gz or flights.csv.zip in it")

func inTar(r io.Reader) (io.Reader, error) {
	for archive := tar.NewReader(r); ; {
		file, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, errNoFlights
		case err != nil:
			return nil, err
		case wanted(file.Name):
			return archive, nil
		}
	}
}

// inZip opens flights.csv, or what there is if that is a single file.
func inZip(r io.Reader) (io.Reader, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxZipBytes+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxZipBytes {
		return nil, fmt.Errorf("the zip archive has more than %d bytes: unpack it", maxZipBytes)
	}
	archive, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, err
	}
	files := slices.DeleteFunc(archive.File, func(f *zip.File) bool { return strings.HasSuffix(f.Name, "/") })
	at := slices.IndexFunc(files, func(f *zip.File) bool { return wanted(f.Name) })
	switch {
	case at < 0 && len(files) == 1:
		at = 0
	case at < 0:
		return nil, errNoFlights
	}
	return files[at].Open() // nothing but memory is held
}
