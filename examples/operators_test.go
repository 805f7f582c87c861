package examples_test

import (
	"context"
	"fmt"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

// filter is an operator as a user writes it: from the Emit of what is behind it to the Emit that takes its input.
func filter[K comparable, V any](keep func(V) bool, _ *framework.Op, next framework.Emit[K, V]) framework.Emit[K, V] {
	return func(m *framework.Meta, k K, v V) error {
		if !keep(v) {
			return nil
		}
		return next(m, k, v)
	}
}

// The twin of the definition of filter.
func Example_ownFilter() {
	t := framework.New()
	source := framework.NewInput[int]("source")
	evens := t.From(source).With("", filter, even).Collect()
	defer run(t)()

	emit(source, 1, 2, 3, 4)
	fmt.Println(evens.Values())
	// Output: [2 4]
}

// timedWindow hands on, at the end of each interval, what came in it. The first record of an interval holds its offset: after
// a crash the interval is read again.
func timedWindow[K comparable, V any](every time.Duration, op *framework.Op, next framework.Emit[K, []V]) framework.Emit[K, V] {
	var batch []V
	var first framework.Hold
	op.Every(every, func(end time.Time) error {
		var none K
		err := next(&framework.Meta{Time: end.UnixMilli(), NoKey: true}, none, batch)
		first.Release(err)
		batch, first = nil, framework.Hold{}
		return err
	})
	return func(m *framework.Meta, _ K, v V) error {
		if batch == nil {
			first = op.Hold(m)
		}
		batch = append(batch, v)
		return nil
	}
}

// The twin of the definition of timed_window, on the virtual clock of the test driver.
func Example_ownTimedWindow() {
	lines := frameworktest.Topic("lines", codec.None, codec.String)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(lines).With("", timedWindow, time.Second).ForEach(func(_ context.Context, batch []string) error {
			fmt.Println(len(batch), batch)
			return nil
		})
	})
	d.Pipe(lines, framework.None{}, "a", time.UnixMilli(0))
	d.Pipe(lines, framework.None{}, "b", time.UnixMilli(0))
	d.AdvanceClock(2 * time.Second)
	d.Pipe(lines, framework.None{}, "c", time.UnixMilli(0))
	d.AdvanceClock(time.Second)
	// Output:
	// 2 [a b]
	// 0 []
	// 1 [c]
}
