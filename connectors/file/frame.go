package file

import (
	"bytes"
	"fmt"

	"github.com/millrace/millrace/framework/connector"
)

// frame is the places of records in a block.
type frame struct {
	records []connector.Record
	bytes   int   // of the block that these records took, ends of lines included
	long    int64 // the position of a line that is too long, -1 where there is none
}

// framing says where records begin and end in a file.
type framing struct {
	format string
	most   int    // bytes of a line
	header []byte // of CSV: the row that names the columns, once it is known
	body   int64  // of CSV: where the row after that begins
}

// cut finds records in a block that begins at a position, as many as the slice has room for. ended: the block's end is the
// end of a line.
func (f *framing) cut(records []connector.Record, block []byte, at, time int64, ended bool) frame {
	fr := frame{records: records, long: -1}
	for fr.bytes < len(block) && len(fr.records) < cap(fr.records) {
		rest := block[fr.bytes:]
		n := f.length(rest)
		if n < 0 {
			if len(rest) > f.most+len("\r\n") {
				fr.long = at + int64(fr.bytes)
				return fr
			}
			if !ended {
				return fr
			}
			n = len(rest)
		}
		line := trim(rest[:n])
		if len(line) > f.most {
			fr.long = at + int64(fr.bytes)
			return fr
		}
		if f.format == formatJSON && at == 0 && fr.bytes == 0 {
			line = bytes.TrimPrefix(line, byteOrderMark)
		}
		fr.bytes += n
		end := at + int64(fr.bytes)
		r := connector.Record{Offset: end - 1, Time: time, Value: line}
		if f.passOver(line, end) {
			r.Value, r.Control = nil, true
		}
		fr.records = append(fr.records, r)
	}
	return fr
}

// passOver says that a line is no record.
func (f *framing) passOver(line []byte, end int64) bool {
	switch f.format {
	case formatJSON:
		return len(bytes.TrimSpace(line)) == 0
	case formatCSV:
		return len(line) == 0 || end <= f.body
	}
	return false
}

// length returns the bytes of the next line with its end, -1 where it does not end here.
func (f *framing) length(b []byte) int {
	n := bytes.IndexByte(b, '\n') + 1
	if n == 0 {
		return -1
	}
	if f.format != formatCSV || bytes.IndexByte(b[:n], '"') < 0 {
		return n
	}
	return rowLength(b)
}

// rowLength returns the bytes of a CSV row with its end, which is no newline within quotes; -1 where it does not end
// here. A quote opens only at the beginning of a field, as encoding/csv has it, so that a stray one spoils one row.
func rowLength(b []byte) int {
	start, quoted := true, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '"':
			if i+1 < len(b) && b[i+1] == '"' {
				i++
			} else {
				quoted = false
			}
		case quoted:
		case c == '\n':
			return i + 1
		case c == '"' && start:
			quoted, start = true, false
		default:
			start = c == ','
		}
	}
	return -1
}

// trim takes the end off a line.
func trim(line []byte) []byte {
	n := len(line)
	if n > 0 && line[n-1] == '\n' {
		n--
		if n > 0 && line[n-1] == '\r' {
			n--
		}
	}
	return line[:n:n]
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// tooLong is the error about a line at a position.
func (f *framing) tooLong(path string, at int64) error {
	what := "line"
	if f.format == formatCSV {
		what = "row (a quote that is not closed makes one of all that follows)"
	}
	return fmt.Errorf("file %s, byte %d: the %s has more than %d bytes: raise file.Config.MaxLineBytes if it is meant to", path, at, what, f.most)
}
