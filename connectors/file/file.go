// Package file connects topologies with files: lines, JSON lines and CSV rows, plain or compressed. Reading files, writing
// files and everything between is exactly-once: whenever the process ends, however it ends, the files that are written are
// what one run without a fault would have written, once it has run to its end.
//
// # Reading
//
// A source is one file or a pattern ("in/*.txt"). A partition is a file: those that are known from an earlier run keep their
// order, new ones follow sorted by name. Files that appear while the application runs are read from its next start on; a file
// that was read to its end may be moved away between two runs. A graph that groups or keeps state fixes the number of source
// files at its first start.
// The offset of a record is the position of the last byte of its line in the uncompressed file, its newline included, so that
// the offset to read next is where the next line begins. The time of a record is when its file was last modified, as it was when
// the application first saw the file.
//
// Lines end with \n or \r\n. A bounded run reads what a file holds at its start, a last line without newline included; a run
// without end looks for more four times a second, and waits for the end of a line. A compressed file is read to its end once.
//
// # Writing
//
// A sink is a folder with numbered files, part-000001.txt and so on, each of which is whole: while a part is written its name begins
// with a dot. One folder belongs to one application.
//
// # State
//
// Positions, the list of parts, and the internal topics of an application are in its state folder, see [Config]. A commit
// writes and syncs parts and internal topics, and then replaces one file, the manifest, which says how much of everything counts.
package file

import (
	"time"

	"github.com/millrace/millrace/framework/connector"
)

const kind = "file"

// Config says where the state is and how files are read and written. The zero value works for graphs that have a sink.
type Config struct {
	// State is the folder in which each application has one, of its name, for positions and internal topics. Empty: that is the
	// folder .millrace-<application> in the folder of the graph's first sink. One process at a time can run an application.
	State string
	// PartBytes is the size at which a part of a sink is finished and the next one begun; 0: 64 MiB.
	PartBytes int64
	// PartInterval is the age at which a part is finished, with the next commit; 0: 1 min.
	PartInterval time.Duration
	// MaxLineBytes is the length of the longest line, or CSV row, that is read; 0: 64 MiB. A longer one is an error.
	MaxLineBytes int
}

// New returns a connector for framework.Config.Connectors.
func New(c Config) connector.Connector { return open(c, system{}) }

func open(c Config, d disk) *files {
	if c.PartBytes <= 0 {
		c.PartBytes = 64 << 20
	}
	if c.PartInterval <= 0 {
		c.PartInterval = time.Minute
	}
	if c.MaxLineBytes <= 0 {
		c.MaxLineBytes = 64 << 20
	}
	return &files{
		config: c, disk: d, journal: rewriteRunning,
		jobs: map[string]*job{}, listed: map[string][]string{}, internal: map[string]int32{},
	}
}

// fromEnvironment makes the connector for framework.Main.
func fromEnvironment(getenv func(string) string) (connector.Connector, error) {
	return New(Config{State: getenv("FILE_STATE")}), nil
}
