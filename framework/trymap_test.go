package framework_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestTryMapTurnsEachValueIntoAnotherOne(t *testing.T) {
	half := func(n int) (int, error) { return present(n) / 2, nil }
	checkStream(t, func(s framework.Stream[string, int]) { s.TryMap(half).To(results) },
		check{"key and time stay", "a=2@10 b=4@20", "a=1@10 b=2@20"},
		check{"no key stays no key", "-=2@10", "-=1@10"},
		check{"a tombstone passes without a call", "a=2@10 a=-@20", "a=1@10 a=-@20"},
	)
}

func TestTryMapStopsWithAnErrorThatNamesOperatorAndRecord(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(lines).TryMap(strconv.Atoi).To(unkeyedOut) })
	pipe(d, lines, "1")
	err := d.TryPipe(lines, framework.None{}, "two", at(0))
	if !errors.Is(err, strconv.ErrSyntax) {
		t.Errorf("the function's error is not found in %v", err)
	}
	const want = `operator try-map 1, topic lines, partition 0, offset 1: strconv.Atoi: parsing "two": invalid syntax`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if got := values(d.Read(unkeyedOut)); len(got) != 1 {
		t.Errorf("after the error the sink holds %v, want what came before it", got)
	}
}

func ExampleStream_TryMap() {
	texts := frameworktest.Topic("texts", codec.None, codec.String)
	parsed := frameworktest.Topic("parsed", codec.None, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(texts).TryMap(strconv.Atoi).To(parsed)
	})
	pipe(d, texts, "1", "2")
	fmt.Println(values(d.Read(parsed)))
	fmt.Println(d.TryPipe(texts, framework.None{}, "three", at(0)))
	// Output:
	// [1 2]
	// operator try-map 1, topic texts, partition 0, offset 2: strconv.Atoi: parsing "three": invalid syntax
}
