package framework_test

import (
	"context"
	"strconv"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/frameworktest"
	"github.com/millrace/millrace/framework/internal/driver"
	"github.com/millrace/millrace/framework/internal/engine"
)

const hotRecords = 100

// hotPath builds a topology of one task and returns a function that sends a round of records through it, as the driver
// does. It was called once already.
func hotPath(t *testing.T, build func(*framework.Topology)) (step func()) {
	t.Helper()
	top := framework.New()
	build(top)
	plan, err := top.Plan("app")
	if err != nil {
		t.Fatal(err)
	}
	partitions := make([]int32, len(plan.Topics))
	for i := range partitions {
		partitions[i] = 1
	}
	task, err := plan.Build(driver.TaskEnv{Context: context.Background(), Partitions: partitions, Tasks: 1, Combine: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	task.Seek(0, 0, engine.Times{})
	arena := new(engine.Pool).NewArena()
	records := make([]connector.Record, hotRecords)
	for i := range records {
		records[i] = connector.Record{Offset: int64(i), Key: []byte("key"), Value: []byte{0, 0, 0, 0, 0, 0, 0, byte(1 + i)}}
	}
	step = func() {
		task.Begin(arena)
		if _, err := task.Step(0, records); err != nil {
			t.Fatal(err)
		}
		if err := task.Flush(); err != nil {
			t.Fatal(err)
		}
		task.Done()
		arena.Release()
		for i := range records {
			records[i].Offset += hotRecords
		}
	}
	step()
	return step
}

func TestWritingAllocatesNothingForARecord(t *testing.T) {
	out, twice := frameworktest.Topic("out", codec.None, codec.Int), frameworktest.Topic("twice", codec.None, codec.Int)
	for name, build := range map[string]func(*framework.Topology){
		"to a sink": func(t *framework.Topology) { t.From(hot).To(out) },
		"to a sink with keys": func(t *framework.Topology) {
			t.From(hot).KeyBy(digit).To(frameworktest.Topic("out", codec.Int, codec.Int))
		},
		"to two sinks":       func(t *framework.Topology) { s := t.From(hot).Map(double); s.To(out); s.To(twice) },
		"to a repartition":   func(t *framework.Topology) { t.From(hot).KeyBy(digit).Repartition("again").ForEach(nothing) },
		"to partial results": func(t *framework.Topology) { t.From(hot).GroupBy(digit).Count("counts") },
		"to a changelog":     func(t *framework.Topology) { t.From(hotKeyed).Grouped().Count("counts") },
		"at every update":    func(t *framework.Topology) { t.From(hotKeyed).Grouped().Emit(framework.EveryUpdate).Count("counts") },
		"to a store of a user": func(t *framework.Topology) {
			t.From(hotKeyed).Process("totals", total(framework.StoreOf[string, int]("totals"))).ForEach(nothing)
		},
	} {
		t.Run(name, func(t *testing.T) {
			if allocs := testing.AllocsPerRun(20, hotPath(t, build)); allocs > 1 { // one a round for its stores
				t.Errorf("%.0f allocations for %d records", allocs, hotRecords)
			}
		})
	}
}

var (
	hot      = frameworktest.Topic("in", codec.None, codec.Int)
	hotKeyed = frameworktest.Topic("in", shortKey, codec.Int)
)

// shortKey decodes without allocating, which a string that is copied from a record cannot.
var shortKey = codec.New("short",
	func(dst []byte, s string) ([]byte, error) { return append(dst, s...), nil },
	func(b []byte) (string, error) { return strconv.Itoa(len(b)), nil })

func digit(n int) int { return n % 10 }
