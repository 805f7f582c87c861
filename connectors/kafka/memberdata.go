package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// memberDataVersion is the version that this program writes. A later one may append fields and nothing else, so that
// every version reads what it knows of any other.
const memberDataVersion = 1

// maxCapacity bounds what a member may claim, so that sums over a group stay far from overflow.
const maxCapacity = 1 << 16

// memberData is what a member tells the leader of its group, in the UserData of Kafka's own consumer metadata.
// What it owns and since which generation stands in the metadata itself (OwnedPartitions, Generation), where every
// tool finds it: it is not repeated here.
//
// On the wire: a version byte, then each field as its length and its bytes, in the order of this struct.
type memberData struct {
	process  string // of all workers of one process the same: state lies there
	hash     uint64 // of the topology
	capacity int    // share of the work relative to other members; at least 1
	// lags says how far behind the local copies of stateful tasks are. Empty as long as no store keeps one.
	lags []taskLag
	// readiness is for preparations of a move, empty until there are any.
	readiness []byte
	// released are tasks that the member let go at its last sync: state of them may still lie in its process, so that
	// the leader prefers another worker of it. Without this a move between two workers of one process would, in its second
	// round, look like a task that nobody had.
	released []taskName
}

// taskName names a task by one of its topics, since numbers of sub-topologies shift between versions of a graph.
type taskName struct {
	topic     string
	partition int32
}

// taskLag is how many records a local copy of a task's state is behind, -1 where there is none.
type taskLag struct {
	task taskName
	lag  int64
}

func (d *memberData) encode() []byte {
	b := []byte{memberDataVersion}
	b = appendField(b, []byte(d.process))
	b = appendField(b, binary.BigEndian.AppendUint64(nil, d.hash))
	b = appendField(b, binary.AppendUvarint(nil, uint64(d.capacity)))
	lags := binary.AppendUvarint(nil, uint64(len(d.lags)))
	for _, l := range d.lags {
		lags = binary.AppendVarint(l.task.append(lags), l.lag)
	}
	b = appendField(b, lags)
	b = appendField(b, d.readiness)
	released := binary.AppendUvarint(nil, uint64(len(d.released)))
	for _, t := range d.released {
		released = t.append(released)
	}
	return appendField(b, released)
}

// decodeMemberData reads the data of any version: fields that it does not know are left out, and fields that
// are not there keep their zero value. It returns an error, and what came before, where a field is cut off or malformed.
func decodeMemberData(b []byte) (memberData, error) {
	d := memberData{capacity: 1}
	if len(b) == 0 || b[0] == 0 {
		return d, errors.New("member data has no version")
	}
	r := reader{b: b[1:]}
	for i := 0; len(r.b) > 0; i++ {
		f := reader{b: r.bytes()}
		if r.err != nil {
			return d, fmt.Errorf("member data, field %d: %w", i, r.err)
		}
		switch i {
		case 0:
			d.process = string(f.b)
		case 1:
			d.hash = f.uint64()
		case 2:
			d.capacity = int(min(max(f.uvarint(), 1), maxCapacity))
		case 3:
			for n := f.uvarint(); n > 0 && f.err == nil; n-- {
				l := taskLag{task: f.task(), lag: f.varint()}
				if f.err == nil {
					d.lags = append(d.lags, l)
				}
			}
		case 4:
			d.readiness = f.b
		case 5:
			for n := f.uvarint(); n > 0 && f.err == nil; n-- {
				if t := f.task(); f.err == nil {
					d.released = append(d.released, t)
				}
			}
		}
		if f.err != nil {
			return d, fmt.Errorf("member data, field %d: %w", i, f.err)
		}
	}
	return d, nil
}

func appendField(b, field []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(field)))
	return append(b, field...)
}

func (t taskName) append(b []byte) []byte {
	b = appendField(b, []byte(t.topic))
	return binary.AppendUvarint(b, uint64(uint32(t.partition)))
}

var errCutOff = errors.New("cut off")

// reader takes values from the front of b until one is cut off; from then on it returns zero values.
type reader struct {
	b   []byte
	err error
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.b, r.err = nil, errCutOff
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.b, r.err = nil, errCutOff
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) uint64() uint64 {
	if len(r.b) < 8 {
		r.b, r.err = nil, errCutOff
		return 0
	}
	v := binary.BigEndian.Uint64(r.b)
	r.b = r.b[8:]
	return v
}

func (r *reader) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.b, r.err = nil, errCutOff
	}
	if r.err != nil {
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) task() taskName {
	topic := string(r.bytes())
	return taskName{topic: topic, partition: int32(uint32(r.uvarint()))}
}
