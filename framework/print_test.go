package framework_test

import (
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/frameworktest"
	"github.com/millrace/millrace/framework/internal/driver"
	"github.com/millrace/millrace/framework/internal/engine"
)

func TestPrintWritesALineForEachRecordWithWhatBelongsToIt(t *testing.T) {
	texts := frameworktest.Topic("in", codec.String, codec.String)
	headers := []framework.Header{{Key: "trace", Value: []byte("4711")}, {Key: "raw", Value: []byte{0xff, 0}}, {Key: "none"}}
	for name, c := range map[string]struct {
		record framework.Record[string, string]
		want   string
	}{
		"key and value":      {framework.Record[string, string]{Key: "a", Value: "x y"}, "a: x y"},
		"an empty value":     {framework.Record[string, string]{Key: "", Value: ""}, `"": ""`},
		"what breaks a line": {framework.Record[string, string]{Key: "a", Value: "x\ny\x1b[2J"}, `a: "x\ny\x1b[2J"`},
		"what is not UTF-8":  {framework.Record[string, string]{Key: "ä", Value: "\xff"}, `ä: "\xff"`},
		"headers":            {framework.Record[string, string]{Key: "a", Value: "x", Headers: headers}, `a: x {trace: 4711, raw: "\xff\x00", none: ""}`},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			d := frameworktest.New(t, func(t *framework.Topology) { t.From(texts).PrintTo(&out) })
			c.record.Time = at(1234)
			d.PipeRecord(texts, c.record)
			if want := "1970-01-01T00:00:01.234Z in/0@0 " + c.want + "\n"; out.String() != want {
				t.Errorf("got  %swant %s", out.String(), want)
			}
		})
	}
}

func TestPrintShowsTombstonesAndRecordsWithoutKeyOrPlace(t *testing.T) {
	var out strings.Builder
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(lines).PrintTo(&out)
		t.Table("last", numbers).PrintTo(&out) // no terminal
	})
	pipe(d, lines, "word")
	pipeText(d, "in", "a=1@10 a=-@20")
	const want = `1970-01-01T00:00:00.000Z lines/0@0 word
1970-01-01T00:00:00.010Z - a: 1
1970-01-01T00:00:00.020Z - a: (deleted)
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

func TestPrintReturnsTheErrorOfTheWriter(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).PrintTo(brokenWriter{}) })
	err := d.TryPipeRaw("in", rawOf("a=1@10"))
	const want = "operator print 1, topic in, partition 0, offset 0: print the record: broken on purpose"
	if !errors.Is(err, errBroken) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestPrintWritesOneLineAtATimeWhileTasksRunAtTheSameTime(t *testing.T) {
	var out strings.Builder // the race detector watches it
	top := framework.New()
	top.From(hotKeyed).PrintTo(&out)
	plan, err := top.Plan("app")
	if err != nil {
		t.Fatal(err)
	}
	var tasks sync.WaitGroup
	for partition := range int32(3) {
		step := roundsOf(t, plan, driver.TaskEnv{Context: t.Context(), Partition: partition, Partitions: []int32{3}, Tasks: 3})
		tasks.Go(step)
	}
	tasks.Wait()
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 3*hotRecords {
		t.Errorf("%d lines for %d records", len(lines), 3*hotRecords)
	}
	for _, line := range lines {
		if !whole.MatchString(line) {
			t.Errorf("a line is %q", line)
		}
	}
}

var whole = regexp.MustCompile(`^1970-01-01T00:00:00.000Z in/[0-2]@\d+ 3: \d+$`)

// roundsOf returns a function that sends a round of records through a task.
func roundsOf(t *testing.T, plan *driver.Plan, e driver.TaskEnv) func() {
	t.Helper()
	task, err := plan.Build(e)
	if err != nil {
		t.Fatal(err)
	}
	task.Seek(0, 0, engine.Times{})
	task.Begin(new(engine.Pool).NewArena())
	return func() {
		for i := range int64(hotRecords) {
			r := connector.Record{Offset: i, Key: []byte("key"), Value: []byte{0, 0, 0, 0, 0, 0, 0, byte(i)}}
			if _, err := task.Step(0, []connector.Record{r}); err != nil {
				t.Error(err)
			}
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func ExampleStream_Print() {
	orders := frameworktest.Topic("orders", codec.String, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) { t.From(orders).Map(double).Print() })
	d.Pipe(orders, "ann", 100, at(0))
	d.Pipe(orders, "bob", 250, at(1500))
	// Output:
	// 1970-01-01T00:00:00.000Z orders/0@0 ann: 200
	// 1970-01-01T00:00:01.500Z orders/0@1 bob: 500
}

func ExampleTable_Print() {
	orders := frameworktest.Topic("orders", codec.String, codec.Int)
	d := frameworktest.New(nil, func(t *framework.Topology) { t.From(orders).Grouped().Count("counts").Print() })
	d.Pipe(orders, "ann", 100, at(0))
	d.Pipe(orders, "ann", 250, at(1500))
	// Output:
	// 1970-01-01T00:00:00.000Z - ann: 1
	// 1970-01-01T00:00:01.500Z - ann: 2
}
