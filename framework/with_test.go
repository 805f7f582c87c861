package framework_test

import (
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

// Where is an operator for streams of any types.
func Where[K comparable, V any](keep func(V) bool, _ *framework.Op, next framework.Emit[K, V]) framework.Emit[K, V] {
	return func(m *framework.Meta, k K, v V) error {
		if m.Deleted || keep(v) {
			return next(m, k, v)
		}
		return nil
	}
}

func TestWithIsProcessWithAnArgument(t *testing.T) {
	checkStream(t, func(s framework.Stream[string, int]) { s.With("where", Where, even).To(results) },
		check{"whose types are inferred", "a=1@10 b=2@20", "b=2@20"},
		check{"no key stays no key", "-=2@10", "-=2@10"},
		check{"and sees tombstones", "a=2@10 a=-@20", "a=2@10 a=-@20"},
	)
}

func TestWithKeepsState(t *testing.T) {
	first := func(n int, op *framework.Op, next emit) emit {
		seen := op.Store(framework.StoreOf[string, int]("seen"))
		return func(m *framework.Meta, k string, v int) error {
			count, _ := seen.Get(k)
			if count == n {
				return nil
			}
			seen.Put(k, count+1)
			return next(m, k, v)
		}
	}
	checkStream(t, func(s framework.Stream[string, int]) { s.With("first", first, 2).To(results) },
		check{"by key", "a=1@10 a=2@20 b=3@30 a=4@40", "a=1@10 a=2@20 b=3@30"})
}

func ExampleStream_With() {
	// An operator as a generic function: its argument comes first, its types are inferred.
	//
	//	func Where[K comparable, V any](keep func(V) bool, op *framework.Op, next framework.Emit[K, V]) framework.Emit[K, V]
	orders := frameworktest.Topic("orders", codec.String, codec.Int)
	large := frameworktest.Topic("large", codec.String, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(orders).With("", Where, func(cents int) bool { return cents > 100 }).To(large)
	})
	d.Pipe(orders, "ann", 100, at(0))
	d.Pipe(orders, "bob", 250, at(0))
	show(d.Read(large))
	// Output: bob 250
}
