package file

import (
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
)

// Settings of a topic, as they stand in its specification.
const (
	settingFormat   = "format"
	settingCompress = "compress"
	settingBytes    = "bytes"
	settingFault    = "fault" // what is wrong with its type, to be said at the start
)

const (
	formatLines = "lines"
	formatJSON  = "jsonl"
	formatCSV   = "csv"

	compressGzip = "gzip"
	compressZstd = "zstd"
)

// Lines returns the lines of text files: a file or pattern as a source, a folder as a sink. A line that is not valid UTF-8 is an undecodable
// record (see framework.Topic.OnBadRecord), unless AnyBytes is given. A value that holds a newline cannot be written.
func Lines(path string, options ...Option) framework.Topic[framework.None, string] {
	spec := specOf(path, formatLines, options)
	lines := utf8Lines
	if spec.Configs[settingBytes] != "" {
		lines = codec.String
	}
	return framework.NewTopic(factory, spec, codec.None, lines)
}

// JSONLines returns files with a JSON value in each line, by codec.JSON: a file or pattern as a source, a folder as a sink.
// Empty lines are passed over.
func JSONLines[V any](path string, options ...Option) framework.Topic[framework.None, V] {
	return framework.NewTopic(factory, specOf(path, formatJSON, options), codec.None, codec.JSON[V]())
}

// CSV returns files of comma-separated values whose first row names the columns: a file or pattern as a source, a folder as a sink.
// V is a struct whose fields are bound to columns by name, or by the tag `csv:"name"`. Columns may come in any order, those
// that V does not have are passed over; a column that is missing makes each row an undecodable record.
// A row may span lines within quotes. Empty lines are passed over.
func CSV[V any](path string, options ...Option) framework.Topic[framework.None, V] {
	spec, values := specOf(path, formatCSV, options), newRows[V]()
	if values.fault != nil {
		spec.Configs[settingFault] = values.fault.Error()
	}
	return framework.NewTopic(factory, spec, codec.None, values)
}

// Option is an option of a topic.
type Option func(*connector.TopicSpec)

// Compress makes a sink write compressed parts: "gzip" (part-000001.txt.gz) or "zstd" (part-000001.txt.zst). Each commit ends a gzip member or
// zstd frame. What is read is compressed if its name says so, by .gz or .zst.
func Compress(by string) Option { return setting(settingCompress, by) }

// AnyBytes makes Lines pass lines that are not valid UTF-8.
func AnyBytes() Option { return setting(settingBytes, "any") }

func setting(name, value string) Option {
	return func(s *connector.TopicSpec) { s.Configs[name] = value }
}

func specOf(path, format string, options []Option) connector.TopicSpec {
	spec := connector.TopicSpec{Name: path, Configs: map[string]string{settingFormat: format}}
	for _, o := range options {
		o(&spec)
	}
	return spec
}

// A file has one time for all its records.
var factory = connector.Factory{Kind: kind, New: fromEnvironment, Timeless: true}

// formatOf returns the format of a topic; one that was made elsewhere is lines.
func formatOf(spec connector.TopicSpec) string {
	if f := spec.Configs[settingFormat]; f != "" {
		return f
	}
	return formatLines
}
