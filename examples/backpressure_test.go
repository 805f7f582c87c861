package examples_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/frameworktest"
)

// database has room for a few rows.
type database struct{ room int }

func (db *database) write(_ context.Context, row int) error {
	if db.room--; db.room < 0 {
		return errors.New("database is full")
	}
	fmt.Println("written", row)
	return nil
}

// The twin of the receipt in Time and Back Pressure: what the sink returns comes back from Emit, which waits for it.
func Example_receipt() {
	t := framework.New()
	source, db := framework.NewInput[int]("source"), &database{room: 2}
	t.From(source).Map(inc).Scan("total", 0, add).ForEach(db.write)
	defer run(t)()

	for n := range 3 {
		err := source.Emit(context.Background(), n)
		fmt.Println("emitted", n, err)
	}
	// Output:
	// written 1
	// emitted 0 <nil>
	// written 3
	// emitted 1 <nil>
	// emitted 2 operator for-each 3, topic source, partition 0, offset 2: database is full
}

// The twin of the second block of Time and Back Pressure: what came in each 50 ms, without the intervals in which nothing did,
// summed, and a queue of ten before the database. The clock is a test's, and moves when it is told to.
func Example_timedWindow() {
	source, db := framework.NewInput[int]("source"), &database{room: 100}
	clock := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(source).
			TimedWindow(50*time.Millisecond, slices.Clone).
			Filter(some).
			Map(sum).
			Buffer(10).
			ForEach(db.write)
	})
	emit(source, 1, 2)
	clock.AdvanceClock(200 * time.Millisecond)
	emit(source, 3, 4, 5)
	clock.AdvanceClock(50 * time.Millisecond)
	// Output:
	// written 3
	// written 12
}
