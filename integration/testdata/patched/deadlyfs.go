package disk

import (
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/millrace/millrace/framework/internal/deadly"
)

// deadlyFS ends the process while the database writes its files.
type deadlyFS struct{ vfs.FS }

func (fs deadlyFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.Create(name, category)
	base := fs.PathBase(name)
	switch {
	case err != nil:
	case strings.HasSuffix(base, ".sst"):
		return &deadlyFile{f, "in the middle of a file"}, nil
	case strings.HasPrefix(base, "MANIFEST"):
		return &deadlyFile{f, "in the middle of the list of files"}, nil
	}
	return f, err
}

type deadlyFile struct {
	vfs.File
	place string
}

func (f *deadlyFile) Write(b []byte) (int, error) {
	if deadly.Reached(f.place) {
		_, _ = f.File.Write(b[:len(b)/2])
		deadly.Die()
	}
	return f.File.Write(b)
}

// Sync and SyncData come behind the last write of a file.
func (f *deadlyFile) Sync() error { return f.after(f.File.Sync()) }

func (f *deadlyFile) SyncData() error { return f.after(f.File.SyncData()) }

func (f *deadlyFile) after(err error) error {
	deadly.At("after" + strings.TrimPrefix(f.place, "in the middle of"))
	return err
}
