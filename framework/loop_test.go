package framework_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestALoopHandsOnWhatIsFedBackBeforeAnythingFromOutside(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		in, again := t.From(numbers).Loop("halves", 16)
		in.To(results)
		in.Filter(func(n int) bool { return n > 1 }).Map(func(n int) int { return n / 2 }).To(again)
	})
	d.Batch(func() { pipeText(d, "in", "a=8@10 b=3@20") })
	if got := readText(d, "out"); got != "a=8@10 a=4@10 a=2@10 a=1@10 b=3@20 b=1@20" {
		t.Errorf("got %s", got)
	}
}

func TestWhatWaitsInALoopIsReadAgainAfterARestart(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		in, again := t.From(numbers).Loop("down", 16)
		in.To(results)
		in.Filter(func(n int) bool { return n > 1 }).Map(func(n int) int { return n - 1 }).RateLimit(1, time.Second).To(again)
	})
	pipeText(d, "in", "a=4@10")
	d.AdvanceClock(time.Second)
	if got := readText(d, "out"); got != "a=4@10 a=3@10 a=2@10" {
		t.Fatalf("got %s", got)
	}
	d.Rebuild()
	d.AdvanceClock(time.Minute)
	if got := readText(d, "out"); got != "a=4@10 a=3@10 a=2@10 a=1@10" {
		t.Errorf("after the restart came %s", got)
	}
}

func TestAnErrorInALoopIsThatOfItsOperator(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		in, again := t.From(numbers).Loop("up", 16)
		in.Map(func(n int) int { return n + 1 }).To(again)
		in.ForEach(func(_ context.Context, n int) error {
			if n == 5 {
				return errBroken
			}
			return nil
		})
	})
	err := d.TryPipeRaw("in", rawOf("a=1@10"))
	var named *framework.OperatorError
	if !errors.As(err, &named) || !strings.HasPrefix(named.Operator, "for-each ") || named.Err != errBroken || named.At.Topic != "in" {
		t.Errorf("got %v", err)
	}
}

func TestALoopThatFeedsBackMoreThanItsBoundFailsTheTask(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		in, again := t.From(numbers).Loop("twice", 3)
		in.FlatMap(func(n int) []int { return []int{n, n} }).To(again)
	})
	err := d.TryPipeRaw("in", rawOf("a=1@10"))
	if want := "operator feed-back twice, topic in, partition 0, offset 0: the loop does not converge: more than 3 records wait to be fed back; raise the bound of the loop, or feed back fewer"; err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestAnEmitterDoesNotWaitForALoopThatGoesOnForEver(t *testing.T) {
	source := framework.NewInput[int]("numbers")
	var got *framework.Collected[int]
	d := frameworktest.New(t, func(t *framework.Topology) {
		in, again := t.From(source).Loop("fib", 4)
		fib := in.Sliding("last-two", 2, sum)
		got = fib.Collect()
		fib.RateLimit(2, time.Second).To(again)
	})
	emitAll(t, source, 0, 1)
	d.AdvanceClock(4 * time.Second)
	if want := []int{1, 2, 3, 5, 8, 13, 21, 34, 55, 89}; !slices.Equal(got.Values(), want) {
		t.Errorf("after 4 s: %v, want %v", got.Values(), want)
	}
}

func ExampleStream_Loop() {
	d := frameworktest.New(nil, func(t *framework.Topology) {
		in, again := t.From(unkeyed).Loop("fib", 16)
		fib := in.Sliding("last-two", 2, sum)
		fib.Filter(func(n int) bool { return n < 50 }).To(again)
		fib.ForEach(func(_ context.Context, n int) error { fmt.Print(n, " "); return nil })
	})
	pipeText(d, "in", "-=0@0 -=1@0")
	// Output: 1 2 3 5 8 13 21 34 55
}
