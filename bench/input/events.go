// Package input makes what the benchmarks read: the same bytes in every run.
package input

import (
	"hash/maphash"
	"math/rand/v2"
	"strconv"
)

// EventBytes is the length of each event.
const EventBytes = 80

// Events makes records that are as hard to compress as such records are, and sums up what it made.
type Events struct {
	random *rand.Rand
	digest Digest
}

// NewEvents returns the events from the first one on.
func NewEvents() *Events { return &Events{random: rand.New(rand.NewPCG(1, 2))} }

// Digest returns what the events made so far add up to.
func (e *Events) Digest() Digest { return e.digest }

// Append appends event i; they are made in order.
func (e *Events) Append(i int, dst []byte) []byte {
	b := append(dst, `{"id":`...)
	b = strconv.AppendInt(b, int64(10_000_000+i), 10)
	b = append(b, `,"account":"`...)
	b = strconv.AppendUint(b, 1<<40+e.random.Uint64N(1<<40), 36)
	b = append(b, `","amount":`...)
	b = strconv.AppendInt(b, 100_000+e.random.Int64N(900_000), 10)
	b = append(b, `,"token":"`...)
	for len(b)-len(dst) < EventBytes-2 {
		b = append(b, "0123456789abcdefghijklmnopqrstuv"[e.random.IntN(32)])
	}
	b = append(b, `"}`...)
	e.digest.Add(b[len(dst):])
	return b
}

// Digest tells whether two collections of values are equal, whatever their order. Digests are comparable within one process.
type Digest struct {
	Records int64
	sum     uint64
}

var seed = maphash.MakeSeed()

// Add adds a value.
func (d *Digest) Add(value []byte) {
	d.Records++
	d.sum += maphash.Bytes(seed, value)
}
