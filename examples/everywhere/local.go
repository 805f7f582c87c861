package everywhere

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/connectors/file"
	"github.com/millrace/millrace/connectors/memory"
	"github.com/millrace/millrace/framework/connector"
)

// inMemory is topics in the memory of the process.
type inMemory struct{ c *memory.Connector }

func (m inMemory) connector() connector.Connector { return m.c }
func (m inMemory) application() string            { return "everywhere" }

func (m inMemory) write(_ context.Context, topic string, at time.Time, partitions [][]string) error {
	if err := m.c.CreateTopic(topic, len(partitions)); err != nil {
		return err
	}
	for p, values := range partitions {
		for _, v := range values {
			if err := m.c.Append(topic, int32(p), connector.Record{Time: at.UnixMilli(), Value: []byte(v)}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m inMemory) read(_ context.Context, topic string) (values []string, err error) {
	for _, l := range m.c.Logs(topic) {
		for next := l.Span().Start; next < l.Span().End; {
			records, _ := l.Snapshot().Read(make([]connector.Record, 0, 100), next, 1<<20)
			for _, r := range records {
				values = append(values, string(r.Value))
				next = r.Offset + 1
			}
		}
	}
	return values, nil
}

// folder is topics in a folder: files of JSON lines in a folder of the topic's name.
type folder struct{ root string }

func (f *folder) source(topic string) string { return filepath.Join(f.root, topic, "*.jsonl") }
func (f *folder) sink(topic string) string   { return filepath.Join(f.root, topic) }
func (f *folder) application() string        { return "everywhere" }

func (f *folder) connector() connector.Connector {
	return file.New(file.Config{State: filepath.Join(f.root, "state")})
}

// write makes a file of each partition; what is in it happened when the file was modified.
func (f *folder) write(_ context.Context, topic string, at time.Time, partitions [][]string) error {
	if err := os.MkdirAll(f.sink(topic), 0o755); err != nil {
		return err
	}
	for p, values := range partitions {
		name := filepath.Join(f.sink(topic), fmt.Sprint(p, ".jsonl"))
		if err := os.WriteFile(name, []byte(strings.Join(values, "\n")+"\n"), 0o644); err != nil {
			return err
		}
		if err := os.Chtimes(name, at, at); err != nil {
			return err
		}
	}
	return nil
}

func (f *folder) read(_ context.Context, topic string) (values []string, err error) {
	parts, err := filepath.Glob(f.source(topic))
	if err != nil {
		return nil, err
	}
	slices.Sort(parts)
	for _, name := range parts {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		values = append(values, strings.Fields(string(content))...)
	}
	return values, nil
}
