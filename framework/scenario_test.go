package framework_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

// A scenario is a window, and what it says after each step. Run with -rewrite to accept what it shows, and read that then: a
// result counts only if the rules of the window give it by hand.
//
//	window kind=KIND [size=D] [advance=D] [gap=D] [count=N] [grace=D] [offset=D] [disorder=D] [zone=NAME] [emit=POLICY | early=D]
//	in key@time value    a record; or one a line below, which are one round
//	watermark TIME       brings the watermark there
//	restart              stores come back from their changelogs
//	end                  nothing more comes
//
// KIND is tumbling, hopping, sliding, session, tumbling-count, sliding-count, days, days-and-weeks or office-hours; POLICY on-close,
// every-update, or per-commit, which is the default. Times are ms since 1970, or with a zone RFC 3339.
// Shown are results with their window, the values in it and their event time ("-" is a tombstone), late records with the window
// that refused them, and how many were dropped for what.
func TestWindowScenarios(t *testing.T) {
	for name, run := range map[string]windowScenario{
		"by the present key":        {},
		"behind a repartition":      {regrouped: true},
		"with a restart each step":  {restarts: true},
		"a repartition and restart": {regrouped: true, restarts: true},
	} {
		t.Run(name, func(t *testing.T) {
			datadriven.Walk(t, filepath.Join("testdata", "windows"), func(t *testing.T, path string) {
				s := run
				datadriven.RunTest(t, path, s.step)
			})
		})
	}
}

type windowScenario struct {
	regrouped bool // the records' key is made anew, so that they go through a repartition topic
	restarts  bool // after each step

	d         *frameworktest.Driver
	lucky     bool           // what is shown depends on when the task restarts: early results are of what changed since
	zone      *time.Location // nil: times are ms
	inclusive bool           // the ends of windows
	out, late []string
	dropped   map[string]int64 // before the step
}

// item is a value that knows its key.
type item struct{ Key, Value string }

var items = frameworktest.Topic("in", codec.String, codec.JSON[item]())

func keyOfItem(i item) string { return i.Key }

// listed aggregates values to a list, in an order of their own.
var listed = framework.Fold("", func(list string, i item) string { return joined(list, i.Value) }).Merge(joined)

func joined(a, b string) string {
	return strings.Join(sorted(append(strings.Fields(a), strings.Fields(b)...)), " ")
}

func (s *windowScenario) step(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	if d.Cmd != "window" && s.d == nil {
		d.Fatalf(t, "the scenario begins without a window")
	}
	var err error
	switch d.Cmd {
	case "window":
		s.begin(t, d)
	case "in":
		err = s.in(t, d)
	case "watermark":
		err = s.d.TryAdvanceWatermark(s.moment(t, d, d.CmdArgs[0].Key))
	case "end":
		err = s.d.TryEnd()
	case "restart":
		s.d.Rebuild()
	default:
		d.Fatalf(t, "unknown command %s", d.Cmd)
	}
	if err == nil && s.restarts && !s.lucky && d.Cmd != "end" {
		s.d.Rebuild()
	}
	return s.show(err)
}

// begin makes the window that a line declares.
func (s *windowScenario) begin(t *testing.T, d *datadriven.TestData) {
	t.Helper()
	*s = windowScenario{regrouped: s.regrouped, restarts: s.restarts}
	set := settings{}
	for _, arg := range d.CmdArgs {
		set[arg.Key] = arg.FirstVal(t)
	}
	s.lucky = set["early"] != ""
	s.inclusive = slices.Contains([]string{"session", "sliding", "tumbling-count", "sliding-count"}, set["kind"])
	if set["zone"] != "" {
		s.zone = zone(set["zone"])
	}
	s.d = frameworktest.New(t, func(top *framework.Topology) {
		w := set.windows(s.grouped(top.From(items.Disorder(set.length("disorder")))), s.zone)
		w.Late().Process("", shown(s, &s.late, func(i item) string { return i.Value })).ForEach(ignored)
		w.Aggregate("windows", listed).Stream().Process("", shown(s, &s.out, func(list string) string { return list })).ForEach(ignored)
	})
}

func (s *windowScenario) grouped(from framework.Stream[string, item]) framework.Grouped[string, item] {
	if s.regrouped {
		return from.GroupBy(keyOfItem)
	}
	return from.Grouped()
}

// settings are what a window's line sets.
type settings map[string]string

