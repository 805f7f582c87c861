package engine_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/driver"
	"github.com/millrace/millrace/framework/internal/engine"
)

// A scenario drives one task by commands and shows, after each, everything that the task wants done and all that it
// holds. Run with -rewrite to accept what it shows.
//
//	task graph=NAME [sub=N] [partition=N] [parts=N] [combine=BYTES]
//	seek       lines topic@offset [time]: where inputs begin
//	restore    lines store key=value[@time]; key alone is a tombstone
//	step       lines topic@offset t=TIME [key=K] [birth=TIME] ["value" | null | control] [header=K], or topic@offset says=TASK of=N
//	           [watermark=TIME] [idle] [end], a control record of an upstream task: a run of one input is one Step
//	flush      ends the round; what is ready is taken. With "lost" its offsets are not committed
//	restart    what was flushed last and committed is where the task goes on. With "wiped" the committed times are gone
//	input      NAME idle | awake | end: what the driver says of a source partition
func TestScenarios(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		if strings.Contains(path, "fuzz") {
			return
		}
		s := &scenario{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.out.Reset()
			if err := s.run(t, d); err != nil {
				fmt.Fprintf(&s.out, "error     %v\n", err)
			}
			s.show()
			return s.out.String()
		})
	})
}

type scenario struct {
	out   strings.Builder
	plan  *driver.Plan // nil for a task made by hand
	task  *engine.Task
	names []string // of topics
	pool  engine.Pool
	kept  kept
	more  func(*strings.Builder) // shows what a task made by hand keeps beside stores
}

func (s *scenario) run(t *testing.T, d *datadriven.TestData) error {
	switch d.Cmd {
	case "task":
		return s.make(t, d)
	case "seek":
		return s.seek(d.Input)
	case "restore":
		return s.restore(d.Input)
	case "step":
		return s.step(t, d)
	case "flush":
		err := s.task.Flush()
		s.ready()
		if err == nil && !d.HasArg("lost") {
			s.commits()
		}
		s.task.Begin(s.pool.NewArena())
		return err
	case "restart":
		return s.restart(d.HasArg("wiped"))
	case "input":
		s.tell(d.CmdArgs[0].Key, d.CmdArgs[1].Key)
		return s.task.Err()
	}
	d.Fatalf(t, "unknown command %s", d.Cmd)
	return nil
}

func (s *scenario) make(t *testing.T, d *datadriven.TestData) error {
	var graph string
	sub, partition, parts, combine := 0, 0, 2, 1<<20
	d.ScanArgs(t, "graph", &graph)
	for name, to := range map[string]*int{"sub": &sub, "partition": &partition, "parts": &parts, "combine": &combine} {
		d.MaybeScanArgs(t, name, to)
	}
	s.plan, s.names, s.more, s.kept = nil, nil, nil, kept{}
	if byHand := tasks[graph]; byHand != nil {
		s.task = byHand(s, int64(combine), int32(parts))
	} else {
		declare := graphs[graph]
		if declare == nil {
			d.Fatalf(t, "unknown graph %s", graph)
		}
		var err error
		if s.plan, err = declare().Plan("w"); err != nil {
			return err
		}
		partitions := make([]int32, len(s.plan.Topics))
		for i, topic := range s.plan.Topics {
			s.names, partitions[i] = append(s.names, topic.Name), int32(parts)
		}
		layout, err := driver.LayOut(s.plan, partitions)
		if err != nil {
			return err
		}
		s.kept.env = driver.TaskEnv{
			Context: context.Background(), Sub: sub, Partition: int32(partition), Partitions: layout.Partitions, Tasks: int32(parts), Combine: int64(combine),
		}
		if s.task, err = s.plan.Build(s.kept.env); err != nil {
			return err
		}
	}
	s.task.Begin(s.pool.NewArena())
	return nil
}

func (s *scenario) seek(lines string) error {
	for _, line := range strings.Split(lines, "\n") {
		f := strings.Fields(line)
		topic, offset, _ := strings.Cut(f[0], "@")
		at, _ := strconv.ParseInt(offset, 10, 64)
		times := engine.Times{}
		if len(f) > 1 {
			t, _ := strconv.ParseInt(f[1], 10, 64)
			times.At = []int64{t}
		}
		s.task.Seek(s.input(topic), at, times)
	}
	return nil
}

func (s *scenario) input(topic string) int {
	return slices.IndexFunc(s.task.Inputs(), func(in *engine.Input) bool { return in.Name == topic })
}

func (s *scenario) restore(lines string) (err error) {
	for _, line := range strings.Split(lines, "\n") {
		name, rest, _ := strings.Cut(line, " ")
		key, value, present := strings.Cut(rest, "=")
		value, at, _ := strings.Cut(value, "@")
		time, _ := strconv.ParseInt(at, 10, 64)
		s.task.Stores(func(store engine.Store, _ int32) {
			if store.Name() == name && err == nil {
				var b []byte
				if present {
					b = bytesOf(value)
				}
				err = store.Restore([]byte(key), b, time)
			}
		})
	}
	return err
}

