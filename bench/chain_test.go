package bench

import (
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
)

// chain is some operators between a source and a sink.
type chain[K comparable] func(framework.Stream[K, int]) framework.Stream[K, int]

// chains are ten operators of one kind each.
func chains[K comparable]() map[string]chain[K] {
	one := make([]int, 1)
	return map[string]chain[K]{
		"map":    ten(func(s framework.Stream[K, int]) framework.Stream[K, int] { return s.Map(inc) }),
		"filter": ten(func(s framework.Stream[K, int]) framework.Stream[K, int] { return s.Filter(natural) }),
		"flat map": ten(func(s framework.Stream[K, int]) framework.Stream[K, int] {
			return s.FlatMap(func(n int) []int { one[0] = n + 1; return one })
		}),
		"user": ten(func(s framework.Stream[K, int]) framework.Stream[K, int] { return s.Process("", incOperator[K]) }),
	}
}

func ten[K comparable](operator chain[K]) chain[K] {
	return func(s framework.Stream[K, int]) framework.Stream[K, int] {
		for range hops {
			s = operator(s)
		}
		return s
	}
}

func inc(n int) int { return n + 1 }

func natural(n int) bool { return n >= 0 }

// incOperator is an operator as a user writes it.
func incOperator[K comparable](_ *framework.Op, next framework.Emit[K, int]) framework.Emit[K, int] {
	return func(m *framework.Meta, k K, v int) error { return next(m, k, v+1) }
}

// tenFunctions is what a program without a framework calls for each record. It is a variable so that nothing is inlined.
var tenFunctions = []func(int) int{inc, inc, inc, inc, inc, inc, inc, inc, inc, inc}

func loopOverFunctions() {
	for i := range chunkRecords {
		v := i
		for _, f := range tenFunctions {
			v = f(v)
		}
		sum += v
	}
}

func unkeyed(tb testing.TB, kind string) func() {
	return drive(tb, codec.None, framework.None{}, chains[framework.None]()[kind])
}

func keyed(tb testing.TB, kind string) func() {
	return drive(tb, codec.String, "a customer", chains[string]()[kind])
}

func BenchmarkTenMapsAgainstALoopOverTenFunctions(b *testing.B) {
	compare(b, "ten maps", unkeyed(b, "map"), "a loop over ten function values", loopOverFunctions, 3)
}

func BenchmarkTenFiltersAgainstTenMaps(b *testing.B) {
	compare(b, "ten filters", unkeyed(b, "filter"), "ten maps", unkeyed(b, "map"), 1.5)
}

func BenchmarkTenFlatMapsAgainstTenMaps(b *testing.B) {
	compare(b, "ten flat maps", unkeyed(b, "flat map"), "ten maps", unkeyed(b, "map"), 1.5)
}

func BenchmarkTenOperatorsOfAUserAgainstTenMaps(b *testing.B) {
	compare(b, "ten operators of a user", unkeyed(b, "user"), "ten maps", unkeyed(b, "map"), 1.5)
}

func BenchmarkTenOperatorsOfAUserAgainstTenMapsWithKeys(b *testing.B) {
	compare(b, "ten operators of a user, with keys", keyed(b, "user"), "ten maps", keyed(b, "map"), 1.5)
}

func TestAllocationsOfChains(t *testing.T) {
	for kind := range chains[string]() {
		for keys, side := range map[string]func(){"without keys": unkeyed(t, kind), "with keys": keyed(t, kind)} {
			if allocs := testing.AllocsPerRun(100, side); allocs > 0 {
				t.Errorf("ten of %s %s: %.0f allocations for %d records", kind, keys, allocs, chunkRecords)
			}
		}
	}
}
