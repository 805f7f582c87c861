package framework

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/millrace/millrace/framework/internal/driver"
	"github.com/millrace/millrace/framework/internal/engine"
)

// Explanation says how far an operator has come in event time, and what holds it back: why a window has not closed. As JSON
// durations are in nanoseconds, and a time that is not known is left out.
type Explanation struct {
	Operator  string          `json:"operator"`
	At        time.Time       `json:"at"`                  // when it was asked
	Watermark time.Time       `json:"watermark,omitzero"`  // of the operator, in the slowest of its tasks here; zero: not known
	Ended     bool            `json:"ended,omitempty"`     // its input has ended
	HoldBack  time.Duration   `json:"hold_back,omitempty"` // by which it is behind the watermark of its task
	Tasks     []ExplainedTask `json:"tasks"`               // of this process
	Of        int             `json:"of"`                  // tasks in all processes
	// Path leads from the slowest task to what holds it back, which is the last step.
	Path []Step `json:"path,omitempty"`
}

// ExplainedTask is how far one task has come.
type ExplainedTask struct {
	Task      string           `json:"task"`
	At        time.Time        `json:"at"` // when its worker told; long ago: a function of the application holds the worker
	Watermark time.Time        `json:"watermark,omitzero"`
	Ended     bool             `json:"ended,omitempty"`
	Due       time.Time        `json:"due,omitzero"` // the watermark at which its next window or timer is due; zero: none is
	Inputs    []ExplainedInput `json:"inputs"`
}

// ExplainedInput is how far one partition has come that a task reads.
type ExplainedInput struct {
	Topic     string        `json:"topic"`
	Partition int32         `json:"partition"`
	Watermark time.Time     `json:"watermark,omitzero"`
	Time      time.Time     `json:"time,omitzero"` // the highest event time that was read, of a source
	Disorder  time.Duration `json:"disorder,omitempty"`
	Lag       int64         `json:"lag"` // records that are to be read; -1: not known
	Standing  Standing      `json:"standing"`
	Pauses    []string      `json:"pauses,omitempty"`
	WaitsFor  string        `json:"waits_for,omitempty"` // the task before it that is slowest
}

// Step is one step from an operator to what holds it back: a partition that a task reads.
type Step struct {
	Task      string        `json:"task"`
	Topic     string        `json:"topic,omitempty"`
	Partition int32         `json:"partition"`
	Standing  Standing      `json:"standing"`
	WaitsFor  string        `json:"waits_for,omitempty"` // the next step's task
	Pauses    []string      `json:"pauses,omitempty"`
	Lag       int64         `json:"lag,omitempty"`
	Silent    time.Duration `json:"silent,omitempty"` // since when nothing came
}

// Standing is what an input does for the watermark.
type Standing string

// The standings of an input, and of a task.
const (
	InputNeverSpoke Standing = "never spoke"             // it has never had a record
	InputIdle       Standing = "idle"                    // it is left out of the watermark
	InputLagging    Standing = "lagging"                 // it has records that are to be read
	InputPaused     Standing = "paused"                  // and is not read for now
	InputSilent     Standing = "silent"                  // it is read to its end
	InputKept       Standing = "kept"                    // an operator keeps records of it for later
	InputWaits      Standing = "waits for upstream"      // a task before it is behind
	InputEnded      Standing = "ended"                   // nothing more comes
	TaskRestores    Standing = "restoring"               // the task's stores are not complete yet
	TaskCloses      Standing = "closing"                 // the task hands on what is due
	TaskElsewhere   Standing = "runs in another process" // what holds it back is known there
	TaskNotHere     Standing = "no task of it is here"   // none of the operator's tasks runs in this process
)

// Explain says how far an operator has come in event time, and why it is no further. The operator is named as in the topology's
// description, or by the name that it was given. What it says is at most a second old. It may be called from any goroutine,
// and costs the application nothing; before Run has begun and for an operator that is not there it returns an error.
func (a *App) Explain(operator string) (Explanation, error) {
	at, err := a.operator(operator)
	if err != nil {
		return Explanation{}, err
	}
	plan, layout := a.progress.Layout()
	if plan == nil {
		return Explanation{}, errNotRunning
	}
	x := explaining{plan, layout, a.progress.Tasks(), time.Now()}
	return x.operator(plan.Operators[at]), nil
}

var errNotRunning = errors.New("the application has not begun to run: there is nothing to explain yet")

// operator finds an operator by its full name, or by the name that it was given.
func (a *App) operator(name string) (int, error) {
	var named, all []string
	found := -1
	for i, o := range a.plan.Operators {
		if o.Title == name {
			return i, nil
		}
		if all = append(all, o.Title); o.Name == name && name != "" {
			found, named = i, append(named, o.Title)
		}
	}
	switch len(named) {
	case 1:
		return found, nil
	case 0:
		return 0, fmt.Errorf("there is no operator %q: there are %s", name, strings.Join(all, ", "))
	}
	return 0, fmt.Errorf("several operators are called %q: say which of %s", name, strings.Join(named, ", "))
}

// operators tells the nodes' names, and how far each is behind the watermark of its task.
func (b *build) operators() (all []driver.Operator) {
	for _, n := range b.topology.nodes {
		o := driver.Operator{Title: n.String(), Sub: b.sub[n.id], HoldBack: b.before[n.id]}
		if !n.automatic {
			o.Name = cmp.Or(n.label, n.name)
		}
		all = append(all, o)
	}
	return all
}

