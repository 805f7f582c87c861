package engine

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/millrace/millrace/framework/connector"
)

// frontier is what a partition of a repartition topic knows of the tasks that write it. It is immutable: a control record
// makes another one.
type frontier struct {
	at        []int64 // watermark by upstream task; NoTime: it has not spoken
	idleBy    []bool
	endedBy   []bool
	watermark int64 // of the partition: the lowest of those that are not idle; it never falls
	idle      bool  // all of them are idle
}

func newFrontier(n int) *frontier {
	f := &frontier{at: make([]int64, n), idleBy: make([]bool, n), endedBy: make([]bool, n), watermark: NoTime}
	for u := range f.at {
		f.at[u] = NoTime
	}
	return f
}

// restored returns the frontier that was committed.
func (f *frontier) restored(times Times) *frontier {
	next := newFrontier(len(f.at))
	copy(next.at, times.At)
	copy(next.idleBy, times.Idle)
	next.sum()
	return next
}

// heard returns the frontier after a control record.
func (f *frontier) heard(c control) *frontier {
	n := max(len(f.at), int(c.task)+1) // more upstream tasks than before: those have not spoken
	next := newFrontier(n)
	copy(next.at, f.at)
	copy(next.idleBy, f.idleBy)
	copy(next.endedBy, f.endedBy)
	next.watermark = f.watermark
	next.at[c.task] = max(next.at[c.task], c.watermark)
	next.idleBy[c.task], next.endedBy[c.task] = c.idle, c.ended
	next.sum()
	return next
}

func (f *frontier) sum() {
	lowest := int64(EndOfInput)
	f.idle = true
	for u, at := range f.at {
		if f.endedBy[u] {
			at = EndOfInput
		} else if f.idleBy[u] {
			continue
		}
		f.idle = false
		lowest = min(lowest, at)
	}
	if !f.idle {
		f.watermark = max(f.watermark, lowest)
	}
}

// times returns what is committed: the end of an upstream task is no time.
func (f *frontier) times() Times { return Times{At: f.at, Idle: f.idleBy} }

// control is a watermark that an upstream task sends to each partition of a repartition topic: all that it made of records
// that it read before lies before it.
type control struct {
	task, of    uint32 // upstream task, and how many there are
	watermark   int64  // ms; NoTime: not known
	idle, ended bool
}

// What the reserved header begins with: a control record, or what a data record carries.
const (
	headControl  = 0
	headBirth    = 1 // varint: its birth watermark less its time, ms
	headWindow   = 2 // varints: the window's start and end, ms
	controlIdle  = 1
	controlEnded = 2
)

func (c control) append(dst []byte) []byte {
	dst = append(dst, headControl)
	dst = binary.AppendUvarint(dst, uint64(c.task))
	dst = binary.AppendUvarint(dst, uint64(c.of))
	dst = binary.AppendVarint(dst, c.watermark)
	var flags byte
	if c.idle {
		flags |= controlIdle
	}
	if c.ended {
		flags |= controlEnded
	}
	return append(dst, flags)
}

var errReserved = errors.New(`a record of a repartition topic has a header "mr" that is not this framework's: some other program writes there: keep it from that, and begin anew under another application name; or a newer release did: start that one`)

func readControl(b []byte) (c control, err error) {
	task, n := binary.Uvarint(b)
	if n <= 0 || task > math.MaxInt16 {
		return c, errReserved
	}
	of, more := binary.Uvarint(b[n:])
	if more <= 0 {
		return c, errReserved
	}
	n += more
	w, more := binary.Varint(b[n:])
	if more <= 0 || len(b) != n+more+1 {
		return c, errReserved
	}
	flags := b[n+more]
	return control{uint32(task), uint32(of), w, flags&controlIdle != 0, flags&controlEnded != 0}, nil
}

// IsControl tells a control record of a repartition topic from data.
func IsControl(r *connector.Record) bool {
	return r.Key == nil && r.Value == nil && len(r.Headers) == 1 && r.Headers[0].Key == ReservedHeader &&
		len(r.Headers[0].Value) > 0 && r.Headers[0].Value[0] == headControl
}

// hear takes a control record.
func (in *Input) hear(r *connector.Record) error {
	c, err := readControl(r.Headers[0].Value[1:])
	if err != nil {
		return err
	}
	c.ended = c.ended && r.Offset >= in.EndsFrom
	in.front = in.front.heard(c)
	return nil
}

// AppendCarried appends what a data record carries through a repartition topic in the reserved header: its birth watermark
// where it is past the record's time, and its window. ok: there is something to carry.
func AppendCarried(dst []byte, m *Meta) (_ []byte, ok bool) {
	late, windowed := m.Birth > m.Time, m.Win != Window{}
	if !late && !windowed {
		return dst, false
	}
	var head byte
	if late {
		head |= headBirth
	}
	if windowed {
		head |= headWindow
	}
	dst = append(dst, head)
	if late {
		dst = binary.AppendVarint(dst, m.Birth-m.Time)
	}
	if windowed {
		dst = binary.AppendVarint(dst, m.Win.start)
		dst = binary.AppendVarint(dst, m.Win.end)
	}
	return dst, true
}

// carried reads what AppendCarried wrote, and takes the header away.
func (m *Meta) carried() error {
	at := slices.IndexFunc(m.Headers, func(h connector.Header) bool { return h.Key == ReservedHeader })
	if at < 0 {
		return nil
	}
	b := m.Headers[at].Value
	m.Headers = m.Headers[:at:at] // it is the last one
	if len(b) == 0 || b[0]&^(headBirth|headWindow) != 0 {
		return errReserved
	}
	head := b[0]
	b = b[1:]
	next := func() (v int64) {
		v, n := binary.Varint(b)
		if n <= 0 {
			head = 0
			return 0
		}
		b = b[n:]
		return v
	}
	birth, windowed := head&headBirth != 0, head&headWindow != 0
	if birth {
		m.Birth = m.Time + next()
	}
	if windowed {
		m.Win = Window{next(), next()}
	}
	if (birth || windowed) && head == 0 {
		return errReserved
	}
	return nil
}