// step gives each run of lines of one topic to the task.
func (s *scenario) step(t *testing.T, d *datadriven.TestData) error {
	var topic string
	var run []connector.Record
	end := func() error {
		if len(run) == 0 {
			return nil
		}
		n, err := s.task.Step(s.input(topic), run)
		if n < len(run) {
			fmt.Fprintf(&s.out, "taken     %d of %d of %s\n", n, len(run), topic)
		}
		run = nil
		return err
	}
	for _, line := range strings.Split(d.Input, "\n") {
		of, r := parseRecord(t, d, line)
		if of != topic {
			if err := end(); err != nil {
				return err
			}
			topic = of
		}
		run = append(run, r)
	}
	return end()
}

func parseRecord(t *testing.T, d *datadriven.TestData, line string) (topic string, r connector.Record) {
	if before, quoted, ok := strings.Cut(line, `"`); ok {
		r.Value = []byte(strings.TrimSuffix(quoted, `"`))
		line = before
	}
	for i, f := range strings.Fields(line) {
		name, value, _ := strings.Cut(f, "=")
		switch {
		case i == 0:
			of, offset, _ := strings.Cut(f, "@")
			topic = of
			r.Offset, _ = strconv.ParseInt(offset, 10, 64)
		case name == "t":
			r.Time, _ = strconv.ParseInt(value, 10, 64)
		case name == "key":
			r.Key = []byte(value)
		case name == "value":
			r.Value = bytesOf(value)
		case name == "birth":
			r.Headers = append(r.Headers, carriedBirth(r.Time, value))
		case name == "says":
			r.Headers = append(r.Headers, controlOf(line))
			return topic, r
		case name == "header":
			r.Headers = append(r.Headers, connector.Header{Key: value, Value: []byte("h")})
		case f == "control":
			r.Control = true
		case f == "null":
		default:
			d.Fatalf(t, "what is %q in %q", f, line)
		}
	}
	return topic, r
}

// bytesOf encodes a number as an int64, anything else as a string.
func bytesOf(value string) []byte {
	if n, err := strconv.ParseInt(value, 10, 64); err == nil {
		return binary.BigEndian.AppendUint64(nil, uint64(n))
	}
	return []byte(value)
}

// show prints what is ready and not taken, and the state.
func (s *scenario) show() {
	if s.task == nil {
		return
	}
	s.ready()
	for _, in := range s.task.Inputs() {
		fmt.Fprintf(&s.out, "position  %s/%d@%d %s\n", in.Name, in.Partition, in.Position(), momentOf(in))
	}
	if engine.HasWatchers(s.task) {
		fmt.Fprintf(&s.out, "watermark %s\n", timeOf(s.task.Watermark()))
	}
	s.task.Stores(func(store engine.Store, _ int32) {
		fmt.Fprintf(&s.out, "store     %s%s\n", store.Name(), content(store))
	})
	if s.more != nil {
		s.more(&s.out)
	}
	_, drops := s.task.Counts()
	for reason, n := range drops {
		if n > 0 {
			fmt.Fprintf(&s.out, "dropped   %s=%d\n", engine.Reason(reason), n)
		}
	}
}

// ready prints and takes what is to be written.
func (s *scenario) ready() {
	r := s.task.Ready()
	s.kept.log(r.Changelog)
	s.outs("changelog", r.Changelog)
	s.outs("produce", r.Outputs)
	s.task.Done()
}

func (s *scenario) outs(what string, outs []connector.Out) {
	for i := 0; i < len(outs); {
		first := outs[i]
		fmt.Fprintf(&s.out, "%-9s %s/%d", what, s.names[first.Topic], first.Partition)
		for ; i < len(outs) && outs[i].Topic == first.Topic && outs[i].Partition == first.Partition; i++ {
			o := outs[i]
			if engine.IsControl(&connector.Record{Key: o.Key, Value: o.Value, Headers: o.Headers}) {
				fmt.Fprintf(&s.out, " {%s}", engine.ControlText(o.Headers[0].Value))
				continue
			}
			if engine.IsForm(o.Key) {
				fmt.Fprintf(&s.out, " of %s:", o.Value)
				continue
			}
			fmt.Fprintf(&s.out, " %s=%s@%d", text(o.Key), text(o.Value), o.Time)
			for _, h := range o.Headers {
				fmt.Fprintf(&s.out, "{%s}", h.Key)
			}
		}
		s.out.WriteByte('\n')
	}
}

// commits prints what may be committed once all is acknowledged, with its metadata decoded.
func (s *scenario) commits() {
	for i, in := range s.task.Inputs() {
		p := s.task.PositionOf(i)
		times, err := engine.DecodeTimes(p.Metadata)
		if err != nil {
			fmt.Fprintf(&s.out, "error     %v\n", err)
			continue
		}
		fmt.Fprintf(&s.out, "commit    %s/%d@%d %s\n", in.Name, p.Partition.Partition, p.Offset, committedOf(in, times))
	}
	s.kept.commit(s.task)
}