// explaining is what an explanation is made of.
type explaining struct {
	plan   *driver.Plan
	layout *driver.Layout
	tasks  []driver.TaskProgress
	now    time.Time
}

func (x *explaining) operator(o driver.Operator) Explanation {
	e := Explanation{
		Operator: o.Title, At: x.now, HoldBack: time.Duration(min(o.HoldBack, maxMillis)) * time.Millisecond, Of: int(x.layout.Tasks[o.Sub]),
	}
	var slowest *driver.TaskProgress
	for i := range x.tasks {
		t := &x.tasks[i]
		if t.Sub != o.Sub {
			continue
		}
		if e.Tasks = append(e.Tasks, x.task(t)); slowest == nil || t.Watermark < slowest.Watermark {
			slowest = t
		}
	}
	if slowest == nil {
		e.Path = []Step{{Standing: TaskNotHere}}
		return e
	}
	e.Watermark, e.Ended = eventTime(engine.Earlier(slowest.Watermark, o.HoldBack)), slowest.Watermark == engine.EndOfInput
	if !e.Ended {
		e.Path = x.path(slowest, len(x.plan.Subs))
	}
	return e
}

// maxMillis is the longest time.Duration, ms.
const maxMillis = int64(1<<63-1) / int64(time.Millisecond)

// eventTime returns a watermark as a time; zero: it is not known, or is the end of the input.
func eventTime(ms int64) time.Time {
	if ms == engine.NoTime || ms == engine.EndOfInput {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

func (x *explaining) task(t *driver.TaskProgress) ExplainedTask {
	e := ExplainedTask{Task: t.ID, At: t.At, Watermark: eventTime(t.Watermark), Ended: t.Watermark == engine.EndOfInput}
	if t.Due != engine.Never {
		e.Due = eventTime(t.Due)
	}
	for i := range t.Inputs {
		in := &t.Inputs[i]
		e.Inputs = append(e.Inputs, ExplainedInput{
			Topic: x.plan.Topics[in.Topic].Name, Partition: in.Partition, Watermark: eventTime(in.Watermark), Time: eventTime(in.Time),
			Disorder: time.Duration(in.Disorder) * time.Millisecond, Lag: in.Lag, Standing: x.standing(t, in), Pauses: pauseNames(in.Pauses), WaitsFor: x.upstream(in),
		})
	}
	return e
}

// standing says what an input does for the watermark.
func (x *explaining) standing(t *driver.TaskProgress, in *driver.InputProgress) Standing {
	switch between := x.between(in); {
	case in.Ended:
		return InputEnded
	case in.Idle:
		return InputIdle
	case t.Restoring:
		return TaskRestores
	case in.Keeping:
		return InputKept
	case between && in.Slowest < 0 || between && in.Lag == 0:
		return InputWaits
	case in.Pauses != 0: // whether there is anything to be read is not known then
		return InputPaused
	case in.Lag > 0:
		return InputLagging
	case in.Time == engine.NoTime:
		return InputNeverSpoke
	}
	return InputSilent
}

// between says that the input is of a topic between two tasks.
func (x *explaining) between(in *driver.InputProgress) bool {
	return x.plan.Topics[in.Topic].Spec.Role.Internal()
}

// upstream names the task that an input of a repartition topic waits for.
func (x *explaining) upstream(in *driver.InputProgress) string {
	if !x.between(in) || in.Slowest < 0 {
		return ""
	}
	return fmt.Sprintf("%d_%d", x.plan.Topics[in.Topic].Like, in.Slowest)
}

// path follows what holds a task back, through the tasks before it; depth is how many there may be.
func (x *explaining) path(t *driver.TaskProgress, depth int) []Step {
	switch {
	case t.Restoring:
		return []Step{{Task: t.ID, Standing: TaskRestores}}
	case t.Closing:
		return []Step{{Task: t.ID, Standing: TaskCloses}}
	}
	in := slowestInput(t)
	if in == nil {
		return []Step{{Task: t.ID, Standing: InputIdle}}
	}
	step := Step{
		Task: t.ID, Topic: x.plan.Topics[in.Topic].Name, Partition: in.Partition, Standing: x.standing(t, in), Pauses: pauseNames(in.Pauses), Lag: in.Lag,
	}
	if step.Standing == InputSilent || step.Standing == InputNeverSpoke {
		step.Silent = x.now.Sub(in.Active)
	}
	if step.WaitsFor = x.upstream(in); step.Standing != InputWaits || step.WaitsFor == "" || depth == 0 {
		return []Step{step}
	}
	before := slices.IndexFunc(x.tasks, func(t driver.TaskProgress) bool { return t.ID == step.WaitsFor })
	if before < 0 {
		return []Step{step, {Task: step.WaitsFor, Standing: TaskElsewhere}}
	}
	return append([]Step{step}, x.path(&x.tasks[before], depth-1)...)
}

// slowestInput returns the input whose watermark is the task's, nil where all are idle.
func slowestInput(t *driver.TaskProgress) (slowest *driver.InputProgress) {
	for i := range t.Inputs {
		in := &t.Inputs[i]
		if !in.Idle && !in.Ended && (slowest == nil || in.Watermark < slowest.Watermark) {
			slowest = in
		}
	}
	return slowest
}

func pauseNames(p driver.Pause) (names []string) {
	for i := range driver.PauseReasons {
		if p&(1<<i) != 0 {
			names = append(names, driver.PauseName(i))
		}
	}
	return names
}
