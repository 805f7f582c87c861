package engine

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
)

// Times is what is committed with an offset as its metadata: the operator time of the partition.
// For a source partition it has one element, the partition time; for a partition of a repartition topic one an
// upstream task, its frontier. The layout is fixed: base64 of
//
//	version   1 byte, 1
//	n         uvarint, number of elements
//	min       varint, the lowest known time, ms
//	n times   uvarint, 0: unknown, else time - min + 1
//	idle      bitmap, (n+7)/8 bytes, lowest bit first
//	own       uvarint, number of own topics, and 4 bytes of each; may be left out
//
// 512 upstream tasks two days apart take about 2,800 of the 4,096 bytes that a broker allows.
type Times struct {
	At   []int64 // NoTime: unknown
	Idle []bool  // nil: none is idle
	// Own are the changelogs and repartition topics that the task wrote, by TopicHash: of one that is missing it says whether it was
	// there. nil: unknown.
	Own []uint32
}

// mostOwn is how many topics fit beside the times of 512 upstream tasks.
const mostOwn = 200

// TopicHash stands for the name of a topic in Times.
func TopicHash(name string) uint32 {
	return murmur2([]byte(name))
}

const timesVersion = 1

// Encode returns the metadata of an offset commit.
func (t Times) Encode() string {
	lowest := int64(0)
	for i, known := 0, false; i < len(t.At); i++ {
		if t.At[i] != NoTime && (!known || t.At[i] < lowest) {
			lowest, known = t.At[i], true
		}
	}
	b := binary.AppendUvarint([]byte{timesVersion}, uint64(len(t.At)))
	b = binary.AppendVarint(b, lowest)
	for _, at := range t.At {
		if at == NoTime {
			b = append(b, 0)
		} else {
			b = binary.AppendUvarint(b, uint64(at-lowest)+1)
		}
	}
	idle := make([]byte, (len(t.At)+7)/8)
	for i, is := range t.Idle {
		if is {
			idle[i/8] |= 1 << (i % 8)
		}
	}
	b = append(b, idle...)
	if own := t.Own[:min(len(t.Own), mostOwn)]; own != nil {
		b = binary.AppendUvarint(b, uint64(len(own)))
		for _, hash := range own {
			b = binary.BigEndian.AppendUint32(b, hash)
		}
	}
	return base64.StdEncoding.EncodeToString(b)
}

var errTimes = errors.New("the metadata of a committed offset is not this framework's")

// DecodeTimes reads what Encode wrote; "" gives no times. Anything else is an error: some other program committed there.
func DecodeTimes(metadata string) (Times, error) {
	if metadata == "" {
		return Times{}, nil
	}
	b, err := base64.StdEncoding.DecodeString(metadata)
	if err != nil || len(b) == 0 {
		return Times{}, errTimes
	}
	if b[0] != timesVersion {
		return Times{}, fmt.Errorf("the metadata of a committed offset has version %d, this program knows %d: it was written by a newer release", b[0], timesVersion)
	}
	n, size := binary.Uvarint(b[1:])
	if size <= 0 || n > uint64(len(b)) {
		return Times{}, errTimes
	}
	b = b[1+size:]
	lowest, size := binary.Varint(b)
	if size <= 0 {
		return Times{}, errTimes
	}
	b = b[size:]
	t := Times{At: make([]int64, n), Idle: make([]bool, n)}
	for i := range t.At {
		d, size := binary.Uvarint(b)
		if size <= 0 {
			return Times{}, errTimes
		}
		b = b[size:]
		t.At[i] = NoTime
		if d > 0 {
			t.At[i] = lowest + int64(d-1)
		}
	}
	if len(b) < (len(t.At)+7)/8 {
		return Times{}, errTimes
	}
	for i := range t.Idle {
		t.Idle[i] = b[i/8]&(1<<(i%8)) != 0
	}
	if b = b[(len(t.At)+7)/8:]; len(b) == 0 {
		return t, nil
	}
	n, size = binary.Uvarint(b)
	if size <= 0 || n > mostOwn || uint64(len(b)-size) < 4*n {
		return Times{}, errTimes
	}
	t.Own = make([]uint32, n)
	for i := range t.Own {
		t.Own[i] = binary.BigEndian.Uint32(b[size+4*i:])
	}
	return t, nil
}
