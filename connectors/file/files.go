package file

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/millrace/millrace/framework/connector"
)

// files is the connector.
type files struct {
	config  Config
	disk    disk
	journal int64 // bytes that a journal may have beyond twice those that are alive, before it is rewritten

	mu       sync.Mutex // guards what follows; held while an application's state is opened
	jobs     map[string]*job
	listed   map[string][]string // the files of each source, as they were when its topic was described last
	internal map[string]int32    // the partitions of internal topics that were created
}

func (f *files) Kind() string { return kind }

// Capabilities: a commit is one, for this process alone, and the next one.
func (f *files) Capabilities() connector.Capabilities {
	return connector.Capabilities{Atomic: true, Durable: true}
}

// Open joins the application's workers with one more. The first one takes its state.
func (f *files) Open(_ context.Context, c connector.WorkerConfig) (connector.Worker, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	j := f.jobs[c.Group]
	if j == nil || j.closed {
		var err error
		if j, err = openJob(f, c); err != nil {
			return nil, err
		}
		f.jobs[c.Group] = j
	}
	j.workers++
	w, err := newWorker(f, j, c)
	if err != nil {
		return nil, errors.Join(err, f.leave(j))
	}
	return w, nil
}

// left is told that a worker has closed.
func (f *files) left(j *job) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.leave(j)
}

// leave lets the state go with the last worker; f.mu is held.
func (f *files) leave(j *job) error {
	if j.workers--; j.workers > 0 {
		return nil
	}
	j.closed = true
	return j.release()
}

// list returns the files of a source, as they were when its topic was described last; f.mu is held.
func (f *files) list(topic string) ([]string, error) {
	if names := f.listed[topic]; names != nil {
		return names, nil
	}
	return sourceFiles(f.disk, topic)
}

// Admin returns the view of the topics.
func (f *files) Admin(context.Context) (connector.Admin, error) { return &admin{files: f}, nil }

// admin looks at files and at what applications in this process have committed.
type admin struct {
	files *files
	specs []connector.TopicSpec // as they were described last, to find the state by
}

func (a *admin) Close() error { return nil }

// Topics counts the files of sources; a sink has one partition, and internal topics are known when a worker is open.
func (a *admin) Topics(_ context.Context, topics []connector.TopicSpec) ([]connector.TopicInfo, error) {
	f := a.files
	f.mu.Lock()
	defer f.mu.Unlock()
	a.specs = topics
	infos := make([]connector.TopicInfo, len(topics))
	var faults []error
	sinks := 0
	for i, t := range topics {
		n, err := f.partitions(t)
		infos[i] = connector.TopicInfo{Name: t.Name, Partitions: n}
		faults = append(faults, err)
		if t.Role&connector.RoleSink != 0 {
			sinks++
		}
	}
	if sinks == 0 && f.config.State == "" {
		faults = append(faults, errNoState)
	}
	return infos, errors.Join(faults...)
}

func (f *files) partitions(t connector.TopicSpec) (int32, error) {
	switch {
	case t.Role.Internal():
		return f.internal[t.Name], nil
	case t.Configs[settingFault] != "":
		return 0, fmt.Errorf("topic %s: %s", t.Name, t.Configs[settingFault])
	case t.Role&connector.RoleSource != 0 && t.Role&connector.RoleSink != 0:
		return 0, fmt.Errorf("topic %s is read and written in one graph, and a source is files, a sink is a folder: use Repartition between the two", t.Name)
	case t.Role&connector.RoleSink != 0:
		return 1, f.checkSink(t)
	}
	names, err := sourceFiles(f.disk, t.Name)
	f.listed[t.Name] = names
	return int32(len(names)), err
}

func (f *files) checkSink(t connector.TopicSpec) error {
	switch c := t.Configs[settingCompress]; c {
	case "", compressGzip, compressZstd:
	default:
		return fmt.Errorf("topic %s: compression %q is not known: use gzip or zstd", t.Name, c)
	}
	switch info, err := f.disk.Stat(t.Name); {
	case err == nil && !info.IsDir():
		return fmt.Errorf("topic %s is a file, and a sink is a folder: name one that exists or can be made", t.Name)
	case err != nil && !fileMissing(err):
		return fmt.Errorf("topic %s: %w", t.Name, err)
	}
	return nil
}

