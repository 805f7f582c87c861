package framework

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
)

func TestWhatNeedsEventTimeIsRefusedOnASourceWithout(t *testing.T) {
	topic := func(name string, timeless bool) Topic[string, string] {
		return NewTopic(connector.Factory{Kind: "test", Timeless: timeless}, connector.TopicSpec{Name: name}, codec.String, codec.String)
	}
	rows, stamped := topic("rows.csv", true), topic("stamped", false)
	timed := rows.EventTime(func(string) time.Time { return time.Time{} })
	const fault = "tumbling (after [%]): windows need event time, but topic rows.csv gives none: add .EventTime(f) to it"
	upper := func(s string) string { return strings.ToUpper(s) }
	for name, c := range map[string]struct {
		stream func(*Topology) Stream[string, string]
		want   string
	}{
		"directly behind it":   {func(t *Topology) Stream[string, string] { return t.From(rows) }, "source rows.csv"},
		"behind operators":     {func(t *Topology) Stream[string, string] { return t.From(rows).Map(upper) }, "map 1"},
		"behind a repartition": {func(t *Topology) Stream[string, string] { return t.From(rows).Repartition("again") }, "repartitioned again"},
		"behind an aggregate": {func(t *Topology) Stream[string, string] {
			return t.From(rows).GroupBy(upper).Reduce("r", func(a, _ string) string { return a }).Stream()
		}, "reduce r"},
		"where one of two is":       {func(t *Topology) Stream[string, string] { return t.From(stamped).Merge(t.From(rows)) }, "merge 2"},
		"with times":                {func(t *Topology) Stream[string, string] { return t.From(timed) }, ""},
		"behind a topic with times": {func(t *Topology) Stream[string, string] { return t.From(rows).Through(stamped) }, ""},
		"of a topic with stamps":    {func(t *Topology) Stream[string, string] { return t.From(stamped).Repartition("again") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			top := New()
			c.stream(top).n.needTime("tumbling")
			got, want := "", ""
			if c.want != "" {
				want = strings.ReplaceAll(fault, "%", c.want)
			}
			if err := errors.Join(top.faults...); err != nil {
				got = err.Error()
			}
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestAnInMemoryInputHasEventTimes(t *testing.T) {
	top := New()
	top.From(NewInput[int]("numbers")).n.needTime("tumbling")
	if len(top.faults) > 0 {
		t.Error(top.faults)
	}
}
