package engine_test

import (
	"slices"
	"strconv"
	"strings"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/driver"
	"github.com/millrace/millrace/framework/internal/engine"
)

// kept is what a scenario's task has outside of itself: its changelogs, and what is committed.
type kept struct {
	env       driver.TaskEnv
	changelog []connector.Out
	committed []connector.Position
}

func (k *kept) log(changes []connector.Out) {
	for _, o := range changes {
		o.Key, o.Value = slices.Clone(o.Key), slices.Clone(o.Value)
		k.changelog = append(k.changelog, o)
	}
}

func (k *kept) commit(t *engine.Task) {
	k.committed = k.committed[:0]
	for i := range t.Inputs() {
		k.committed = append(k.committed, t.PositionOf(i))
	}
}

// restart makes the task anew, as after a crash or in another process.
func (s *scenario) restart(wiped bool) (err error) {
	if s.task, err = s.plan.Build(s.kept.env); err != nil {
		return err
	}
	for i, p := range s.kept.committed {
		if wiped {
			p.Metadata = ""
		}
		times, err := engine.DecodeTimes(p.Metadata)
		if err != nil {
			return err
		}
		s.task.Seek(i, p.Offset, times)
	}
	s.task.Stores(func(store engine.Store, topic int32) {
		for _, o := range s.kept.changelog {
			if o.Topic == topic && err == nil {
				err = s.task.Restore(topic, o.Key, o.Value, o.Time)
			}
		}
	})
	s.task.Begin(s.pool.NewArena())
	return err
}

// tell tells the task what the driver finds out of a source partition.
func (s *scenario) tell(input, what string) {
	at := s.input(input)
	switch what {
	case "idle", "awake":
		s.task.SetIdle(at, what == "idle")
	case "end":
		s.task.SetEnd(at)
	}
}

func carriedBirth(time int64, birth string) connector.Header {
	at, _ := strconv.ParseInt(birth, 10, 64)
	value, _ := engine.AppendCarried(nil, &engine.Meta{Time: time, Birth: at})
	return connector.Header{Key: engine.ReservedHeader, Value: value}
}

// controlOf reads what an upstream task says.
func controlOf(line string) connector.Header {
	var task, of uint64
	watermark, idle, ended := int64(engine.NoTime), false, false
	for _, f := range strings.Fields(line)[1:] {
		switch name, value, _ := strings.Cut(f, "="); name {
		case "says":
			task, _ = strconv.ParseUint(value, 10, 32)
		case "of":
			of, _ = strconv.ParseUint(value, 10, 32)
		case "watermark":
			watermark, _ = strconv.ParseInt(value, 10, 64)
		case "idle":
			idle = true
		case "end":
			ended = true
		}
	}
	return connector.Header{Key: engine.ReservedHeader, Value: engine.ControlValue(uint32(task), uint32(of), watermark, idle, ended)}
}

// momentOf says how far event time has come at an input: of a source its time, else what each upstream task said.
func momentOf(in *engine.Input) string {
	if in.Upstream == 0 {
		return "time=" + timeOf(in.Time())
	}
	at, idle, ended := in.Heard()
	return "heard=" + timesOf(at, idle, ended)
}

func committedOf(in *engine.Input, times engine.Times) string {
	if in.Upstream == 0 {
		return "time=" + timeOf(times.At[0])
	}
	return "heard=" + timesOf(times.At, times.Idle, nil)
}

func timesOf(at []int64, idle, ended []bool) string {
	var all []string
	for u, t := range at {
		one := timeOf(t)
		if idle != nil && idle[u] {
			one += "-idle"
		}
		if ended != nil && ended[u] {
			one += "-end"
		}
		all = append(all, one)
	}
	return strings.Join(all, ",")
}
