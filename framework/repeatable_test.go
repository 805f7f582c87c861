package framework_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/connectors/kafka"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
)

// classesOf builds a graph and returns the classes of the nodes that are not repeatable, by name.
func classesOf(t *testing.T, declare func(t *framework.Topology)) map[string]string {
	t.Helper()
	top := framework.New()
	declare(top)
	if _, err := top.Plan("app"); err != nil {
		t.Fatal(err)
	}
	var description struct {
		Nodes []struct{ Name, Class, Why string }
	}
	if err := json.Unmarshal(top.Describe().JSON(), &description); err != nil {
		t.Fatal(err)
	}
	classes := map[string]string{}
	for _, n := range description.Nodes {
		if n.Class != "repeatable" {
			if classes[n.Name] = n.Class; n.Why == "" {
				t.Errorf("%s is %s, and nothing says why", n.Name, n.Class)
			}
		}
	}
	return classes
}

func TestEachNodeHasAClass(t *testing.T) {
	byLength := func(n int) string { return strings.Repeat("k", n) }
	one, out := kafka.Topic("one", codec.String, codec.Int, kafka.Partitions(1)), kafka.Topic("out", codec.String, codec.Int)
	keep := func(a, b int) int { return b }
	for name, c := range map[string]struct {
		declare func(t *framework.Topology)
		want    map[string]string
	}{
		"finals of windows": {func(t *framework.Topology) {
			t.From(numbers).GroupBy(byLength).Tumbling(time.Hour).Emit(framework.OnClose).Count("hourly").Stream().Named("finals").To(counts)
		}, nil},
		"a scan of a topic's own keys": {func(t *framework.Topology) { t.From(numbers).Scan("scan", 0, keep).To(results) }, nil},
		"a scan of other keys": {func(t *framework.Topology) {
			t.From(numbers).KeyBy(byLength).Scan("scan", 0, keep).To(results)
		}, map[string]string{"scan scan": "arrival", "sink out": "arrival"}},
		"a scan of what comes from one partition": {func(t *framework.Topology) {
			t.From(one).KeyBy(byLength).Scan("scan", 0, keep).To(out)
		}, nil},
		"a reduction of two topics": {func(t *framework.Topology) {
			t.From(numbers).Merge(t.From(third)).Grouped().Reduce("last", keep).Stream().To(results)
		}, map[string]string{"reduce last": "arrival", "sink out": "arrival"}},
		"windows of counts": {func(t *framework.Topology) {
			t.From(numbers).GroupBy(byLength).TumblingCount(3).Count("threes").Stream().To(counts)
		}, map[string]string{"count threes": "arrival", "sink out": "arrival"}},
		"a count of a table's updates": {func(t *framework.Topology) {
			t.From(numbers).Grouped().Count("first").Stream().Grouped().Count("second").Stream().To(counts)
		}, map[string]string{"count second": "arrival", "sink out": "arrival"}},
		"the clock, and all behind it": {func(t *framework.Topology) {
			t.From(numbers).RateLimit(1, time.Second).GroupBy(byLength).Tumbling(time.Hour).Emit(framework.OnClose).Count("hourly").Stream().To(counts)
		}, map[string]string{"rate-limit 1": "clock", "key-by 2": "clock", "tumbling 3": "clock", "combine hourly": "clock", "repartitioned hourly": "clock", "count hourly": "clock", "sink out": "clock"}},
		"a source that may be idle": {func(t *framework.Topology) {
			t.From(numbers.IdleAfter(time.Minute)).To(results)
		}, map[string]string{"source in": "clock", "sink out": "clock"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := classesOf(t, c.declare)
			for node, class := range c.want {
				if got[node] != class {
					t.Errorf("%s is %q, want %s", node, got[node], class)
				}
			}
			if len(got) != len(c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestRequireRepeatableNamesWhatIsNot(t *testing.T) {
	top := framework.New()
	top.RequireRepeatable()
	top.From(numbers).TimedWindow(time.Second, func(v []int) int { return len(v) }).To(results)
	top.From(third).KeyBy(func(n int) string { return "" }).Scan("scan", 0, func(a, b int) int { return b }).To(results)
	_, err := top.Plan("app")
	want := []string{
		"RequireRepeatable: the results of timed-window 1 depend on the wall clock: timed-window 1 goes by the wall clock",
		"RequireRepeatable: the results of scan scan depend on the order of arrival: scan scan keeps state by the order in which records of several partitions come",
	}
	if err == nil || err.Error() != strings.Join(want, "\n") {
		t.Errorf("got %v, want\n%s", err, strings.Join(want, "\n"))
	}
	top = framework.New()
	top.RequireRepeatable()
	top.From(numbers).Grouped().Tumbling(time.Hour).Emit(framework.OnClose).Count("hourly").Stream().To(counts)
	if _, err := top.Plan("app"); err != nil {
		t.Errorf("finals of windows are repeatable: %v", err)
	}
}

func TestWindowsThatCannotBeAreRefused(t *testing.T) {
	minute := time.Minute
	for want, declare := range map[string]func(g framework.Grouped[string, int]){
		"tumbling (after [group 1]): a size of 0s: it is 1ms at least":                                              func(g framework.Grouped[string, int]) { g.Tumbling(0).Count("n") },
		"tumbling (after [group 1]): a size of -1m0s: it is 1ms at least":                                           func(g framework.Grouped[string, int]) { g.Tumbling(-minute).Count("n") },
		"tumbling (after [group 1]): a size of 1.5ms: event time is in whole milliseconds":                          func(g framework.Grouped[string, int]) { g.Tumbling(1500 * time.Microsecond).Count("n") },
		"hopping (after [group 1]): an advance of 0s: it is 1ms at least":                                           func(g framework.Grouped[string, int]) { g.Hopping(minute, 0).Count("n") },
		"session (after [group 1]): a gap of 0s: it is 1ms at least":                                                func(g framework.Grouped[string, int]) { g.Session(0).Count("n") },
		"sliding-time (after [group 1]): a time difference of -1ns: it is 1ms at least":                             func(g framework.Grouped[string, int]) { g.SlidingTime(-1).Count("n") },
		"tumbling (after [group 1]): a grace of -1m0s: it is not negative":                                          func(g framework.Grouped[string, int]) { g.Tumbling(minute).Grace(-minute).Count("n") },
		"tumbling-count (after [group 1]): windows of 0 records: they have 1 at least":                              func(g framework.Grouped[string, int]) { g.TumblingCount(0).Count("n") },
		"windows (after [group 1]): the Assigner is nil: give it one":                                               func(g framework.Grouped[string, int]) { g.Windows(nil).Count("n") },
		"count n: OnClose and Early are for windows, and this aggregate never closes: use PerCommit or EveryUpdate": func(g framework.Grouped[string, int]) { g.Emit(framework.OnClose).Count("n") },
		"session (after [group 1]): only tumbling and hopping windows have an offset":                               func(g framework.Grouped[string, int]) { g.Session(minute).Offset(minute).Count("n") },
		"aggregate n: session windows are made of others: give the aggregator a Merge": func(g framework.Grouped[string, int]) {
			g.Session(minute).Aggregate("n", framework.Fold(0, func(a, b int) int { return a - b }))
		},
		"tumbling 2 (after [group 1]): its Late is read, and nothing aggregates it: call Late and the aggregate on one and the same Windowed, after its options": func(g framework.Grouped[string, int]) {
			w := g.Tumbling(minute)
			w.Late().To(results)
			w.Grace(minute).Count("n")
		},
	} {
		top := framework.New()
		declare(top.From(numbers).Grouped())
		if _, err := top.Plan("app"); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	top := framework.New()
	in, again := top.From(numbers).Loop("around", 10)
	in.Filter(func(n int) bool { return n > 0 }).To(again)
	in.Grouped().Tumbling(minute).Count("n").Stream().To(counts)
	_, err := top.Plan("app")
	if want := "windows behind the loop around"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
