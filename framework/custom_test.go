package framework_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

// What operators take when a user writes them. Each is at most ten lines long; a test counts.

// ownMap turns each value into another one.
func ownMap[K comparable, V, U any](f func(V) U, _ *framework.Op, next framework.Emit[K, U]) framework.Emit[K, V] {
	return func(m *framework.Meta, k K, v V) error {
		return next(m, k, f(v))
	}
}

// ownFilter lets the values pass for which keep is true.
func ownFilter[K comparable, V any](keep func(V) bool, _ *framework.Op, next framework.Emit[K, V]) framework.Emit[K, V] {
	return func(m *framework.Meta, k K, v V) error {
		if !keep(v) {
			return nil
		}
		return next(m, k, v)
	}
}

// ownFlatMap turns each value into any number of others.
func ownFlatMap[K comparable, V, U any](f func(V) []U, _ *framework.Op, next framework.Emit[K, U]) framework.Emit[K, V] {
	return func(m *framework.Meta, k K, v V) error {
		for _, u := range f(v) {
			if err := next(m, k, u); err != nil {
				return err
			}
		}
		return nil
	}
}

// ownMerge gives one stream of the records of two.
func ownMerge[K comparable, V any](_ *framework.Op, next framework.Emit[K, V]) (left, right framework.Emit[K, V]) {
	return next, next
}

// ownUnique lets the first record of each key pass.
func ownUnique[K comparable, V any](op *framework.Op, next framework.Emit[K, V]) framework.Emit[K, V] {
	seen := op.Store(framework.StoreOf[K, bool]("seen"))
	return func(m *framework.Meta, k K, v V) error {
		if _, ok := seen.Get(k); ok {
			return nil
		}
		seen.Put(k, true)
		return next(m, k, v)
	}
}

func Example_ownMap() {
	lines := frameworktest.Topic("lines", codec.None, codec.String)
	upper := frameworktest.Topic("upper", codec.None, codec.String)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(lines).With("", ownMap, strings.ToUpper).To(upper)
	})
	pipe(d, lines, "a", "b")
	fmt.Println(values(d.Read(upper)))
	// Output: [A B]
}

func Example_ownFilter() {
	all := frameworktest.Topic("all", codec.None, codec.Int)
	evens := frameworktest.Topic("evens", codec.None, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(all).With("", ownFilter, even).To(evens)
	})
	pipe(d, all, 1, 2, 3, 4)
	fmt.Println(values(d.Read(evens)))
	// Output: [2 4]
}

func Example_ownFlatMap() {
	lines := frameworktest.Topic("lines", codec.None, codec.String)
	words := frameworktest.Topic("words", codec.None, codec.String)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(lines).With("", ownFlatMap, strings.Fields).To(words)
	})
	pipe(d, lines, "to be", "", "or not")
	fmt.Println(values(d.Read(words)))
	// Output: [to be or not]
}

func Example_ownMerge() {
	a := frameworktest.Topic("a", codec.None, codec.Int)
	b := frameworktest.Topic("b", codec.None, codec.Int)
	both := frameworktest.Topic("both", codec.None, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(a).Process2("", t.From(b), ownMerge).To(both)
	})
	pipe(d, a, 1)
	pipe(d, b, 2)
	pipe(d, a, 3)
	fmt.Println(values(d.Read(both)))
	// Output: [1 2 3]
}

func Example_ownUnique() {
	orders := frameworktest.Topic("orders", codec.String, codec.Int)
	first := frameworktest.Topic("first-orders", codec.String, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(orders).Process("unique", ownUnique).To(first)
	})
	d.Pipe(orders, "ann", 100, at(0))
	d.Pipe(orders, "bob", 250, at(1))
	d.Rebuild() // what was seen survives a restart
	d.Pipe(orders, "ann", 50, at(2))
	show(d.Read(first))
	// Output:
	// ann 100
	// bob 250
}

func TestAnOperatorOfAUsersTakesAtMostTenLines(t *testing.T) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "custom_test.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	operators := 0
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || !strings.HasPrefix(f.Name.Name, "own") {
			continue
		}
		operators++
		if lines := files.Position(f.End()).Line - files.Position(f.Pos()).Line + 1; lines > 10 {
			t.Errorf("%s takes %d lines", f.Name.Name, lines)
		}
	}
	if operators != 5 {
		t.Errorf("%d operators were counted, want map, filter, flat map, merge and unique", operators)
	}
}
