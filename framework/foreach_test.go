package framework_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestForEachCallsItsFunctionWithEachValue(t *testing.T) {
	var seen []int
	d := frameworktest.New(t, func(top *framework.Topology) {
		top.Table("in", numbers).Stream().ForEach(func(ctx context.Context, n int) error {
			if ctx.Err() != nil {
				t.Error("the context has ended before the test")
			}
			seen = append(seen, present(n)) // not called for tombstones
			return nil
		})
	})
	pipeText(d, "in", "a=1@0 b=2@0 a=-@0 a=3@0")
	if want := []int{1, 2, 3}; !slices.Equal(seen, want) {
		t.Errorf("saw %v, want %v", seen, want)
	}
}

func TestForEachRecordCallsItsFunctionWithAllOfARecord(t *testing.T) {
	var seen []string
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).ForEachRecord(func(_ context.Context, r record) error {
			seen = append(seen, fmt.Sprintf("%s=%d@%d %s:%s", r.Key, r.Value, r.Time.UnixMilli(), r.Headers[0].Key, r.Headers[0].Value))
			return nil
		})
	})
	d.PipeRecord(numbers, record{Key: "a", Value: 1, Time: at(10), Headers: []framework.Header{{Key: "h", Value: []byte("v")}}})
	if want := []string{"a=1@10 h:v"}; !slices.Equal(seen, want) {
		t.Errorf("saw %v, want %v", seen, want)
	}
}

func TestForEachStopsWithAnErrorThatNamesOperatorAndRecord(t *testing.T) {
	for kind, end := range map[string]func(framework.Stream[string, int]){
		"for-each 1": func(s framework.Stream[string, int]) {
			s.ForEach(func(context.Context, int) error { return errBroken })
		},
		"for-each-record 1": func(s framework.Stream[string, int]) {
			s.ForEachRecord(func(context.Context, record) error { return errBroken })
		},
	} {
		d := frameworktest.New(t, func(t *framework.Topology) { end(t.From(numbers)) })
		err := d.TryPipeRaw("in", rawOf("a=1@0"))
		want := "operator " + kind + ", topic in, partition 0, offset 0: broken on purpose"
		if !errors.Is(err, errBroken) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestARecordThatForEachFailedOnComesAgainAfterARestart(t *testing.T) {
	healthy := false
	var seen []int
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).ForEach(func(_ context.Context, n int) error {
			if n == 2 && !healthy {
				return errBroken
			}
			seen = append(seen, n)
			return nil
		})
	})
	pipeText(d, "in", "a=1@0")
	if err := d.TryPipeRaw("in", rawOf("a=2@0")); err == nil {
		t.Error("the error is lost")
	}
	healthy = true
	d.Rebuild()
	pipeText(d, "in", "a=3@0")
	if want := []int{1, 2, 3}; !slices.Equal(seen, want) {
		t.Errorf("saw %v, want %v", seen, want)
	}
}

func ExampleStream_ForEach() {
	orders := frameworktest.Topic("orders", codec.None, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(orders).ForEach(func(_ context.Context, cents int) error {
			fmt.Println("stored", cents)
			return nil
		})
	})
	pipe(d, orders, 100, 250)
	// Output:
	// stored 100
	// stored 250
}

func ExampleStream_ForEachRecord() {
	orders := frameworktest.Topic("orders", codec.String, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(orders).ForEachRecord(func(_ context.Context, r framework.Record[string, int]) error {
			fmt.Println(r.Key, "ordered for", r.Value, "at", r.Time)
			return nil
		})
	})
	d.Pipe(orders, "ann", 100, at(0))
	// Output: ann ordered for 100 at 1970-01-01 00:00:00 +0000 UTC
}
