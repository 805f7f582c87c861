package engine

import (
	"math"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

// NoTime is the watermark of what has not spoken a time yet: lower than every time.
const NoTime = math.MinInt64

// Meta is what travels with a record beside its key and value. It belongs to the operator that hands it on and is
// reused for the next record: copy what is to be kept.
type Meta struct {
	Time    int64  // event time, ms since the epoch
	Birth   int64  // watermark of the record's source partition just before it was read, ms; NoTime: none yet
	Win     Window // zero: the record is in no window
	Headers []connector.Header

	Topic     string // where the record was read; for a result, the record that caused it
	Partition int32
	Offset    int64

	input *Input // whose current record this is; nil: it comes from elsewhere, and held says from where
	held  *held
	fed   bool // it came through a loop

	NoKey   bool // the record has no key: its key is the zero value and says nothing
	Deleted bool // a tombstone: its value is the zero value and says nothing
}

// Fetched says that the record comes straight from a partition whose offsets are committed.
func (m *Meta) Fetched() bool { return m.input != nil && m.held == nil && !m.input.Receipts }

// FedBack says that the record came through a loop.
func (m *Meta) FedBack() bool { return m.fed }

// Bounds returns where the window starts and ends, ms since the epoch.
func (w Window) Bounds() (start, end int64) { return w.start, w.end }

// Window is a span of event time: [start, end) for time windows, both ends inclusive for session and sliding windows.
type Window struct{ start, end int64 }

// NewWindow returns the window from start to end, in ms since the epoch.
func NewWindow(start, end int64) Window { return Window{start, end} }

// Start returns where the window begins.
func (w Window) Start() time.Time { return time.UnixMilli(w.start).UTC() }

// End returns where the window ends.
func (w Window) End() time.Time { return time.UnixMilli(w.end).UTC() }

// begin makes m that of a record just read. All fields are set, one by one: a literal would be built and then copied.
func (m *Meta) begin(in *Input, r *connector.Record) {
	m.Time, m.Birth, m.Win, m.Headers = r.Time, in.Birth(), Window{}, r.Headers
	if in.Upstream > 0 {
		m.Birth = r.Time // what is later carries it
	}
	m.Topic, m.Partition, m.Offset = in.Name, in.Partition, r.Offset
	m.input, m.held, m.fed = in, nil, false
	m.NoKey, m.Deleted = r.Key == nil, r.Value == nil
}
