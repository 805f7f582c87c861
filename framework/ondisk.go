package framework

import (
	"path/filepath"

	"github.com/millrace/millrace/framework/internal/engine"
	"github.com/millrace/millrace/framework/state"
	"github.com/millrace/millrace/framework/state/disk"
)

// openState opens the folder of the application's stores, nil where they are in memory, and returns what is left of the budget.
func (c Config) openState() (folder *disk.DB, budget int64, err error) {
	budget = c.budget()
	if c.StateDir == "" {
		return nil, budget, nil
	}
	half := budget / 2
	folder, err = disk.Open(filepath.Join(c.StateDir, c.Name), disk.Options{App: c.Name, MemoryBytes: half, Logger: c.Logger})
	return folder, budget - half, err
}

// stateError ends the making of a task whose store cannot be opened.
type stateError struct{ error }

// mirrored is a store in memory that a folder has a copy of.
type mirrored struct {
	engine.Store
	state.Mirror
}

// mirror has the folder keep a copy of a store that is in memory, where the application has one, and what windows are not used.
func (o *opening) mirror(s engine.Store, kind string) engine.Store {
	if o.env.Disk == nil {
		return s
	}
	content := o.open(s.Name(), kind)
	if windows, ok := s.(*state.Windows); ok {
		windows.PutsAside(content.Aside())
	}
	return mirrored{s, state.NewMirror(content)}
}

// keep has a table keep its content on disk, where the application does. That of a stage is mirrored: what the folder has got it learns from
// its worker, which has another goroutine.
func (o *opening) keep(s engine.Store, onDisk func(*disk.Store), kind string) engine.Store {
	if o.env.Disk == nil || o.staged {
		return o.mirror(s, kind)
	}
	onDisk(o.open(s.Name(), kind))
	return s
}

// open opens what the folder has of a store.
func (o *opening) open(name, kind string) *disk.Store {
	content, err := o.env.Disk.Open(name, o.env.Partition, kind)
	if err != nil {
		panic(stateError{err})
	}
	return content
}
