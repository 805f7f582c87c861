package disk

import (
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
)

// The database ends the process, or waits for ever, where it cannot write. Here what it could not do is kept and is the error of the
// next write: the changelog has what the folder lacks.

func (d *DB) listener() *pebble.EventListener {
	return &pebble.EventListener{
		BackgroundError: d.fail,
		DataCorruption:  func(i pebble.DataCorruptionInfo) { d.fail(i.Details) },
	}
}

func (d *DB) fail(err error) {
	if err != nil && d.failed.CompareAndSwap(nil, &err) {
		close(d.troubled)
	}
}

// trouble returns the first thing that could not be done.
func (d *DB) trouble() error {
	if err := d.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// do lets the database do something that it may panic at, or not come back from once ended is closed.
func (d *DB) do(ended <-chan struct{}, f func() error) error {
	done := make(chan error, 1)
	go func() { // it is waited for, but where the process is about to end
		defer func() {
			if p := recover(); p != nil {
				done <- fmt.Errorf("%v", p)
			}
		}()
		done <- f()
	}()
	select {
	case err := <-done:
		return err
	case <-ended:
		d.left.Store(true)
		return d.trouble()
	}
}

// logger passes on what the database says of itself.
func (d *DB) logger(to *slog.Logger) pebble.Logger {
	if to == nil {
		to = slog.New(slog.DiscardHandler)
	}
	return logger{d, to}
}

type logger struct {
	db *DB
	to *slog.Logger
}

func (l logger) Infof(format string, args ...any) {
	l.to.Debug("state on disk", "folder", l.db.folder, "says", fmt.Sprintf(format, args...))
}

func (l logger) Errorf(format string, args ...any) {
	l.to.Warn("state on disk", "folder", l.db.folder, "says", fmt.Sprintf(format, args...))
}

// Fatalf is what the database says where it cannot go on, and what it does not return from: it has locked what nobody may use any more.
func (l logger) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	l.db.fail(err)
	l.to.Error("state on disk", "folder", l.db.folder, "error", err)
	l.db.died.Do(func() { close(l.db.dead) })
	select {}
}
