package engine_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

func topic(name string) framework.Topic[string, string] {
	return framework.NewTopic(connector.Factory{Kind: "test"}, connector.TopicSpec{Name: name}, codec.String, codec.String)
}

func numbers(name string) framework.Topic[string, int64] {
	return framework.NewTopic(connector.Factory{Kind: "test"}, connector.TopicSpec{Name: name}, codec.String, codec.Int64)
}

func declared(declare func(t *framework.Topology)) func() *framework.Topology {
	return func() *framework.Topology {
		t := framework.New()
		declare(t)
		return t
	}
}

// graphs are the topologies of the scenarios, by name.
var graphs = map[string]func() *framework.Topology{
	"words": declared(func(t *framework.Topology) {
		t.From(topic("lines")).
			FlatMap(strings.Fields).
			GroupBy(strings.ToLower).
			Count("counts").
			Stream().
			To(numbers("word-counts"))
	}),
	"each-update": declared(func(t *framework.Topology) {
		t.From(topic("lines")).Grouped().Emit(framework.EveryUpdate).Count("counts").Stream().To(numbers("word-counts"))
	}),
	"filter": declared(func(t *framework.Topology) {
		t.From(topic("lines")).Filter(func(line string) bool { return line != "no" }).To(topic("out"))
	}),
	"skip": declared(func(t *framework.Topology) {
		t.From(numbers("numbers").OnBadRecord(framework.Skip).OnBadTime(framework.Skip)).To(numbers("out"))
	}),
	"strict": declared(func(t *framework.Topology) {
		t.From(numbers("numbers")).To(numbers("out"))
	}),
	"fails": declared(func(t *framework.Topology) {
		t.From(topic("lines")).
			TryMap(func(line string) (string, error) {
				if line == "bad" {
					return "", errors.New("this line is bad")
				}
				return line, nil
			}).Named("parse").
			To(topic("out"))
	}),
	"panics": declared(func(t *framework.Topology) {
		t.From(topic("lines")).
			Map(func(line string) string { return line + "!" }).
			Map(func(line string) string {
				if line == "boom!" {
					panic("a bug of the user's")
				}
				return line
			}).Named("explode").
			Map(func(line string) string { return line }).
			To(topic("out"))
	}),
	"branches": declared(func(t *framework.Topology) {
		lines := t.From(topic("lines"))
		lines.TryMap(func(string) (string, error) { return "", errors.New("left fails") }).Named("left").To(topic("out"))
		lines.Map(strings.ToUpper).To(topic("upper"))
	}),
	"table": declared(func(t *framework.Topology) {
		t.Table("rows", topic("rows")).Stream().To(topic("out"))
	}),
	"combined": declared(func(t *framework.Topology) {
		w := inWindows(topic("lines"), t)
		w.Late().To(topic("late"))
		w.Count("windows").Stream().To(numbers("out"))
	}),
	"uncombined": declared(func(t *framework.Topology) {
		w := inWindows(topic("lines"), t)
		w.Late().To(topic("late"))
		w.Aggregate("windows", counting).Stream().To(numbers("out"))
	}),
	"idles": declared(func(t *framework.Topology) {
		inWindows(topic("lines").IdleAfter(time.Minute), t).Aggregate("windows", counting).Stream().To(numbers("out"))
	}),
	"three-stages": declared(func(t *framework.Topology) {
		longWindows(inWindows(topic("lines"), t))
	}),
	"held-back": declared(func(t *framework.Topology) {
		longWindows(inWindows(topic("lines"), t).Grace(20 * time.Millisecond))
	}),
	"merge": declared(func(t *framework.Topology) {
		t.From(topic("left")).Merge(t.From(topic("right"))).To(topic("out"))
	}),
}

// inWindows puts words into windows of 100 ms.
func inWindows(from framework.Topic[string, string], t *framework.Topology) framework.Windowed[string, string] {
	return t.From(from).GroupBy(strings.ToLower).Tumbling(100 * time.Millisecond).Emit(framework.OnClose)
}

// longWindows puts the results of windows into windows of a second.
func longWindows(w framework.Windowed[string, string]) {
	w.Aggregate("windows", counting).Stream().
		GroupBy(func(int64) string { return "all" }).
		Tumbling(time.Second).Emit(framework.OnClose).
		Aggregate("long-windows", framework.Fold(int64(0), framework.Add[int64])).Stream().
		To(numbers("out"))
}

// counting counts; since it cannot merge, each record goes through the repartition topic by itself.
var counting = framework.Fold(int64(0), func(n int64, _ string) int64 { return n + 1 })

// tasks are tasks made by hand, by name.
var tasks = map[string]func(s *scenario, combine int64, parts int32) *engine.Task{
	"combiner": combinerTask,
	"births":   birthTask,
	"hooks":    hookTask,
}

// combinerTask counts the values of a record's words in a combiner and shows what that holds.
func combinerTask(s *scenario, combine int64, parts int32) *engine.Task {
	s.names = []string{"lines", "partials"}
	t := engine.NewTask(0, 0, []string{"combine"})
	c := engine.NewCombiner(t, 1, parts, combine,
		func() int64 { return 0 },
		func(n int64, _ *engine.Meta, _ string) int64 { return n + 1 },
		func(dst []byte, n int64) ([]byte, error) { return binary.BigEndian.AppendUint64(dst, uint64(n)), nil })
	entered := t.Enter()
	t.AddInput(engine.Input{Topic: 0, Name: "lines", Handle: func(m *engine.Meta, r *connector.Record) error {
		*entered = 0
		for _, word := range strings.Fields(string(r.Value)) {
			if err := c.Add([]byte(word), m, word); err != nil {
				return err
			}
		}
		return nil
	}})
	s.more = func(b *strings.Builder) {
		keys, held := engine.CombinerContent(c)
		fmt.Fprintf(b, "combiner  %d keys, %d records, bypassed %v\n", keys, held, c.Bypassed())
	}
	return t
}

// birthTask shows the birth watermark of each record of a source with an allowed disorder of 100 ms.
func birthTask(s *scenario, _ int64, _ int32) *engine.Task {
	s.names = []string{"lines", "births"}
	t := engine.NewTask(0, 0, nil)
	t.AddInput(engine.Input{Topic: 0, Name: "lines", Disorder: 100, Handle: func(m *engine.Meta, r *connector.Record) error {
		if string(r.Value) == "fail" {
			return errors.New("asked to fail")
		}
		birth := t.Arena().Copy([]byte(timeOf(m.Birth)))
		t.Emit(connector.Out{Topic: 1, Time: m.Time, Key: t.Arena().Copy([]byte("birth")), Value: birth})
		return nil
	}})
	return t
}

// hookTask has hooks of flush that name themselves; the last one to be registered, upstream, runs first.
func hookTask(s *scenario, _ int64, _ int32) *engine.Task {
	s.names = []string{"lines", "out"}
	t := engine.NewTask(0, 0, []string{"sink", "middle", "source"})
	entered := t.Enter()
	fail := false
	for i, name := range []string{"sink", "middle", "source"} {
		t.OnFlush(func() error {
			*entered = int32(i)
			if fail && name == "middle" {
				panic(errors.New("no flush today"))
			}
			t.Emit(connector.Out{Topic: 1, Key: t.Arena().Copy([]byte(name))})
			return nil
		})
	}
	t.AddInput(engine.Input{Topic: 0, Name: "lines", Handle: func(_ *engine.Meta, r *connector.Record) error {
		fail = string(r.Value) == "fail"
		return nil
	}})
	return t
}
