package framework_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestMapTurnsEachValueIntoAnotherOne(t *testing.T) {
	checkStream(t, func(s framework.Stream[string, int]) { s.Map(double).To(results) },
		check{"key and time stay", "a=1@10 b=2@20", "a=2@10 b=4@20"},
		check{"no key stays no key", "-=1@10", "-=2@10"},
		check{"a tombstone passes without a call", "a=1@10 a=-@20", "a=2@10 a=-@20"},
	)
}

func TestMapChangesTheTypeOfTheValue(t *testing.T) {
	lengths := frameworktest.Topic("lengths", codec.None, decimal)
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(lines).Map(func(s string) int { return len(s) }).To(lengths)
	})
	pipe(d, lines, "four", "to")
	if got, want := readText(d, "lengths"), "-=4@0 -=2@0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func ExampleStream_Map() {
	words := frameworktest.Topic("words", codec.None, codec.String)
	loud := frameworktest.Topic("loud", codec.None, codec.String)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(words).Map(strings.ToUpper).To(loud)
	})
	pipe(d, words, "hello", "world")
	fmt.Println(values(d.Read(loud)))
	// Output: [HELLO WORLD]
}
