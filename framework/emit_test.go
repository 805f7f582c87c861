package framework_test

import (
	"context"
	"slices"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestEmitSaysWhenAnAggregateHandsItsResultOn(t *testing.T) {
	for _, c := range []struct {
		name          string
		policy        framework.EmitPolicy
		grouped, sent string // by the present key; by another one
		partials      int
	}{
		{"once a round and key", framework.PerCommit, "a=2@30 b=1@20", "odd=2@30 even=1@20", 2},
		{"at every update", framework.EveryUpdate, "a=1@10 b=1@20 a=2@30", "odd=1@10 even=1@20 odd=2@30", 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			regrouped := frameworktest.Topic("regrouped", counts.KeyCodec(), counts.ValueCodec())
			d := frameworktest.New(t, func(t *framework.Topology) {
				s := t.From(numbers)
				s.Grouped().Emit(c.policy).Count("per-key").To(counts)
				s.GroupBy(parity).Emit(c.policy).Count("per-parity").To(regrouped)
			})
			d.Batch(func() { pipeText(d, "in", "a=1@10 b=2@20 a=3@30") })
			if got := readText(d, "out"); got != c.grouped {
				t.Errorf("by the present key: got %s, want %s", got, c.grouped)
			}
			if got := readText(d, "regrouped"); got != c.sent {
				t.Errorf("by another key: got %s, want %s", got, c.sent)
			}
			if got := len(d.ReadRaw("test-per-parity-repartition")); got != c.partials {
				t.Errorf("%d partial results, want %d", got, c.partials)
			}
		})
	}
}

func TestEveryUpdateKeepsHeadersOfTheRecordThatCausedTheResult(t *testing.T) {
	for policy, want := range map[framework.EmitPolicy]int{framework.EveryUpdate: 1, framework.PerCommit: 0} {
		d := frameworktest.New(t, func(t *framework.Topology) {
			t.From(numbers).Grouped().Emit(policy).Count("counts").To(counts)
		})
		r := rawOf("a=1@0")
		r.Headers = []framework.Header{{Key: "h"}}
		d.PipeRaw("in", r)
		if got := len(d.ReadRaw("out")[0].Headers); got != want {
			t.Errorf("%v: %d headers, want %d", policy, got, want)
		}
	}
}

func TestKeysOfResultsMayBeKept(t *testing.T) {
	for policy, name := range map[framework.EmitPolicy]string{framework.EveryUpdate: "every update", framework.PerCommit: "per commit"} {
		t.Run(name, func(t *testing.T) {
			var keys []string
			keep := func(_ context.Context, r framework.Record[string, int]) error {
				keys = append(keys, r.Key)
				return nil
			}
			d := frameworktest.New(t, func(t *framework.Topology) {
				g := t.From(numbers).GroupBy(parity).Emit(policy)
				g.Reduce("sums", add).Stream().ForEachRecord(keep)
				g.Aggregate("totals", framework.Sum[int]()).Stream().ForEachRecord(keep)
				t.From(numbers).KeyBy(parity).Table("last").Stream().ForEachRecord(keep)
			})
			pipeText(d, "in", "a=1@0 a=3@0")
			if want := []string{"odd", "odd", "odd", "odd", "odd", "odd"}; !slices.Equal(keys, want) {
				t.Errorf("kept %q, want %q", keys, want)
			}
		})
	}
}

func TestEmitDoesNotChangeTheHandleThatItIsCalledOn(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		g := t.From(numbers).Grouped()
		g.Emit(framework.EveryUpdate)
		g.Count("counts").To(counts)
	})
	d.Batch(func() { pipeText(d, "in", "a=1@10 a=1@20") })
	if got, want := readText(d, "out"), "a=2@20"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func ExampleGrouped_Emit() {
	words := frameworktest.Topic("words", codec.String, codec.Int)
	last := frameworktest.Topic("last", codec.String, codec.Int64)
	every := frameworktest.Topic("every", codec.String, codec.Int64)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		grouped := t.From(words).Grouped()
		grouped.Count("a").To(last)
		grouped.Emit(framework.EveryUpdate).Count("b").To(every)
	})
	d.Batch(func() { // one round
		d.Pipe(words, "be", 1, at(0))
		d.Pipe(words, "be", 1, at(1))
	})
	show(d.Read(last))
	show(d.Read(every))
	// Output:
	// be 2
	// be 1
	// be 2
}