func (set settings) length(name string) time.Duration {
	if set[name] == "" {
		return 0
	}
	d, err := time.ParseDuration(set[name])
	if err != nil {
		panic(err)
	}
	return d
}

func (set settings) windows(g framework.Grouped[string, item], zone *time.Location) framework.Windowed[string, item] {
	count, _ := strconv.Atoi(set["count"])
	var w framework.Windowed[string, item]
	switch kind := set["kind"]; kind {
	case "tumbling":
		w = g.Tumbling(set.length("size"))
	case "hopping":
		w = g.Hopping(set.length("size"), set.length("advance"))
	case "sliding":
		w = g.SlidingTime(set.length("size"))
	case "session":
		w = g.Session(set.length("gap"))
	case "tumbling-count":
		w = g.TumblingCount(count)
	case "sliding-count":
		w = g.SlidingCount(count)
	case "days":
		w = g.Windows(calendarDays{zone})
	case "days-and-weeks":
		w = g.Windows(daysAndWeeks{zone})
	case "office-hours":
		w = g.Windows(officeHours{zone})
	default:
		panic("unknown kind of window " + kind)
	}
	if set["offset"] != "" {
		w = w.Offset(set.length("offset"))
	}
	if set["grace"] != "" {
		w = w.Grace(set.length("grace"))
	}
	return w.Emit(set.policy())
}

func (set settings) policy() framework.EmitPolicy {
	if set["early"] != "" {
		return framework.Early(set.length("early"))
	}
	return map[string]framework.EmitPolicy{"on-close": framework.OnClose, "every-update": framework.EveryUpdate}[set["emit"]]
}

func (s *windowScenario) in(t *testing.T, d *datadriven.TestData) error {
	t.Helper()
	records := strings.Split(d.Input, "\n")
	if d.Input == "" {
		records = []string{d.CmdArgs[0].Key + " " + d.CmdArgs[1].Key}
	}
	var failed error
	return errors.Join(s.d.TryBatch(func() {
		for _, line := range records {
			place, value, _ := strings.Cut(line, " ")
			key, at, _ := strings.Cut(place, "@")
			failed = errors.Join(failed, s.d.TryPipe(items, key, item{key, value}, s.moment(t, d, at)))
		}
	}), failed)
}

func (s *windowScenario) moment(t *testing.T, d *datadriven.TestData, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if s.zone == nil {
		var ms int64
		ms, err = strconv.ParseInt(text, 10, 64)
		at = time.UnixMilli(ms)
	}
	if err != nil {
		d.Fatalf(t, "no time: %s", text)
	}
	return at
}

// shown notes what comes as text.
func shown[V any](s *windowScenario, to *[]string, text func(V) string) func(*framework.Op, framework.Emit[string, V]) framework.Emit[string, V] {
	return func(_ *framework.Op, next framework.Emit[string, V]) framework.Emit[string, V] {
		return func(m *framework.Meta, k string, v V) error {
			line := k
			if m.Win != (framework.Window{}) {
				line += " " + s.frame(m.Win.Bounds())
			}
			if m.Deleted {
				line += " -"
			} else {
				line += " " + text(v)
			}
			*to = append(*to, line+" @"+s.time(m.Time))
			return next(m, k, v)
		}
	}
}

func (s *windowScenario) frame(start, end int64) string {
	if s.inclusive {
		return "[" + s.time(start) + "," + s.time(end) + "]"
	}
	return "[" + s.time(start) + "," + s.time(end) + ")"
}

func (s *windowScenario) time(ms int64) string {
	if s.zone == nil {
		return strconv.FormatInt(ms, 10)
	}
	return time.UnixMilli(ms).In(s.zone).Format("2006-01-02T15:04:05.999Z07:00")
}

// show says what came since the step before.
func (s *windowScenario) show(err error) string {
	var b strings.Builder
	for _, line := range s.out {
		fmt.Fprintf(&b, "out  %s\n", line)
	}
	for _, line := range s.late {
		fmt.Fprintf(&b, "late %s\n", line)
	}
	s.out, s.late = nil, nil
	dropped := s.d.Dropped()
	for _, reason := range slices.Sorted(maps.Keys(dropped)) {
		if n := dropped[reason] - s.dropped[reason]; n > 0 {
			fmt.Fprintf(&b, "dropped %s=%d\n", reason, n)
		}
	}
	s.dropped = dropped
	if err != nil {
		fmt.Fprintf(&b, "error %v\n", err)
	}
	return b.String()
}

func ignored[V any](context.Context, V) error { return nil }
