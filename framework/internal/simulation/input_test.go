package simulation_test

import (
	"encoding/binary"
	"math/rand/v2"
)

// input is what is in the source topics: for each topic its partitions, for each of those values in the order of offsets.
// A value has its event time and a number that tells it from all others: time<<16 | id. The id's lowest bits are the key.
type input [][][]int64

const keys = 4

func valueOf(id int, at int64) int64 { return at<<16 | int64(id) }
func timeIn(v int64) int64           { return v >> 16 }
func idsOf(v int64) string           { return string(binary.BigEndian.AppendUint16(nil, uint16(v))) }
func keyOf(v int64) string           { return string(rune('a' + v%keys)) }

// keyOfIDs is the key of a result: all that is in it has one.
func keyOfIDs(ids string) string { return string(rune('a' + ids[1]%keys)) }

// halfOf is another key, which several keys share.
func halfOf(ids string) string { return string(rune('x' + ids[1]%2)) }

// facts are the records as the oracle sees them.
func (in input) facts(disorder int64) (facts []fact) {
	for _, topic := range in {
		for _, values := range topic {
			highest := int64(unborn)
			for _, v := range values {
				f := fact{ids: idsOf(v), key: keyOf(v), time: timeIn(v), birth: unborn}
				if highest != unborn {
					f.birth = highest - disorder
				}
				facts = append(facts, f)
				highest = max(highest, f.time)
			}
		}
	}
	return facts
}

// split spreads the records of a topic of one partition over several, which keep their order.
func (in input) split(partitions int, rng *rand.Rand) input {
	out := make([][]int64, partitions)
	for _, v := range in[0][0] {
		p := rng.IntN(partitions)
		out[p] = append(out[p], v)
	}
	return input{out}
}

// shape is what an input is made by.
type shape struct {
	topics, partitions int
	records            int   // of a partition, about
	pace               int64 // ms between two records of a partition, about
	disorder           int64 // allowed
	beyond             int64 // how much more than the allowed disorder a record may be late by; 0: none is
	from               int64 // where times begin
	byKey              bool  // a key is in one partition
	coarse             int64 // ms: times are multiples of it, or a tick beside, so that many are exactly at a bound; 0: any
}

// make makes an input: partitions that begin and end at different times, each a clock that goes on, stands still or leaps,
// with records that are behind it.
func (s shape) make(rng *rand.Rand) input {
	next := 0
	in := make(input, s.topics)
	for t := range in {
		in[t] = make([][]int64, s.partitions)
		for p := range in[t] {
			clock, highest := s.from+rng.Int64N(20*s.pace), int64(0)
			n := s.records/2 + rng.IntN(s.records)
			if rng.IntN(12) == 0 {
				n = rng.IntN(2) // empty, or nearly
			}
			for range n {
				switch rng.IntN(20) {
				case 0:
					clock += rng.Int64N(40*s.pace + 1)
				case 1, 2, 3:
				default:
					clock += rng.Int64N(2*s.pace + 1)
				}
				at := clock
				if s.disorder > 0 && rng.IntN(2) == 0 {
					at -= rng.Int64N(s.disorder + 1)
				}
				if s.beyond > 0 && rng.IntN(20) == 0 {
					at = clock - s.disorder - rng.Int64N(s.beyond+1)
				}
				if s.coarse > 0 {
					at += s.coarse/2 - (at+s.coarse/2)%s.coarse + []int64{0, 0, 0, 1, -1}[rng.IntN(5)]
				}
				if s.beyond == 0 {
					at = max(at, highest-s.disorder)
				}
				highest = max(highest, at)
				id := next
				if s.byKey {
					id = next*keys + p
				}
				in[t][p] = append(in[t][p], valueOf(id, max(at, 0)))
				next++
			}
		}
	}
	return in
}
