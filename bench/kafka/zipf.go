package main

import (
	"math"
	"math/rand/v2"
	"sort"
)

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
