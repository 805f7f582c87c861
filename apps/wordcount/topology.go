package main

import (
	"strings"

	"github.com/millrace/millrace/framework"
)

// topology counts the words of lines: each word lower-cased, its count in counts.
func topology(lines framework.Topic[framework.None, string], counts framework.Topic[string, int64]) func(*framework.Topology) {
	return func(t *framework.Topology) {
		t.From(lines).
			FlatMap(strings.Fields).
			GroupBy(strings.ToLower).
			Count("counts").
			Stream().
			To(counts)
	}
}
