// Package apptest has what tests of several programs of apps use.
package apptest

import (
	"os"
	"strings"
	"testing"

	"github.com/millrace/millrace/connectors/kafka/embedded"
)

// StartBroker starts an embedded broker that lives as long as the test, and returns its address.
func StartBroker(tb testing.TB) (address string) {
	tb.Helper()
	b, err := embedded.Start(embedded.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := b.Close(); err != nil {
			tb.Error(err)
		}
	})
	return strings.Join(b.Addrs(), ",")
}

// Same fails the test at the first line that differs.
func Same(tb testing.TB, got, want string) {
	tb.Helper()
	if got == want {
		return
	}
	wanted := strings.SplitAfter(want, "\n")
	for i, line := range strings.SplitAfter(got, "\n") {
		if i >= len(wanted) || line != wanted[i] {
			tb.Fatalf("line %d is %q, want %q", i+1, line, append(wanted, "nothing")[min(i, len(wanted))])
		}
	}
	tb.Fatalf("%d bytes, want %d", len(got), len(want))
}

// Read returns the content of a file.
func Read(tb testing.TB, path string) string {
	tb.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}