// Create notes how many partitions internal topics get; they are made with the first commit, and the folders of sinks when
// the first worker opens.
func (a *admin) Create(_ context.Context, topics []connector.TopicSpec) error {
	a.files.mu.Lock()
	defer a.files.mu.Unlock()
	for _, t := range topics {
		if _, known := a.files.internal[t.Name]; t.Role.Internal() && !known {
			a.files.internal[t.Name] = t.Partitions
		}
	}
	return nil
}

// Ends returns where files end: the size of plain ones, as it was at the start if the run is bounded.
func (a *admin) Ends(_ context.Context, names []string) ([][]int64, error) {
	a.files.mu.Lock()
	defer a.files.mu.Unlock()
	all := make([][]int64, len(names))
	for i, name := range names {
		var err error
		if all[i], err = a.files.ends(name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// ends looks at an application that is open, else at the files themselves.
func (f *files) ends(topic string) (ends []int64, err error) {
	for _, j := range f.jobs {
		for p := range j.limits[topic] {
			end, err := j.end(topic, p)
			if err != nil {
				return nil, err
			}
			ends = append(ends, end)
		}
		for _, l := range j.topics.logs[topic] {
			ends = append(ends, l.Span().End)
		}
		if ends != nil {
			return ends, nil
		}
	}
	if n, ok := f.internal[topic]; ok {
		return make([]int64, n), nil
	}
	names, err := f.list(topic)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if compression(name) != "" {
			ends = append(ends, wholeEnd)
			continue
		}
		info, err := f.disk.Stat(name)
		if err != nil {
			return nil, err
		}
		ends = append(ends, info.Size())
	}
	return ends, nil
}

// Owners returns what the workers of this process read: no other one has the state folder meanwhile.
func (a *admin) Owners(_ context.Context, group string) (map[string]map[int32]string, error) {
	a.files.mu.Lock()
	j := a.files.jobs[group]
	a.files.mu.Unlock()
	if j == nil {
		return nil, nil
	}
	return j.group.Owners(), nil
}

// Committed returns what the application has committed, which is in its state folder where it does not run.
func (a *admin) Committed(_ context.Context, group string, names []string) ([][]connector.Position, error) {
	f := a.files
	f.mu.Lock()
	defer f.mu.Unlock()
	m, err := f.manifest(group, a.specs)
	if err != nil {
		return nil, err
	}
	all := make([][]connector.Position, len(names))
	for i, name := range names {
		if known := m.topic(name); known != nil {
			for _, p := range known.Positions {
				all[i] = append(all[i], connector.Position{Offset: p.Offset, Metadata: p.Metadata})
			}
			continue
		}
		if n, ok := f.internal[name]; ok {
			all[i] = none(int(n))
			continue
		}
		if known := m.files(name); known != nil {
			for _, file := range known.Files {
				all[i] = append(all[i], connector.Position{Offset: file.Position, Metadata: file.Metadata})
			}
			continue
		}
		listed, err := f.list(name)
		if err != nil {
			return nil, err
		}
		all[i] = none(len(listed))
	}
	return all, nil
}

// manifest returns what an application has committed; f.mu is held.
func (f *files) manifest(group string, specs []connector.TopicSpec) (*manifest, error) {
	if j := f.jobs[group]; j != nil && !j.closed {
		j.mu.Lock()
		defer j.mu.Unlock()
		return j.committed, nil
	}
	state, err := stateFolder(f.config.State, group, specs)
	if err != nil {
		return nil, err
	}
	m, err := readManifest(f.disk, state, group)
	if m == nil {
		m = &manifest{}
	}
	return m, err
}

// none is what is committed where nothing is.
func none(n int) []connector.Position {
	all := make([]connector.Position, n)
	for i := range all {
		all[i].Offset = -1
	}
	return all
}
