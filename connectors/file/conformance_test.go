package file_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/millrace/millrace/connectors/file"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/frameworktest"
)

// place is a folder with a folder for each topic.
type place struct{ folder string }

func (p place) open() connector.Connector {
	return file.New(file.Config{State: filepath.Join(p.folder, "state")})
}

func (p place) file(topic string, partition int32) string {
	return strings.Replace(topic, "*", fmt.Sprintf("%03d", partition), 1)
}

func (p place) source(name string, partitions int32) (string, error) {
	topic := filepath.Join(p.folder, name, "*.txt")
	for i := range partitions {
		if err := errors.Join(os.MkdirAll(filepath.Dir(topic), 0o755), os.WriteFile(p.file(topic, i), nil, 0o644)); err != nil {
			return "", err
		}
	}
	return topic, nil
}

func (p place) put(topic string, partition int32, records ...connector.Record) error {
	f, err := os.OpenFile(p.file(topic, partition), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	for _, r := range records {
		_, err = fmt.Fprintf(f, "%s\n", r.Value)
	}
	return errors.Join(err, f.Close())
}

func (p place) take(topic string) ([][]connector.Record, error) {
	entries, err := os.ReadDir(topic)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	records := []connector.Record{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(topic, e.Name()))
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(content)) {
			records = append(records, connector.Record{Offset: int64(len(records)), Value: []byte(strings.TrimSuffix(line, "\n"))})
		}
	}
	return [][]connector.Record{records}, err
}

func TestTheConnectorConforms(t *testing.T) {
	const text = "a line of text is a value and nothing else"
	frameworktest.Conformance(t, frameworktest.Connector{
		Without: map[frameworktest.Feature]string{
			frameworktest.Keys: text, frameworktest.Headers: text, frameworktest.Times: "a file has one time", frameworktest.NullValues: text,
			frameworktest.Expelling: "the workers of a group are in one process, which throws none out",
		},
		Open: func(tb testing.TB) frameworktest.Place {
			p := place{tb.TempDir()}
			return frameworktest.Place{
				Connector: p.open(), Reopen: p.open, Source: p.source, Put: p.put, Take: p.take,
				Sink: func(name string) string { return filepath.Join(p.folder, name) },
			}
		},
	})
}
