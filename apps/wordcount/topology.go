package main

import (
	"strings"

	"github.com/millrace/millrace/framework"
)

// countsStore is the store of the counts; the names of its internal topics have its name in them.
const countsStore = "counts"

// topology counts the words of lines: each word lower-cased, its count in counts.
func topology(lines framework.Topic[framework.None, string], counts framework.Topic[string, int64]) func(*framework.Topology) {
	return func(t *framework.Topology) {
		t.From(lines).
			FlatMap(strings.Fields).
			GroupBy(strings.ToLower).
			Count(countsStore).
			Stream().
			To(counts)
	}
}
