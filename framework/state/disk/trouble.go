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
	if err != nil {
		d.failed.CompareAndSwap(nil, &err)
	}
}

// trouble returns the first thing that could not be done.
func (d *DB) trouble() error {
	if err := d.failed.Load(); err != nil {
		return *err
	}
	return nil
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

// Fatalf is what the database says where it cannot go on, and expects not to return from.
func (l logger) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	l.db.fail(err)
	l.to.Error("state on disk", "folder", l.db.folder, "error", err)
}
