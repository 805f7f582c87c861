package driver_test

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

// simControl is a control record as it lies in a repartition topic.
type simControl struct {
	task, of    uint64
	watermark   int64
	idle, ended bool
}

// told reads a control record; ok is false for data. It shares no code with the engine: the layout is the wire's.
func (r *simRecord) told() (c simControl, ok bool) {
	if r.hidden || r.control || r.key != nil || r.value != nil || len(r.headers) != 1 || r.headers[0].Key != "mr" || r.headers[0].Value[0] != 0 {
		return c, false
	}
	b := r.headers[0].Value[1:]
	n := 0
	c.task, n = binary.Uvarint(b)
	b = b[n:]
	c.of, n = binary.Uvarint(b)
	b = b[n:]
	c.watermark, n = binary.Varint(b)
	c.idle, c.ended = b[n]&1 != 0, b[n]&2 != 0
	return c, true
}

// data says that the record is one that operators see.
func (r *simRecord) data() bool {
	_, told := r.told()
	return !r.hidden && !r.control && !told && !engine.IsForm(r.key)
}

// between says that the log is of a repartition topic.
func (l *simLog) between() bool { return strings.HasSuffix(l.at.topic, "-repartition") }

// times returns the operator time at a place of the log, which is a function of what lies before it: the highest time of a
// source partition; of a partition of a repartition topic what each upstream task told, nothing where none has.
func (l *simLog) times(offset int64) (t engine.Times) {
	if !l.between() {
		t = engine.Times{At: []int64{engine.NoTime}, Idle: []bool{false}}
	}
	for i := range l.records[:offset] {
		r := &l.records[i]
		if c, told := r.told(); told {
			for uint64(len(t.At)) < c.of {
				t.At, t.Idle = append(t.At, engine.NoTime), append(t.Idle, false)
			}
			t.At[c.task], t.Idle[c.task] = max(t.At[c.task], c.watermark), c.idle
		} else if r.data() && !l.between() {
			t.At[0] = max(t.At[0], r.time)
		}
	}
	return t
}

// checkPosition: positions go forward, and operator time goes with them.
func (s *sim) checkPosition(at simPlace, p connector.Position) {
	// After a loss a commit that was on its way may count for the next ownership: it repeats some records, no more.
	if p.Offset < s.committed[at].Offset && s.hits["lost"] == 0 || p.Offset > s.log(at).end() {
		s.violate(commitsFollowAcks, "%s is committed at %d after %d, and ends at %d", at, p.Offset, s.committed[at].Offset, s.log(at).end())
		return
	}
	if s.wiped {
		return
	}
	want := s.log(at).times(p.Offset)
	got, err := engine.DecodeTimes(p.Metadata)
	if want.At == nil && !slices.ContainsFunc(got.At, func(t int64) bool { return t != engine.NoTime }) {
		want = got
	}
	if err != nil || !slices.Equal(got.At, want.At) || !slices.Equal(got.Idle, want.Idle) {
		s.violate(timesGoWithOffsets, "%s is committed at %d with the times %v (%v), those of its records are %v", at, p.Offset, got, err, want)
	}
}
