package file

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/millrace/millrace/framework/connector"
)

// The journal is the file of all internal topics of an application. It is a sequence of frames, each of which has
//
//	length of what follows the checksum (4 bytes, big endian), its CRC-32C (4 bytes),
//	then batches: topic, partition, offset where the batch begins, offset after it, number of records, and the records.
//
// Numbers are varints. What lies beyond the length in the manifest does not count.

const (
	frameHeader = 8
	frameBytes  = 8 << 20 // at which the next frame is begun
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batch is records of one partition of an internal topic.
type batch struct {
	topic      string
	partition  int32
	start, end int64 // offsets; there may be holes between
	records    []connector.Record
}

// appendFrames appends batches, in frames of bounded size.
func appendFrames(dst []byte, batches []batch) []byte {
	begin := -1
	for _, b := range batches {
		for first := true; first || len(b.records) > 0; first = false {
			if begin < 0 {
				begin = len(dst)
				dst = append(dst, make([]byte, frameHeader)...)
			}
			var n int
			dst, n = appendBatch(dst, b, frameBytes-(len(dst)-begin))
			if n < len(b.records) || len(dst)-begin >= frameBytes {
				dst, begin = sealFrame(dst, begin), -1
			}
			if b.records = b.records[n:]; len(b.records) > 0 {
				b.start = b.records[0].Offset
			}
		}
	}
	if begin >= 0 {
		dst = sealFrame(dst, begin)
	}
	return dst
}

func sealFrame(dst []byte, begin int) []byte {
	body := dst[begin+frameHeader:]
	binary.BigEndian.PutUint32(dst[begin:], uint32(len(body)))
	binary.BigEndian.PutUint32(dst[begin+4:], crc32.Checksum(body, castagnoli))
	return dst
}

// appendBatch appends records until they take limit bytes, one at least, and returns how many it took.
func appendBatch(dst []byte, b batch, limit int) ([]byte, int) {
	n, size := 0, 0
	for n < len(b.records) && (n == 0 || size < limit) {
		size += len(b.records[n].Key) + len(b.records[n].Value) + 16
		n++
	}
	end := b.end
	if n < len(b.records) {
		end = b.records[n].Offset
	}
	dst = appendBytes(dst, []byte(b.topic))
	for _, v := range []int64{int64(b.partition), b.start, end, int64(n)} {
		dst = binary.AppendUvarint(dst, uint64(v))
	}
	at := b.start
	for i := range b.records[:n] {
		r := &b.records[i]
		dst = binary.AppendUvarint(dst, uint64(r.Offset-at))
		at = r.Offset
		dst = appendRecord(dst, r)
	}
	return dst, n
}

func appendRecord(dst []byte, r *connector.Record) []byte {
	dst = binary.AppendVarint(dst, r.Time)
	dst = appendBytes(dst, r.Key)
	dst = appendBytes(dst, r.Value)
	dst = binary.AppendUvarint(dst, uint64(len(r.Headers)))
	for _, h := range r.Headers {
		dst = appendBytes(dst, []byte(h.Key))
		dst = appendBytes(dst, h.Value)
	}
	return dst
}

// appendBytes tells nil, 0, from empty, 1.
func appendBytes(dst, b []byte) []byte {
	if b == nil {
		return append(dst, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b))+1)
	return append(dst, b...)
}

var errJournal = errors.New("its bytes are not those that were written")

// readFrames calls take with the batches in the journal's first length bytes. Their bytes are valid during the call.
func readFrames(f handle, length int64, take func(batch) error) error {
	for at := int64(0); at < length; {
		head, err := readPart(f, at, frameHeader)
		if err != nil {
			return fmt.Errorf("byte %d: %w", at, err)
		}
		size := int64(binary.BigEndian.Uint32(head))
		if at+frameHeader+size > length {
			return fmt.Errorf("byte %d: %w", at, errJournal)
		}
		body, err := readPart(f, at+frameHeader, size)
		if err != nil {
			return fmt.Errorf("byte %d: %w", at, err)
		}
		if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(head[4:]) {
			return fmt.Errorf("byte %d: %w", at, errJournal)
		}
		for d := (&decoder{body, nil}); len(d.left) > 0; {
			b := d.batch()
			if d.err != nil {
				return fmt.Errorf("byte %d: %w", at, d.err)
			}
			if err := take(b); err != nil {
				return fmt.Errorf("byte %d: %w", at, err)
			}
		}
		at += frameHeader + size
	}
	return nil
}

// decoder reads the body of a frame. After an error it returns zero values.
type decoder struct {
	left []byte
	err  error
}

func (d *decoder) batch() batch {
	b := batch{topic: string(d.bytes()), partition: int32(d.number(math.MaxInt32)), start: d.number(math.MaxInt64), end: d.number(math.MaxInt64)}
	n := d.number(int64(len(d.left)))
	at := b.start
	for i := int64(0); i < n && d.err == nil; i++ {
		at += d.number(math.MaxInt64)
		r := connector.Record{Offset: at}
		var size int
		if r.Time, size = binary.Varint(d.left); size <= 0 {
			d.fail()
			break
		}
		d.left = d.left[size:]
		r.Key, r.Value = d.bytes(), d.bytes()
		for range d.number(int64(len(d.left))) {
			r.Headers = append(r.Headers, connector.Header{Key: string(d.bytes()), Value: d.bytes()})
		}
		b.records = append(b.records, r)
	}
	return b
}

func (d *decoder) number(most int64) int64 {
	v, n := binary.Uvarint(d.left)
	if n <= 0 || v > uint64(most) {
		d.fail()
		return 0
	}
	d.left = d.left[n:]
	return int64(v)
}

func (d *decoder) bytes() []byte {
	n := d.number(int64(len(d.left)))
	if n == 0 {
		return nil
	}
	if n--; n > int64(len(d.left)) {
		d.fail()
		return nil
	}
	b := d.left[:n:n]
	d.left = d.left[n:]
	return b
}

func (d *decoder) fail() { d.err, d.left = errJournal, nil }
