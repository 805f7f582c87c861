package framework_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestRepartitionHandsOnWhatItGets(t *testing.T) {
	checkStream(t, func(s framework.Stream[string, int]) { s.Repartition("again").To(results) },
		check{"key, value and time stay", "a=1@10 b=2@20", "a=1@10 b=2@20"},
		check{"no key stays no key", "-=1@10", "-=1@10"},
		check{"tombstones as well", "a=1@10 a=-@20", "a=1@10 a=-@20"},
	)
}

func TestRepartitionKeepsHeaders(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).Repartition("again").To(results) })
	r := rawOf("a=1@0")
	r.Headers = []framework.Header{{Key: "h", Value: []byte("v")}, {Key: "none"}}
	d.PipeRaw("in", r)
	if got, want := fmt.Sprintf("%q", d.ReadRaw("out")[0].Headers), `[{"h" "v"} {"none" ""}]`; got != want {
		t.Errorf("headers %s, want %s", got, want)
	}
}

func TestRepartitionBringsRecordsOfOneKeyIntoOnePartition(t *testing.T) {
	d := frameworktest.Config{Partitions: 4}.New(t, func(t *framework.Topology) {
		t.From(numbers).KeyBy(func(n int) string { return strconv.Itoa(n % 10) }).Repartition("by-digit").ForEach(nothing)
	})
	for n := range 100 {
		d.Pipe(numbers, strconv.Itoa(n), n+1, at(0))
	}
	partitions := map[string]int32{}
	used := map[int32]bool{}
	for _, r := range d.ReadRaw("test-by-digit-repartition") {
		if p, seen := partitions[string(r.Key)]; seen && p != r.Partition {
			t.Errorf("key %s is in partitions %d and %d", r.Key, p, r.Partition)
		}
		partitions[string(r.Key)], used[r.Partition] = r.Partition, true
	}
	if len(partitions) != 10 || len(used) < 2 {
		t.Errorf("%d keys in %d partitions: the records do not spread", len(partitions), len(used))
	}
}

func TestSeveralOperatorsShareOneRepartition(t *testing.T) {
	d := frameworktest.Config{Partitions: 3}.New(t, func(t *framework.Topology) {
		shared := t.From(numbers).KeyBy(parity).Repartition("by-parity")
		shared.Grouped().Count("counts")
		shared.Grouped().Reduce("sums", add)
	})
	pipeText(d, "in", "a=1@0 b=2@0 c=3@0")
	equalContent(t, d, "counts", map[string]int64{"odd": 2, "even": 1})
	equalContent(t, d, "sums", map[string]int{"odd": 4, "even": 2})
	if got := len(d.ReadRaw("test-by-parity-repartition")); got != 3 {
		t.Errorf("the shared topic got %d records, want 3", got)
	}
}

func ExampleStream_Repartition() {
	orders := frameworktest.Topic("orders", codec.None, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		// Both aggregates read one topic, <application>-by-size-repartition.
		bySize := t.From(orders).KeyBy(func(n int) bool { return n > 9 }).Repartition("by-size")
		bySize.Grouped().Count("counts")
		bySize.Grouped().Reduce("sums", func(a, b int) int { return a + b })
	})
	pipe(d, orders, 5, 10, 15)
	fmt.Println(d.Get(framework.StoreOf[bool, int64]("counts"), true))
	fmt.Println(d.Get(framework.StoreOf[bool, int]("sums"), true))
	// Output:
	// 2 true
	// 25 true
}
