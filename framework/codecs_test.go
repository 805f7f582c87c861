package framework_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestCodecsSayHowAStreamIsWrittenToInternalTopics(t *testing.T) {
	upper := codec.New("upper",
		func(dst []byte, s string) ([]byte, error) { return append(append(dst, '*'), s...), nil },
		func(b []byte) (string, error) { return string(b[1:]), nil })
	d := frameworktest.New(t, func(t *framework.Topology) {
		s := t.From(numbers).KeyBy(parity).Codecs(upper, decimal)
		s.Repartition("by-hand").To(results)
		s.Grouped().Reduce("sums", add)
		s.Grouped().Count("counts") // the accumulator is no value of the stream
		s.Table("last")
	})
	pipeText(d, "in", "a=1@10")
	for topic, want := range map[string]string{
		"test-by-hand-repartition": "*odd=1@10",
		"test-sums-repartition":    "*odd=1@10",
		"test-sums-changelog":      "*odd=1@10",
		"test-last-repartition":    "*odd=1@10",
		"test-last-changelog":      "*odd=1@10",
		"out":                      "odd=1@10",
	} {
		if got := readText(d, topic); got != want {
			t.Errorf("topic %s holds %s, want %s", topic, got, want)
		}
	}
	if got := string(d.ReadRaw("test-counts-changelog")[0].Key); got != "*odd" {
		t.Errorf("a count's key is written as %s, want *odd", got)
	}
	d.Rebuild()
	equalContent(t, d, "sums", map[string]int{"odd": 1})
}

func TestCodecsAreInferredFromTheTypes(t *testing.T) {
	type pair struct{ A, B int }
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).KeyBy(func(n int) pair { return pair{n, n} }).Map(func(n int) []int { return []int{n} }).
			Repartition("pairs").ForEach(func(_ context.Context, _ []int) error { return nil })
	})
	pipeText(d, "in", "a=1@10")
	if got, want := readText(d, "test-pairs-repartition"), `{"A":1,"B":1}=[1]@10`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestANilCodecIsInferred(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).KeyBy(parity).Codecs(nil, decimal).Repartition("again").To(results)
	})
	pipeText(d, "in", "a=1@10")
	if got, want := readText(d, "test-again-repartition"), "odd=1@10"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAMapForgetsTheCodecOfItsInputsValues(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).Filter(even).KeyBy(parity).Repartition("same-values").ForEach(nothing)
		t.From(numbers).Map(double).KeyBy(parity).Repartition("other-values").ForEach(nothing)
	})
	pipeText(d, "in", "a=2@10")
	if got, want := readText(d, "test-same-values-repartition"), "even=2@10"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := string(d.ReadRaw("test-other-values-repartition")[0].Value), "\x00\x00\x00\x00\x00\x00\x00\x04"; got != want {
		t.Errorf("got %q, want %q, as codec.Int writes it", got, want)
	}
}

func ExampleStream_Codecs() {
	orders := frameworktest.Topic("orders", codec.None, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(orders).
			KeyBy(func(cents int) bool { return cents > 99 }).
			Codecs(codec.JSON[bool](), codec.JSON[int]()).
			Repartition("by-size").
			ForEach(nothing)
	})
	pipe(d, orders, 250)
	for _, r := range d.ReadRaw("test-by-size-repartition") {
		fmt.Printf("%s %s\n", r.Key, r.Value)
	}
	// Output: true 250
}
