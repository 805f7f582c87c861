package file

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// disk is all that the connector asks of the file system, so that tests can make each operation fail.
type disk interface {
	Open(name string, flag int) (handle, error)
	Stat(name string) (fs.FileInfo, error)
	Rename(from, to string) error
	Remove(name string) error
	MakeFolder(name string) error
	List(folder string) ([]fs.DirEntry, error)
}

// handle is an open file, or a folder to be synced.
type handle interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Sync() error
	Truncate(size int64) error
}

// system is the file system of the machine.
type system struct{}

func (system) Open(name string, flag int) (handle, error) {
	f, err := os.OpenFile(name, flag, 0o644)
	if err != nil {
		return nil, err // not f, which would be a handle that is not nil
	}
	return f, nil
}

func (system) Stat(name string) (fs.FileInfo, error)     { return os.Stat(name) }
func (system) Rename(from, to string) error              { return os.Rename(from, to) }
func (system) Remove(name string) error                  { return os.Remove(name) }
func (system) MakeFolder(name string) error              { return os.MkdirAll(name, 0o755) }
func (system) List(folder string) ([]fs.DirEntry, error) { return os.ReadDir(folder) }

// syncFolder makes the names in a folder durable.
func syncFolder(d disk, folder string) error {
	f, err := d.Open(folder, os.O_RDONLY)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// writeAside writes a file that is not in use and syncs it.
func writeAside(d disk, name string, content []byte) error {
	f, err := d.Open(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(content, 0)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// readWhole returns what a file holds, fs.ErrNotExist where it does not exist.
func readWhole(d disk, name string) (content []byte, err error) {
	f, err := d.Open(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return readPart(f, 0, info.Size())
}

// readPart returns n bytes of a file.
func readPart(f handle, at, n int64) ([]byte, error) {
	b := make([]byte, n)
	got, err := f.ReadAt(b, at)
	if int64(got) == n {
		return b, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return nil, err
}

const (
	openReadWrite = os.O_RDWR
	openNew       = os.O_CREATE | os.O_RDWR | os.O_TRUNC
)
