package framework

import (
	"cmp"
	"encoding/binary"
	"errors"
	"strings"
	"time"
)

// place is where a record comes from: its event time, and where it was read. It puts records in an order that is the same in
// every run, whatever the order in which they arrive.
type place struct {
	time      int64 // ms
	topic     string
	partition int32
	offset    int64
}

// placeOf returns where a record comes from. In a repartition topic it lies where the tasks that write it happened to put it: that
// says nothing.
func placeOf(m *Meta) place {
	if strings.HasSuffix(m.Topic, repartitionSuffix) {
		return place{time: m.Time}
	}
	return place{m.Time, m.Topic, m.Partition, m.Offset}
}

// repartitionSuffix ends the names of repartition topics.
const repartitionSuffix = "-repartition"

// compare orders by time, then by topic, partition and offset.
func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(p.time, o.time), cmp.Compare(p.topic, o.topic), cmp.Compare(p.partition, o.partition), cmp.Compare(p.offset, o.offset))
}

// unknown says that the place tells nothing but the time: the record is the result of an operator, or went through a repartition topic.
func (p place) unknown() bool { return p.topic == "" }

func (p place) at() time.Time { return time.UnixMilli(p.time).UTC() }

func (p place) append(dst []byte) []byte {
	dst = binary.AppendVarint(dst, p.time)
	dst = binary.AppendUvarint(dst, uint64(len(p.topic)))
	dst = append(dst, p.topic...)
	dst = binary.AppendVarint(dst, int64(p.partition))
	return binary.AppendVarint(dst, p.offset)
}

var errPlace = errors.New("the bytes are not those of a record's place")

// cutPlace returns the place at the beginning of b and what comes behind it.
func cutPlace(b []byte) (p place, rest []byte, err error) {
	var n [4]int
	p.time, n[0] = binary.Varint(b)
	b = b[max(n[0], 0):]
	size, read := binary.Uvarint(b)
	if n[1] = read; read <= 0 || size > uint64(len(b)-read) {
		return place{}, nil, errPlace
	}
	p.topic = string(b[read:][:size])
	b = b[read+int(size):]
	partition, read := binary.Varint(b)
	b = b[max(read, 0):]
	n[2] = read
	p.offset, n[3] = binary.Varint(b)
	if min(n[0], n[2], n[3]) <= 0 || int64(int32(partition)) != partition {
		return place{}, nil, errPlace
	}
	p.partition = int32(partition)
	return p, b[n[3]:], nil
}
