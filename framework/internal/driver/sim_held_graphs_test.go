package driver_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/driver"
)

const simScans = "scans"

// heldGraph is an application whose operators keep records for later. It reads simLines, and writes lines or counts.
type heldGraph struct {
	name  string
	build func(lines framework.Stream[string, string], keep keeper)
	// lines: each line comes out in simCopies, with the number of lines of its key that were folded by then, where it scans.
	lines, scans bool
	// groups: the number of lines of each key, or of each group of lines, comes out in simCounts.
	groups func(key, line string) string
	inner  []string // internal topics that are read in the group
}

// keeper is the operator that a plant replaces: it keeps lines for a while and hands them on in order.
type keeper func(s framework.Stream[string, string]) framework.Stream[string, string]

var heldGraphs = []heldGraph{
	{name: "buffer, scan, rate limit", lines: true, scans: true, build: func(lines framework.Stream[string, string], keep keeper) {
		keep(numbered(lines.Buffer(3)).RateLimit(100, time.Second)).To(simTopic(simCopies))
	}},
	{name: "scan, timed window", lines: true, scans: true, build: func(lines framework.Stream[string, string], keep keeper) {
		keep(numbered(lines)).TimedWindow(700*time.Millisecond, func(lines []string) string { return strings.Join(lines, " ") }).
			To(simTopic(simCopies))
	}},
	{name: "scan, buffer, repartition, count", groups: byGroup, inner: []string{"sim-groups-repartition"}, build: func(lines framework.Stream[string, string], keep keeper) {
		keep(numbered(lines).Buffer(1)).GroupBy(func(line string) string { return byGroup("", line) }).Count("groups").Stream().To(simNumbers())
	}},
	{name: "buffer, count, rate limit", groups: byKey, build: func(lines framework.Stream[string, string], keep keeper) {
		keep(lines.Buffer(3)).Grouped().Count("keys").Stream().RateLimit(50, time.Second).To(simNumbers())
	}},
	{name: "rate limit, round, buffer, timed window", lines: true, build: func(lines framework.Stream[string, string], keep keeper) {
		keep(lines.RateLimit(100, time.Second).Process("", untilRound)).Buffer(2).
			TimedWindow(300*time.Millisecond, func(lines []string) string { return strings.Join(lines, " ") }).
			To(simTopic(simCopies))
	}},
}

func simNumbers() framework.Topic[string, int64] {
	return framework.NewTopic(connector.Factory{Kind: "sim"}, connector.TopicSpec{Name: simCounts}, codec.String, codec.Int64)
}

// numbered appends to each line how many of its key came: "l1:7#7".
func numbered(s framework.Stream[string, string]) framework.Stream[string, string] {
	return s.Scan(simScans, "#0", func(before, line string) string {
		n := 0
		fmt.Sscanf(before[strings.IndexByte(before, '#'):], "#%d", &n)
		return fmt.Sprintf("%s#%d", line, n+1)
	})
}

func byKey(key, _ string) string { return key }

func byGroup(_, line string) string {
	id, _, _ := strings.Cut(line, "#")
	return "group " + id[len(id)-1:]
}

// untilRound keeps what comes until the end of the round, as a user's operator may.
func untilRound(op *framework.Op, next framework.Emit[string, string]) framework.Emit[string, string] {
	type kept struct {
		m    framework.Meta
		k, v string
	}
	var all []kept
	op.OnCommit(func() error {
		waiting := all
		all = nil
		for i := range waiting {
			if err := next(&waiting[i].m, waiting[i].k, waiting[i].v); err != nil {
				return err
			}
		}
		return nil
	})
	return func(m *framework.Meta, k, v string) error {
		all = append(all, kept{*m, k, v})
		all[len(all)-1].m.Headers = nil
		return nil
	}
}

// planted returns the keeper of a plant; without one it keeps nothing.
func planted(p plant) keeper {
	if !slices.Contains([]plant{plantForgets, plantNoDrain, plantReversed, plantNeverOut}, p) {
		return func(s framework.Stream[string, string]) framework.Stream[string, string] { return s }
	}
	return func(s framework.Stream[string, string]) framework.Stream[string, string] {
		return s.With("", keeping, p)
	}
}

// keeping keeps lines for three seconds, with a bug.
func keeping(p plant, op *framework.Op, next framework.Emit[string, string]) framework.Emit[string, string] {
	type kept struct {
		m    framework.Meta
		k, v string
		hold framework.Hold
	}
	var all []kept
	out := func() error {
		waiting := all
		all = nil
		if p == plantReversed {
			slices.Reverse(waiting)
		}
		for i := range waiting {
			w := &waiting[i]
			if err := next(&w.m, w.k, w.v); err != nil {
				return err
			}
			w.hold.Release(nil)
		}
		return nil
	}
	if p != plantNeverOut {
		op.Every(3*time.Second, func(time.Time) error { return out() })
		if p != plantNoDrain {
			op.OnDrain(out)
		}
	}
	return func(m *framework.Meta, k, v string) error {
		w := kept{m: *m, k: k, v: v}
		w.m.Headers = nil
		if p != plantForgets {
			w.hold = op.Hold(m)
		}
		all = append(all, w)
		return nil
	}
}

// plan returns the graph's plan; each line takes the task that long.
func (g heldGraph) plan(t *testing.T, slow time.Duration, p plant) *driver.Plan {
	t.Helper()
	topology := framework.New()
	g.build(topology.From(simTopic(simLines)).Peek(func(string) {
		if slow > 0 {
			time.Sleep(slow)
		}
	}), planted(p))
	plan, err := topology.Plan("sim")
	if err != nil {
		t.Fatal(err)
	}
	return plan
}
