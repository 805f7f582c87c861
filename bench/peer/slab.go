package peer

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kgo"
)

// slab allocates the records and values of a flush some hundreds at a time: they must live until the
// broker acknowledged them, so they cannot be reused, but they need not be allocated one by one.
type slab struct {
	records []kgo.Record
	values  []byte
}

const slabRecords = 512

func (s *slab) record(topic string, key, value []byte) *kgo.Record {
	if len(s.records) == cap(s.records) {
		s.records = make([]kgo.Record, 0, slabRecords)
	}
	s.records = append(s.records, kgo.Record{Topic: topic, Key: key, Value: value})
	return &s.records[len(s.records)-1]
}

func (s *slab) value(n int64) []byte {
	if cap(s.values)-len(s.values) < 8 {
		s.values = make([]byte, 0, slabRecords*8)
	}
	at := len(s.values)
	s.values = binary.BigEndian.AppendUint64(s.values, uint64(n))
	return s.values[at:len(s.values):len(s.values)]
}
