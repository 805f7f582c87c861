package file

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
)

const manifestVersion = 1

// manifest is what is committed: all that a start needs. What files hold beyond it does not count.
type manifest struct {
	Version     int         `json:"version"`
	Application string      `json:"application"`
	Sources     []*fileSet  `json:"sources,omitempty"`
	Sinks       []*partSet  `json:"sinks,omitempty"`
	Internal    []*internal `json:"internal,omitempty"`
	Log         logFile     `json:"log"`
}

// fileSet is the files of one source, by partition.
type fileSet struct {
	Topic string       `json:"topic"`
	Files []*inputFile `json:"files"`
}

// inputFile is how far a file was read, and what it looked like.
type inputFile struct {
	Path     string `json:"path"`
	Position int64  `json:"position"` // -1: nothing is committed
	Metadata string `json:"metadata,omitempty"`
	Time     int64  `json:"time"` // of its records, ms since the epoch
	Look     look   `json:"look"`
}

// partSet is the parts of one sink that are not under their final names for certain.
type partSet struct {
	Folder string       `json:"folder"`
	Next   int          `json:"next"` // the number of the next part
	Parts  []*partEntry `json:"parts,omitempty"`
}

// partEntry is a part that is written, or finished and to be renamed.
type partEntry struct {
	Name     string `json:"name"` // its final one
	Length   int64  `json:"length"`
	Finished bool   `json:"finished,omitempty"`
}

// internal is an internal topic.
type internal struct {
	Topic     string     `json:"topic"`
	Changelog bool       `json:"changelog,omitempty"`
	Positions []position `json:"positions"` // by partition
}

// position is how far a partition of an internal topic was read.
type position struct {
	Offset   int64  `json:"offset"` // -1: nothing is committed
	Metadata string `json:"metadata,omitempty"`
}

// logFile is the file of the internal topics' records.
type logFile struct {
	Number int   `json:"number"`
	Length int64 `json:"length"`
}

const manifestName = "manifest.json"

// readManifest returns the manifest in a state folder, nil where there is none.
func readManifest(d disk, state, application string) (*manifest, error) {
	name := filepath.Join(state, manifestName)
	content, err := readWhole(d, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the state of application %s: %w", application, err)
	}
	m := &manifest{}
	switch err := json.Unmarshal(content, m); {
	case err != nil:
		return nil, fmt.Errorf("%s is damaged: %w; put a copy back, or remove the folder and what was written, to begin anew", name, err)
	case m.Version != manifestVersion:
		return nil, fmt.Errorf("%s has version %d and this program knows %d: use the program that wrote it, or a newer one", name, m.Version, manifestVersion)
	case m.Application != application:
		return nil, fmt.Errorf("%s is the state of application %s, not of %s: set another folder in file.Config.State", name, m.Application, application)
	}
	return m, nil
}

// save replaces the manifest. After an error it is not known which of the two is there.
func (m *manifest) save(d disk, state string) error {
	content, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	name := filepath.Join(state, manifestName)
	aside := filepath.Join(state, "manifest.tmp")
	if err := writeAside(d, aside, content); err != nil {
		return err
	}
	if err := d.Rename(aside, name); err != nil {
		return err
	}
	return syncFolder(d, state)
}

// clone returns a copy that shares nothing that a commit changes.
func (m *manifest) clone() *manifest {
	c := *m
	c.Sources = cloneAll(m.Sources, func(s *fileSet) { s.Files = cloneAll(s.Files, func(*inputFile) {}) })
	c.Sinks = cloneAll(m.Sinks, func(s *partSet) { s.Parts = cloneAll(s.Parts, func(*partEntry) {}) })
	c.Internal = cloneAll(m.Internal, func(i *internal) { i.Positions = slices.Clone(i.Positions) })
	return &c
}

func cloneAll[T any](from []*T, deeper func(*T)) []*T {
	to := make([]*T, len(from))
	for i, v := range from {
		c := *v
		deeper(&c)
		to[i] = &c
	}
	return to
}

// files returns the files of a source, nil where it is not known.
func (m *manifest) files(topic string) *fileSet {
	return find(m.Sources, func(s *fileSet) bool { return s.Topic == topic })
}

// sink returns the parts of a folder, which it adds where it is not known.
func (m *manifest) sink(folder string) *partSet {
	s := find(m.Sinks, func(s *partSet) bool { return s.Folder == folder })
	if s == nil {
		s = &partSet{Folder: folder, Next: 1}
		m.Sinks = append(m.Sinks, s)
	}
	return s
}

// part returns an entry, nil where it is not listed.
func (s *partSet) part(name string) *partEntry {
	return find(s.Parts, func(p *partEntry) bool { return p.Name == name })
}

// topic returns an internal topic, nil where it is not known.
func (m *manifest) topic(name string) *internal {
	return find(m.Internal, func(i *internal) bool { return i.Topic == name })
}

func find[T any](all []*T, is func(*T) bool) *T {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i]
	}
	return nil
}
