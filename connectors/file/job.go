package file

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"github.com/gofrs/flock"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/connector/local"
)

// job is an application that runs in this process: what it has committed, and what its workers share.
type job struct {
	disk        disk
	application string
	state       string
	group       *local.Group
	topics      *topics
	limits      map[string][]int64 // of the files of each source; -1: it may grow
	workers     int                // that are open; guarded by the connector's mu
	closed      bool               // likewise

	mu        sync.Mutex // guards what follows; taken after the group's lock and before those of logs
	locks     []*flock.Flock
	committed *manifest
	next      map[string]int  // the number of the next part, by folder
	unclaimed map[string]bool // folders of sinks that another application had at the start
	broken    error           // of a commit, after which it is not known what is committed
}

// openJob takes the state of an application, mends what a crash has left, and finds where it goes on.
func openJob(f *files, c connector.WorkerConfig) (*job, error) {
	state, err := stateFolder(f.config.State, c.Group, c.Topics)
	if err != nil {
		return nil, err
	}
	j := &job{
		disk: f.disk, application: c.Group, state: state, group: local.NewGroup(), limits: map[string][]int64{}, next: map[string]int{},
		unclaimed: map[string]bool{}, topics: &topics{disk: f.disk, state: state, logs: map[string][]*local.Log{}, most: f.journal},
	}
	if err := j.begin(f, c); err != nil {
		return nil, errors.Join(err, j.release())
	}
	return j, nil
}

// begin takes the state.
func (j *job) begin(f *files, c connector.WorkerConfig) error {
	if err := j.disk.MakeFolder(j.state); err != nil {
		return fmt.Errorf("make the state folder: %w", err)
	}
	l, err := lockFile(filepath.Join(j.state, "lock"), "the state folder "+j.state)
	if err != nil {
		return err
	}
	j.locks = append(j.locks, l)
	m, err := readManifest(j.disk, j.state, c.Group)
	if err != nil {
		return err
	}
	if m == nil {
		m = &manifest{Version: manifestVersion, Application: c.Group}
	}
	j.committed = m
	return j.mend(f, c)
}

// mend brings what is on disk and what is committed together.
func (j *job) mend(f *files, c connector.WorkerConfig) error {
	m := j.committed.clone()
	for i, t := range c.Topics {
		var err error
		switch {
		case t.Role.Internal():
			continue
		case slices.ContainsFunc(c.Sources, func(s connector.Source) bool { return s.Topic == int32(i) }):
			err = j.source(m, f, c, int32(i))
		case t.Role&connector.RoleSink != 0:
			err = j.sink(m, filepath.Clean(t.Name))
		}
		if err != nil {
			return err
		}
	}
	if err := j.finishParts(m); err != nil {
		return err
	}
	if err := j.topics.load(m); err != nil {
		return err
	}
	if err := j.internal(m, f, c.Topics); err != nil {
		return err
	}
	if m.Log.Length > min(rewriteAtStart, f.journal)+2*j.topics.bytes() {
		if err := j.compact(m); err != nil {
			return err
		}
	}
	j.committed = m
	return j.sweep(m)
}

// sink takes the folder of a sink. Where another application has it, that is no fault before something is written to it.
func (j *job) sink(m *manifest, folder string) error {
	known := m.sink(folder)
	j.next[folder] = known.Next
	l, err := claim(j.disk, folder, j.application, known)
	if errors.Is(err, errInUse) {
		j.unclaimed[folder] = true
		return nil
	}
	if err == nil {
		j.locks = append(j.locks, l)
	}
	return err
}

// part returns the number of the next part in a folder.
func (j *job) part(folder string) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.unclaimed[folder] {
		l, err := claim(j.disk, folder, j.application, j.committed.sink(folder))
		if err != nil {
			return 0, err
		}
		j.locks = append(j.locks, l)
		delete(j.unclaimed, folder)
	}
	n := j.next[folder]
	j.next[folder]++
	return n, nil
}

