package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const defaultReserveBytes = 16 << 20

// storage keeps the broker honest about what it stores under dir. kfake logs a failed write and goes on; then it answers
// some requests (the end of a transaction, committed offsets, topics) as if they were stored. So there are three lines:
//
//   - less than reserve is free: records and new topics are refused from then on;
//   - less than a quarter of it: the gate is shut between two requests, so that nothing is half written;
//   - a write fails all the same: the gate is shut before the request is answered.
type storage struct {
	dir     string
	reserve int64
	free    func(dir string) (int64, error)
	gate    *gate

	report sync.Once
	errs   chan error // holds one: the report

	low     atomic.Bool   // records are refused
	running atomic.Bool   // log lines come from the goroutine that writes
	failed  atomic.Bool   // a write failed: memory and disk differ
	ended   chan struct{} // closed when that goroutine has ended
	saveErr error         // of the save at close; belongs to that goroutine until it is done
}

func newStorage(c Config, g *gate) *storage {
	s := &storage{dir: c.Dir, reserve: c.ReserveBytes, free: c.free, gate: g, errs: make(chan error, 1), ended: make(chan struct{})}
	if s.reserve == 0 {
		s.reserve = defaultReserveBytes
	}
	if s.free == nil {
		s.free = freeBytes
	}
	return s
}

// The broker's files are in data. While a broker whose write failed is being closed they are in kept.
func (s *storage) data() string { return filepath.Join(s.dir, "data") }
func (s *storage) kept() string { return filepath.Join(s.dir, "data.kept") }

// prepare makes dir ready for a start.
func (s *storage) prepare() error {
	if free, err := s.free(s.dir); err != nil {
		return s.describe(err)
	} else if free < s.reserve {
		return &diskFullError{dir: s.dir}
	}
	return s.restoreKept()
}

// guard makes the cluster ask for free space before it writes. It comes before any request.
func (s *storage) guard(c *kfake.Cluster) {
	refusal := kerr.Error{Message: (&diskFullError{dir: s.dir}).Error(), Code: kerr.PolicyViolation.Code}
	c.Fault(kfake.Fault{
		Keys:  []kmsg.Key{kmsg.Produce, kmsg.CreateTopics, kmsg.CreatePartitions},
		Count: -1,
		Err:   &refusal,
		When:  func(kmsg.Request) bool { return s.refuses() },
	}, kfake.Fault{
		Keys: []kmsg.Key{
			kmsg.OffsetCommit, kmsg.TxnOffsetCommit, kmsg.EndTxn, kmsg.InitProducerID, kmsg.WriteTxnMarkers,
			kmsg.JoinGroup, kmsg.SyncGroup, kmsg.ConsumerGroupHeartbeat, kmsg.AlterConfigs, kmsg.IncrementalAlterConfigs,
		},
		Count: -1,
		Err:   kerr.KafkaStorageError,
		When:  func(kmsg.Request) bool { return s.stops() },
	})
	s.running.Store(true)
}

// refuses stays true once it was: a client may have batches under way, and the one after a refused one must not be written.
func (s *storage) refuses() bool {
	if !s.low.Load() && s.isFree(s.reserve) {
		return false
	}
	s.low.Store(true)
	s.fail(&diskFullError{dir: s.dir})
	return true
}

func (s *storage) stops() bool {
	if s.isFree(s.reserve / 4) {
		return false
	}
	s.fail(&diskFullError{dir: s.dir})
	s.gate.shut()
	return true
}

// isFree says yes where nothing can be found out: then the write will tell.
func (s *storage) isFree(n int64) bool {
	free, err := s.free(s.dir)
	return err != nil || free >= n
}

// fail reports the first error, before any client can notice that something is wrong.
func (s *storage) fail(err error) {
	s.report.Do(func() { s.errs <- err })
}

// logged looks for failed writes in what kfake logs, since it says so nowhere else. It runs inside of the write.
func (s *storage) logged(format string, args []any) {
	err := writeError(args)
	switch {
	case strings.HasPrefix(format, "persist to disk") || strings.HasPrefix(format, "save session state"):
		s.saveErr = errors.Join(s.saveErr, err)
	case !s.running.Load():
	case s.failed.Load():
		// The next line after the one of a failed write. At the end of a transaction this is where its marker is
		// missing and the offsets would be stored next, which would lose the records between: so go no further.
		close(s.ended)
		runtime.Goexit()
	case err != nil:
		s.failed.Store(true)
		s.fail(s.describe(err))
		s.gate.shut()
	}
}

// writeError returns the error of a file operation among args, if it is about storing something.
func writeError(args []any) error {
	for _, a := range args {
		err, _ := a.(error)
		var p *fs.PathError
		var l *os.LinkError
		if errors.As(err, &l) || errors.As(err, &p) && !errors.Is(err, fs.ErrNotExist) && p.Op != "read" && p.Op != "unlinkat" {
			return err
		}
	}
	return nil
}

// close ends the cluster, which saves what it has in memory, and brings everything to the disk.
func (s *storage) close(c *kfake.Cluster) error {
	failed := s.failed.Load()
	if failed {
		// What is in memory was not acknowledged in full. Let it be saved elsewhere, and keep the files as they are.
		if err := os.Rename(s.data(), s.kept()); err != nil {
			return s.describe(err)
		}
	}
	done := make(chan struct{})
	go func() { // it waits for ever for a goroutine that has ended
		c.Close()
		close(done)
	}()
	select {
	case <-done:
	case <-s.ended:
	}
	if failed {
		return s.restoreKept()
	}
	if s.saveErr != nil {
		return s.describe(s.saveErr)
	}
	return syncFiles(s.data())
}

// restoreKept puts the files back that close put aside.
func (s *storage) restoreKept() error {
	if _, err := os.Stat(s.kept()); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.RemoveAll(s.data()); err != nil {
		return s.describe(err)
	}
	if err := os.Rename(s.kept(), s.data()); err != nil {
		return s.describe(err)
	}
	return nil
}

// describe says what to do about err.
func (s *storage) describe(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &diskFullError{dir: s.dir}
	}
	return fmt.Errorf("embedded broker: cannot use %s: %w", s.dir, err)
}

// diskFullError is ENOSPC to errors.Is.
type diskFullError struct{ dir string }

func (e *diskFullError) Error() string {
	return "embedded broker: disk full under " + e.dir + ": free space and start again"
}

func (*diskFullError) Unwrap() error { return syscall.ENOSPC }

// syncFiles brings all files under dir to the disk: kfake leaves them to the operating system, and so does Windows, which
// does not flush what was opened for reading.
func syncFiles(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		err = f.Sync()
		return errors.Join(err, f.Close())
	})
}

// logger hands kfake's log lines on, and to storage.
type logger struct {
	to      *slog.Logger
	storage *storage // nil: in memory
}

// Logf implements [kfake.Logger].
func (l *logger) Logf(level kfake.LogLevel, format string, args ...any) {
	to := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		to = slog.LevelError
	case kfake.LogLevelWarn:
		to = slog.LevelWarn
	}
	if l.to.Enabled(context.Background(), to) {
		l.to.Log(context.Background(), to, "embedded broker: "+fmt.Sprintf(format, args...))
	}
	if l.storage != nil && level <= kfake.LogLevelWarn {
		l.storage.logged(format, args)
	}
}
