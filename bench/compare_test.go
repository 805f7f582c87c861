package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
)

const (
	hops         = 10
	chunkRecords = 1000
)

// drive returns a function that sends a chunk of records into the chain, as a task does for each of them.
func drive[K comparable](tb testing.TB, keys codec.Codec[K], key K, build chain[K]) func() {
	tb.Helper()
	var first framework.Emit[K, int]
	t := framework.New()
	numbers := keyedTopic("numbers", keys, codec.Int)
	in := t.From(numbers).Process("", func(_ *framework.Op, next framework.Emit[K, int]) framework.Emit[K, int] {
		first = next
		return next
	})
	build(in).ForEach(func(_ context.Context, n int) error {
		sum += n
		return nil
	})
	if _, err := t.Plan("bench"); err != nil { // it opens a task
		tb.Fatal(err)
	}
	m := &framework.Meta{Topic: "numbers"}
	return func() {
		for i := range chunkRecords {
			if err := first(m, key, i); err != nil {
				tb.Fatal(err)
			}
		}
	}
}

var sum int // keeps results alive

// compare runs both sides in turn, a chunk at a time, and reports the median time a record of each and the ratio of
// these, which is to be at most a limit.
func compare(b *testing.B, name string, side func(), otherName string, other func(), atMost float64) {
	var took, otherTook []time.Duration
	for b.Loop() {
		start := time.Now()
		other()
		between := time.Now()
		side()
		end := time.Now()
		took, otherTook = append(took, end.Sub(between)), append(otherTook, between.Sub(start))
	}
	perRecord := func(all []time.Duration) float64 {
		slices.Sort(all)
		return float64(all[len(all)/2].Nanoseconds()) / chunkRecords
	}
	mine, others := perRecord(took), perRecord(otherTook)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(mine, "ns/record")
	b.ReportMetric(others, "ns/record-other")
	b.ReportMetric(mine/others, "ratio")
	if len(took) < 100 {
		return // a first try, too short to say anything
	}
	if math.IsInf(atMost, 1) {
		fmt.Printf("     %s: %.1f ns a record, %s: %.1f ns, ratio %.2f, no limit\n", name, mine, otherName, others, mine/others)
		return
	}
	word := "PASS"
	if mine/others > atMost {
		word = "FAIL"
	}
	fmt.Printf("%s %s: %.1f ns a record, %s: %.1f ns, ratio %.2f <= %.2f\n", word, name, mine, otherName, others, mine/others, atMost)
}
