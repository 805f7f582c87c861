// Package disk keeps the content of stores in a folder, as of the last commit. What it has of a store, and up to which offset of the
// store's changelog, is written in one batch: after a crash it is what it was at some commit, and the rest is read from the changelog.
package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// DB is the folder of one application in one process: one database for the stores of all its tasks, so that they share its memory, its
// log and its lock. It may be used from any goroutine.
type DB struct {
	folder   string
	db       *pebble.DB
	cache    *pebble.Cache
	lock     *pebble.Lock
	memory   int64 // for entries that stores keep in memory
	failed   atomic.Pointer[error]
	left     atomic.Bool   // something is still going on that nobody waits for
	troubled chan struct{} // closed when failed is set
	died     sync.Once
	dead     chan struct{} // closed when the database cannot even be closed any more

	mu     sync.Mutex
	slots  map[uint32]*slot
	next   uint32
	asides uint32 // how many were made
}

// slot is the place of one store in the database. Whoever opened it last has it.
type slot struct {
	mu    sync.Mutex
	owner *Store
}

// Options are how a folder is opened.
type Options struct {
	App         string       // the application whose folder it is
	MemoryBytes int64        // for the cache of blocks, for what is not in files yet, and for entries in memory
	FS          vfs.FS       // nil: the machine's
	Logger      *slog.Logger // nil: none
}

// format is of the keys and values in the folder. A folder of a higher one is refused.
const format = 1

// The first byte of a key says what it is of.
const (
	ofFolder     = 'f' // what the folder is
	ofStore      = 's' // name and partition -> number
	ofCheckpoint = 'c' // number -> checkpoint
	ofEntry      = 'e' // number, key -> time, value
	ofAside      = 'x' // what is of no use to the next owner, see Aside
)

// Open opens the folder of an application, and makes it where it is not there. It fails where another process has it open.
func Open(folder string, o Options) (*DB, error) {
	fs := o.FS
	if fs == nil {
		fs = vfs.Default
	}
	if err := fs.MkdirAll(folder, 0o755); err != nil {
		return nil, refused(folder, err)
	}
	lock, err := pebble.LockDirectory(folder, fs)
	if err != nil {
		return nil, unlocked(folder, err)
	}
	d := &DB{folder: folder, lock: lock, troubled: make(chan struct{}), dead: make(chan struct{}), slots: map[uint32]*slot{}, memory: o.MemoryBytes / 2}
	d.cache = pebble.NewCache(o.MemoryBytes / 4)
	options := &pebble.Options{
		FS: fs, Lock: lock, Cache: d.cache, Logger: d.logger(o.Logger), FormatMajorVersion: formatMajor,
		MemTableSize: uint64(min(max(o.MemoryBytes/16, 1<<20), 64<<20)), MemTableStopWritesThreshold: 4,
		DisableWAL: true, // that is what changelogs are
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	options.EventListener = d.listener()
	merges := newScheduler()
	options.Experimental.CompactionScheduler = merges
	if err = d.do(d.dead, func() (err error) { d.db, err = pebble.Open(folder, options); return err }); err != nil {
		if !d.left.Load() {
			d.cache.Unref()
			err = errors.Join(err, lock.Close())
		}
		if errors.Is(err, pebble.ErrCorruption) {
			return nil, fmt.Errorf("state folder %s is damaged: delete it, and stores are restored from their changelogs: %w", folder, err)
		}
		if advice(err) == "" {
			err = fmt.Errorf("%w; where the folder is damaged delete it: stores are restored from their changelogs", err)
		}
		return nil, refused(folder, err)
	}
	merges.open()
	err = d.check(o.App)
	if err == nil {
		err = d.clearAsides()
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// formatMajor is the database's own format: a later version of it can still be read by what wrote this one.
const formatMajor = pebble.FormatNewest

// check reads what the folder is, and says so in a new one.
func (d *DB) check(app string) error {
	var is folder
	there, err := d.get([]byte{ofFolder}, &is)
	switch {
	case err != nil:
		return err
	case !there:
		return d.set([]byte{ofFolder}, folder{Format: format, App: app})
	case is.Format > format:
		return fmt.Errorf("state folder %s is of format %d, and this program knows %d: start a newer one, or delete the folder: stores are restored from their changelogs", d.folder, is.Format, format)
	case is.App != app:
		return fmt.Errorf("state folder %s is of application %q, not of %q: name another one in Config.StateDir, or take the former Config.Name back", d.folder, is.App, app)
	}
	return nil
}

// folder is what is written down of the folder itself.
type folder struct {
	Format int    `json:"format"`
	App    string `json:"app"`
}

// Close puts into files what is not there yet, and closes the folder. Stores may not be used any more.
func (d *DB) Close() error {
	err := d.settle()
	if trouble := d.trouble(); trouble != nil {
		err = trouble // settle has it more than once
	}
	if err == nil {
		err = d.do(d.troubled, d.db.Flush)
	}
	if !d.left.Load() { // else it cannot be closed: that is for the end of the process
		err = errors.Join(err, d.do(d.dead, d.db.Close))
	}
	if !d.left.Load() {
		d.cache.Unref()
		err = errors.Join(err, d.lock.Close())
	}
	if err != nil {
		return fmt.Errorf("close state folder %s: %w", d.folder, advised(err))
	}
	return nil
}

// number returns the number of a store, which is given to it when it is opened for the first time. d.mu is held.
func (d *DB) number(name string, partition int32) (uint32, error) {
	key := append([]byte{ofStore}, name...)
	key = binary.BigEndian.AppendUint32(append(key, 0), uint32(partition))
	var n uint32
	there, err := d.get(key, &n)
	if err != nil || there {
		return n, err
	}
	if d.next == 0 {
		if d.next, err = d.highest(); err != nil {
			return 0, err
		}
	}
	d.next++
	return d.next, d.set(key, d.next)
}

// highest returns the highest number that a store has.
func (d *DB) highest() (highest uint32, err error) {
	it, err := d.db.NewIter(&pebble.IterOptions{LowerBound: []byte{ofStore}, UpperBound: []byte{ofStore + 1}})
	if err != nil {
		return 0, err
	}
	for it.First(); it.Valid(); it.Next() {
		var n uint32
		if err = decode(it.Value(), &n); err != nil {
			break
		}
		highest = max(highest, n)
	}
	return highest, errors.Join(err, it.Close())
}

// share is how many bytes of entries each store may keep in memory.
func (d *DB) share() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.memory / int64(max(1, len(d.slots)))
}

func (d *DB) fault(what string, err error) error {
	return fmt.Errorf("%s in state folder %s: %w", what, filepath.Clean(d.folder), advised(err))
}
