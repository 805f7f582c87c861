package main

import (
	"hash/maphash"
	"math/rand/v2"
	"strconv"
	"strings"
)

const (
	recordBytes   = 80
	lineWords     = 12
	distinctWords = 20_000
)

// events makes records of 80 bytes that compress as such records do, and sums up what they are.
type events struct {
	random *rand.Rand
	digest digest
}

func newEvents() *events { return &events{random: rand.New(rand.NewPCG(1, 2))} }

func (e *events) value(i int, b []byte) []byte {
	b = append(b, `{"id":`...)
	b = strconv.AppendInt(b, int64(10_000_000+i), 10)
	b = append(b, `,"account":"`...)
	b = strconv.AppendUint(b, 1<<40+e.random.Uint64N(1<<40), 36)
	b = append(b, `","amount":`...)
	b = strconv.AppendInt(b, 100_000+e.random.Int64N(900_000), 10)
	b = append(b, `,"token":"`...)
	for len(b) < recordBytes-2 {
		b = append(b, "0123456789abcdefghijklmnopqrstuv"[e.random.IntN(32)])
	}
	b = append(b, `"}`...)
	e.digest.add(b)
	return b
}

// digest tells whether two sets of values are equal, whatever their order.
type digest struct {
	records int64
	sum     uint64
}

var digestSeed = maphash.MakeSeed()

func (d *digest) add(value []byte) {
	d.records++
	d.sum += maphash.Bytes(digestSeed, value)
}

// lines makes lines of 12 words, Zipf distributed over 20,000, the first one capitalised, and counts the words as
// a batch program would.
type lines struct {
	words, capitalised []string // by rank
	zipf               *zipf
	counts             []int64 // by rank
}

func newLines() *lines {
	random := rand.New(rand.NewPCG(3, 4))
	l := &lines{zipf: newZipf(random, 1, distinctWords), counts: make([]int64, distinctWords)}
	for rank := range distinctWords {
		w := word(rank)
		l.words = append(l.words, w)
		l.capitalised = append(l.capitalised, strings.ToUpper(w[:1])+w[1:])
	}
	return l
}

func (l *lines) value(_ int, b []byte) []byte {
	words := l.capitalised
	for range lineWords {
		rank := l.zipf.next()
		l.counts[rank]++
		b = append(append(b, words[rank]...), ' ')
		words = l.words
	}
	return b[:len(b)-1]
}

// batch returns the counts by word.
func (l *lines) batch() map[string]int64 {
	counts := map[string]int64{}
	for rank, n := range l.counts {
		if n > 0 {
			counts[l.words[rank]] = n
		}
	}
	return counts
}

// word returns a pronounceable word of its own for each rank; frequent words are short.
func word(rank int) string {
	const consonants, vowels = "bdfgklmnprstvz", "aeiou"
	var b []byte
	for n := rank + 1; n > 0; n /= len(consonants) * len(vowels) {
		s := n % (len(consonants) * len(vowels))
		b = append(b, consonants[s%len(consonants)], vowels[s/len(consonants)])
	}
	return string(b)
}
