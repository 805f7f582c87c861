package bench

import (
	"context"
	"testing"

	"github.com/millrace/millrace/framework"
)

// startGraph runs a graph in memory until the test ends. It returns when the graph takes values.
func startGraph(tb testing.TB, build func(*framework.Topology)) {
	tb.Helper()
	t := framework.New()
	build(t)
	stop, err := t.Start(context.Background(), framework.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := stop(); err != nil {
			tb.Error(err)
		}
	})
}

// emitChunk returns a function that emits a chunk of numbers, each once the receipt of the one before is there.
func emitChunk(tb testing.TB, to *framework.Input[int]) func() {
	ctx := context.Background()
	return func() {
		for i := range chunkRecords {
			if err := to.Emit(ctx, i); err != nil {
				tb.Fatal(err)
			}
		}
	}
}

// emitThroughFive emits through five operators without state and a sink.
func emitThroughFive(tb testing.TB) func() {
	tb.Helper()
	numbers := framework.NewInput[int]("numbers")
	startGraph(tb, func(t *framework.Topology) {
		t.From(numbers).Map(inc).Filter(natural).Map(inc).Filter(natural).Map(inc).ForEach(seed.sink)
	})
	return emitChunk(tb, numbers)
}

// handOver hands each number to another goroutine over an unbuffered channel and waits for it to come back: what a
// receipt costs where the graph has a goroutine of its own.
func handOver(tb testing.TB) func() {
	there, back := make(chan int), make(chan error)
	go func() { // ends with there
		for n := range there {
			sum += n
			back <- nil
		}
		close(back)
	}()
	tb.Cleanup(func() { close(there); <-back })
	return func() {
		for i := range chunkRecords {
			there <- i
			if err := <-back; err != nil {
				tb.Fatal(err)
			}
		}
	}
}

func BenchmarkEmitThroughFiveOperatorsAgainstAHandOver(b *testing.B) {
	compare(b, "emit with receipt through five operators", emitThroughFive(b), "a hand-over over an unbuffered channel and back", handOver(b), 1)
}

func TestEmitAllocatesNothing(t *testing.T) {
	emitAllocates(t, emitThroughFive(t), 0)
}

// The change of a store waits for the end of its round, in a list that is used again.
func TestEmitAllocatesNothingForAChangeOfAStore(t *testing.T) {
	emitAllocates(t, seedInput(t), 0)
}

func emitAllocates(t *testing.T, chunk func(), most float64) {
	t.Helper()
	allocs := testing.AllocsPerRun(100, chunk)
	t.Logf("%.0f allocations for %d values", allocs, chunkRecords)
	if allocs > most+chunkRecords/50 { // the log in memory grows, and the application ends its rounds
		t.Errorf("%.0f allocations for %d values, want %.0f", allocs, chunkRecords, most)
	}
}
