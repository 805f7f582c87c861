package engine_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"
)

// The engine reads no clock and does no input or output: the same events give the same bytes.
func TestTheEngineImportsNothingThatActs(t *testing.T) {
	forbidden := []string{
		"context", "crypto/rand", "io", "log", "log/slog", "math/rand", "math/rand/v2", "net", "os", "os/exec", "runtime", "sync", "sync/atomic",
		"syscall", "testing", "time/tzdata",
	}
	for _, file := range sources(t) {
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range forbidden {
				if path == f || strings.HasPrefix(path, f+"/") && path != "runtime/debug" {
					t.Errorf("%s imports %s", name(file), path)
				}
			}
			if strings.Contains(path, "millrace/") && !strings.HasSuffix(path, "framework/connector") {
				t.Errorf("%s imports %s: of the framework the engine knows the types of records only", name(file), path)
			}
		}
	}
}

func TestTheEngineReadsNoClockAndStartsNoGoroutine(t *testing.T) {
	clocks := map[string]bool{
		"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true, "Tick": true, "NewTimer": true, "NewTicker": true,
	}
	for _, file := range sources(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s starts a goroutine", name(file))
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && clocks[n.Sel.Name] {
					t.Errorf("%s calls time.%s", name(file), n.Sel.Name)
				}
			}
			return true
		})
	}
}

// A map's order differs from run to run: what is emitted or encoded must not follow it.
func TestTheEngineRangesOverNoMap(t *testing.T) {
	for _, file := range sources(t) {
		maps := map[string]bool{}
		ast.Inspect(file, func(n ast.Node) bool {
			if f, ok := n.(*ast.Field); ok {
				if _, isMap := f.Type.(*ast.MapType); isMap {
					for _, id := range f.Names {
						maps[id.Name] = true
					}
				}
			}
			return true
		})
		ast.Inspect(file, func(n ast.Node) bool {
			if r, ok := n.(*ast.RangeStmt); ok {
				if x, ok := r.X.(*ast.SelectorExpr); ok && maps[x.Sel.Name] {
					t.Errorf("%s ranges over the map %s", name(file), x.Sel.Name)
				}
			}
			return true
		})
	}
}

var positions = token.NewFileSet()

func name(f *ast.File) string { return positions.Position(f.Package).Filename }

// sources parses the package without its tests.
func sources(t *testing.T) (files []*ast.File) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(positions, e.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if len(files) < 5 {
		t.Fatalf("found %d files", len(files))
	}
	return files
}