// finishParts finishes all parts that were written when the application ended, with what of them is committed.
func (j *job) finishParts(m *manifest) error {
	open := false
	for _, s := range m.Sinks {
		for _, p := range s.Parts {
			if p.Finished {
				continue
			}
			if err := j.truncate(s.Folder, p); err != nil {
				return err
			}
			p.Finished, open = true, true
		}
	}
	if open {
		if err := m.save(j.disk, j.state); err != nil {
			return err
		}
	}
	for _, s := range m.Sinks {
		for _, p := range s.Parts {
			if err := finish(j.disk, s.Folder, p.Name); err != nil {
				return err
			}
		}
		s.Parts = nil
	}
	return nil
}

// truncate takes off what was written and not committed.
func (j *job) truncate(folder string, p *partEntry) (err error) {
	name := hidden(folder, p.Name)
	f, err := j.disk.Open(name, openReadWrite)
	if err != nil {
		return fmt.Errorf("the part %s with %d committed bytes cannot be finished: %w", name, p.Length, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < p.Length {
		return fmt.Errorf("the part %s has %d bytes and %d were committed: somebody cut it short, or the disk lost them", name, info.Size(), p.Length)
	}
	if err := f.Truncate(p.Length); err != nil {
		return err
	}
	return f.Sync()
}

// internal compares the internal topics that are known with those of the graph.
func (j *job) internal(m *manifest, f *files, specs []connector.TopicSpec) error {
	for _, spec := range specs {
		if !spec.Role.Internal() {
			continue
		}
		known, wanted := m.topic(spec.Name), f.internal[spec.Name]
		switch {
		case known == nil && wanted == 0:
			return fmt.Errorf("internal topic %s does not exist: create it first", spec.Name)
		case known == nil:
			known = &internal{Topic: spec.Name, Changelog: spec.Role&connector.RoleChangelog != 0, Positions: make([]position, wanted)}
			for p := range known.Positions {
				known.Positions[p].Offset = -1
			}
			m.Internal = append(m.Internal, known)
			j.topics.add(spec, wanted)
		case wanted > 0 && int(wanted) != len(known.Positions):
			return fmt.Errorf("internal topic %s has %d partitions and the graph needs %d: the number of source files changed, or the one that is set for repartitions, and state is divided by it; use another application name, or remove %s and what was written to begin anew",
				spec.Name, len(known.Positions), wanted, j.state)
		}
		for p, at := range known.Positions {
			if at.Offset >= 0 {
				j.group.SetCommitted(spec.Name, int32(p), at.Offset, at.Metadata)
			}
		}
	}
	return nil
}

// compact writes what is alive of the internal topics to a new journal.
func (j *job) compact(m *manifest) error {
	if err := j.topics.rewrite(m); err != nil {
		return err
	}
	if err := j.topics.journal.Sync(); err != nil {
		return err
	}
	return m.save(j.disk, j.state)
}

// sweep deletes journals that are no longer used.
func (j *job) sweep(m *manifest) error {
	entries, err := j.disk.List(j.state)
	if err != nil {
		return err
	}
	for _, e := range entries {
		var number int
		if _, err := fmt.Sscanf(e.Name(), "internal-%d.log", &number); err != nil || number == m.Log.Number || e.Name() != journalName(number) {
			continue
		}
		if err := j.disk.Remove(filepath.Join(j.state, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// save commits a change of the manifest; then is called when it is committed.
func (j *job) save(change func(m *manifest) error, then func()) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	m := j.committed.clone()
	err := change(m)
	if err == nil {
		err = m.save(j.disk, j.state)
	}
	if err != nil {
		j.broken = fmt.Errorf("commit to the state folder %s: %w; what was committed before stands, start again when it is mended", j.state, err)
		return j.broken
	}
	old := j.committed.Log.Number
	j.committed = m
	then()
	if old == 0 || old == m.Log.Number {
		return nil
	}
	return j.disk.Remove(filepath.Join(j.state, journalName(old)))
}

// finished says whether a part is committed as finished.
func (j *job) finished(folder, name string) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := j.committed.sink(folder).part(name)
	return e != nil && e.Finished
}

// named forgets a part that has its final name, from the next commit on.
func (j *job) named(folder, name string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := j.committed.sink(folder)
	s.Parts = slices.DeleteFunc(s.Parts, func(p *partEntry) bool { return p.Name == name })
}

// release lets the files of the state go.
func (j *job) release() error {
	err := j.topics.close()
	for _, l := range slices.Backward(j.locks) {
		err = errors.Join(err, l.Close())
	}
	return err
}
