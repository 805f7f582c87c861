package examples_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/millrace/millrace/framework"
)

// The twin of annotated elements: the time of an event goes along through all operators, beside the value, with where the
// record was read. Print shows it, and ForEachRecord and MapRecord hand it to a function.
func Example_times() {
	t := framework.New()
	source := framework.NewInput[int]("source")
	s := t.From(source).Map(inc).Filter(even)
	s.PrintTo(os.Stdout)
	s.ForEachRecord(func(_ context.Context, r framework.Record[framework.None, int]) error {
		fmt.Println(r.Value, "happened at", r.Time.Format(time.Kitchen))
		return nil
	})
	defer run(t)()

	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for n := range 4 {
		must(source.EmitAt(context.Background(), n, noon.Add(time.Duration(n)*time.Minute)))
	}
	// Output:
	// 2026-03-01T12:01:00.000Z source/0@1 2
	// 2 happened at 12:01PM
	// 2026-03-01T12:03:00.000Z source/0@3 4
	// 4 happened at 12:03PM
}
