package input

import (
	"math"
	"math/rand/v2"
	"sort"
	"strings"
)

// DistinctWords is the number of words that lines are made of.
const DistinctWords = 20_000

// Lines makes lines of words, Zipf distributed, and counts the words as a batch program would.
type Lines struct {
	words, capitalised []string // by rank
	length             int      // words a line
	zipf               *zipf
	counts             []int64 // by rank
}

// NewLines returns lines of so many words from the first line on. Where capitals is set, each line begins with one.
func NewLines(words int, capitals bool) *Lines {
	random := rand.New(rand.NewPCG(3, 4))
	l := &Lines{length: words, zipf: newZipf(random, 1, DistinctWords), counts: make([]int64, DistinctWords)}
	for rank := range DistinctWords {
		w := word(rank)
		l.words = append(l.words, w)
		l.capitalised = append(l.capitalised, strings.ToUpper(w[:1])+w[1:])
	}
	if !capitals {
		l.capitalised = l.words
	}
	return l
}

// Append appends the next line.
func (l *Lines) Append(_ int, dst []byte) []byte {
	words := l.capitalised
	for range l.length {
		rank := l.zipf.next()
		l.counts[rank]++
		dst = append(append(dst, words[rank]...), ' ')
		words = l.words
	}
	return dst[:len(dst)-1]
}

// Counts returns how often each word, in lower case, is in the lines made so far.
func (l *Lines) Counts() map[string]int64 {
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

// zipf draws ranks from 0 to n−1, rank r with a weight of 1/(r+1)^s: what words of a text do, with s near 1
// (the generator of math/rand wants s above 1).
type zipf struct {
	random *rand.Rand
	upTo   []float64 // cumulated weights
}

func newZipf(random *rand.Rand, s float64, n int) *zipf {
	z := &zipf{random: random, upTo: make([]float64, n)}
	sum := 0.0
	for r := range n {
		sum += math.Pow(float64(r+1), -s)
		z.upTo[r] = sum
	}
	return z
}

func (z *zipf) next() int {
	return sort.SearchFloat64s(z.upTo, z.random.Float64()*z.upTo[len(z.upTo)-1])
}
