package file

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/millrace/millrace/framework/connector"
)

// stateFolder returns where the state of an application is.
func stateFolder(configured, application string, specs []connector.TopicSpec) (string, error) {
	if configured != "" {
		return filepath.Join(configured, application), nil
	}
	for _, s := range specs {
		if s.Role&connector.RoleSink != 0 {
			return filepath.Join(s.Name, ".millrace-"+application), nil
		}
	}
	return "", errNoState
}

var errNoState = errors.New("the graph writes no files, so that there is no folder for its state: set one in file.Config.State (FILE_STATE)")

// source lists the files of a source: those that are known keep their partitions, new ones follow by name.
func (j *job) source(m *manifest, f *files, c connector.WorkerConfig, topic int32) error {
	spec := c.Topics[topic]
	names, err := f.list(spec.Name)
	if err != nil {
		return err
	}
	set := m.files(spec.Name)
	if set == nil {
		set = &fileSet{Topic: spec.Name}
		m.Sources = append(m.Sources, set)
	}
	skip := slices.ContainsFunc(c.Sources, func(s connector.Source) bool { return s.Topic == topic && s.SkipGap })
	var gone error
	set.Files = slices.DeleteFunc(set.Files, func(i *inputFile) bool {
		if slices.Contains(names, i.Path) {
			return false
		}
		if i.Position >= 0 && !i.finished() && !skip {
			gone = errors.Join(gone, &gap{path: i.Path, what: "vanished, and a part of it was read"})
		}
		return true
	})
	if gone != nil {
		return gone
	}
	for _, name := range names {
		if err := notWritten(name, c.Topics); err != nil {
			return err
		}
		if !slices.ContainsFunc(set.Files, func(i *inputFile) bool { return i.Path == name }) {
			set.Files = append(set.Files, &inputFile{Path: name, Position: -1})
		}
	}
	return j.measure(set, c.Bounded)
}

// finished says that nothing of the file is left to be read, as far as was seen: it may be moved away.
func (i *inputFile) finished() bool { return i.Position >= wholeEnd || i.Position >= i.Look.Size }

// notWritten refuses a source in the folder of a sink: the next run would read what this one writes.
func notWritten(name string, topics []connector.TopicSpec) error {
	folder, err := filepath.Abs(filepath.Dir(name))
	if err != nil {
		return err
	}
	for _, t := range topics {
		sink, err := filepath.Abs(t.Name)
		if err != nil {
			return err
		}
		if t.Role&connector.RoleSink != 0 && sink == folder {
			return fmt.Errorf("file %s is read, and its folder is written by the same graph: the next start would read what this one wrote; write to another folder", name)
		}
	}
	return nil
}

// measure fixes where files end, and the time of the records of new ones.
func (j *job) measure(set *fileSet, bounded bool) error {
	limits := make([]int64, len(set.Files))
	for p, i := range set.Files {
		info, err := j.disk.Stat(i.Path)
		if err != nil {
			return fmt.Errorf("the source %s: %w", set.Topic, err)
		}
		if i.Time == 0 {
			i.Time = max(1, info.ModTime().UnixMilli())
		}
		if i.Position >= 0 {
			j.group.SetCommitted(set.Topic, int32(p), i.Position, i.Metadata)
		}
		if limits[p] = -1; bounded {
			limits[p] = info.Size()
		}
	}
	j.limits[set.Topic] = limits
	return nil
}

// file returns what is committed of a partition of a source.
func (j *job) file(topic string, partition int) inputFile {
	j.mu.Lock()
	defer j.mu.Unlock()
	return *j.committed.files(topic).Files[partition]
}

// end returns where a partition of a source ends.
func (j *job) end(topic string, partition int) (int64, error) {
	file, limit := j.file(topic, partition), j.limits[topic][partition]
	if compression(file.Path) != "" {
		return wholeEnd, nil
	}
	if limit >= 0 {
		return limit, nil
	}
	info, err := j.disk.Stat(file.Path)
	if err != nil {
		return 0, missing(file.Path, err, true)
	}
	return info.Size(), nil
}
