package framework_test

import (
	"strconv"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestKeyByGivesEachRecordAKeyMadeOfItsValue(t *testing.T) {
	byValue := func(n int) string { return "n" + strconv.Itoa(present(n)) }
	checkStream(t, func(s framework.Stream[string, int]) { s.KeyBy(byValue).To(results) },
		check{"value and time stay", "a=1@10 b=2@20", "n1=1@10 n2=2@20"},
		check{"a record without key gets one", "-=1@10", "n1=1@10"},
		check{"a tombstone has no value to make a key of", "a=1@10 a=-@20", "n1=1@10"},
	)
}

func TestKeyByCountsTombstonesAsDropped(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.Table("table", numbers).Stream().KeyBy(strconv.Itoa).To(results)
	})
	pipeText(d, "in", "a=1@0 a=-@0")
	equalDropped(t, d, map[string]int64{"null_value": 1})
}

func TestKeyByNoneDropsTheKey(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).KeyBy(func(int) framework.None { return framework.None{} }).To(unkeyedOut)
	})
	pipeText(d, "in", "a=1@10")
	if got, want := readText(d, "out"), "-=1@10"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func ExampleStream_KeyBy() {
	words := frameworktest.Topic("words", codec.None, codec.String)
	byInitial := frameworktest.Topic("by-initial", codec.String, codec.String)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(words).KeyBy(func(w string) string { return w[:1] }).To(byInitial)
	})
	pipe(d, words, "apple", "bean", "avocado")
	show(d.Read(byInitial))
	// Output:
	// a apple
	// b bean
	// a avocado
}
