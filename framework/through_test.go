package framework_test

import (
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

var middle = frameworktest.Topic("middle", codec.String, decimal)

func TestThroughWritesToATopicAndReadsItBack(t *testing.T) {
	checkStream(t, func(s framework.Stream[string, int]) { s.Map(double).Through(middle).Map(double).To(results) },
		check{"key, value and time stay", "a=1@10 b=2@20", "a=4@10 b=8@20"},
		check{"no key stays no key", "-=1@10", "-=4@10"},
		check{"a tombstone is a null value in the topic, which the source drops", "a=1@10 a=-@20", "a=4@10"},
	)
}

func TestThroughReadsWhatOthersWriteToTheTopic(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).Through(middle).To(results) })
	pipeText(d, "in", "a=1@0")
	pipeText(d, "middle", "b=2@0")
	if got, want := readText(d, "out"), "a=1@0 b=2@0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := readText(d, "middle"), "a=1@0 b=2@0"; got != want {
		t.Errorf("the topic holds %s, want %s", got, want)
	}
}

func TestThroughBringsRecordsOfOneKeyTogether(t *testing.T) {
	d := frameworktest.Config{PartitionsOf: map[string]int{"in": 2, "middle": 5}}.New(t, func(t *framework.Topology) {
		t.From(numbers).KeyBy(parity).Through(middle).Grouped().Count("counts")
	})
	pipeText(d, "in", "a=1@0 b=2@0 c=3@0")
	equalContent(t, d, "counts", map[string]int64{"odd": 2, "even": 1})
	if got := len(d.Partitions("test-counts-changelog")); got != 5 {
		t.Errorf("the changelog has %d partitions, want those of the topic in the middle, 5", got)
	}
}

func ExampleStream_Through() {
	words := frameworktest.Topic("words", codec.None, codec.String)
	byInitial := frameworktest.Topic("by-initial", codec.String, codec.String) // others may read it, too
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(words).
			KeyBy(func(w string) string { return w[:1] }).
			Through(byInitial).
			Grouped().
			Count("initials")
	})
	pipe(d, words, "apple", "bean", "avocado")
	show(d.Read(byInitial))
	// Output:
	// a apple
	// b bean
	// a avocado
}
