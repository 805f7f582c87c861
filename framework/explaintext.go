package framework

import (
	"fmt"
	"strings"
	"time"
)

// String says in one line how far the operator has come and what holds it back, and what can be done about it; then, a line each,
// the way there and what is known of its tasks.
func (e Explanation) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s ", e.Operator)
	switch {
	case e.Ended:
		s.WriteString("is done: its input has ended")
	case len(e.Path) == 0 || e.Path[0].Standing == TaskNotHere:
		fmt.Fprintf(&s, "has %d tasks, and none of them runs in this process", e.Of)
	default:
		fmt.Fprintf(&s, "waits: %s %s", e.watermark(), e.Path[len(e.Path)-1].because())
	}
	s.WriteByte('\n')
	for _, step := range e.Path {
		if step.Standing == InputWaits && step.WaitsFor != "" {
			fmt.Fprintf(&s, "  task %s reads topic %s, partition %d, and waits there for task %s\n", step.Task, step.Topic, step.Partition, step.WaitsFor)
		}
	}
	for _, t := range e.Tasks {
		t.write(&s, e.At)
	}
	return s.String()
}

func (e Explanation) watermark() string {
	switch {
	case e.Watermark.IsZero():
		return "its watermark, which is not known yet,"
	case e.HoldBack > 0:
		return fmt.Sprintf("its watermark, %s (%s behind that of its task),", rfc(e.Watermark), e.HoldBack)
	}
	return "its watermark, " + rfc(e.Watermark) + ","
}

// because says what holds a task back.
func (s Step) because() string {
	where := fmt.Sprintf("is held back by topic %s, partition %d, which", s.Topic, s.Partition)
	switch s.Standing {
	case InputNeverSpoke:
		return where + " has never had a record: IdleAfter(d) on the topic leaves it out"
	case InputSilent:
		return fmt.Sprintf("%s is read to its end and has had no record for %s: its next record brings event time on, or IdleAfter(d) on the topic leaves it out", where, s.Silent.Round(time.Second))
	case InputLagging:
		return fmt.Sprintf("%s has %d records that are to be read", where, s.Lag)
	case InputPaused:
		return fmt.Sprintf("%s is not read for now: paused for %s", where, strings.Join(s.Pauses, ", "))
	case InputKept:
		return where + " an operator keeps records of for later"
	case TaskRestores:
		return fmt.Sprintf("is held back by task %s, which restores its stores", s.Task)
	case TaskCloses:
		return fmt.Sprintf("is held back by task %s, which is handing on what is due", s.Task)
	case TaskElsewhere:
		return fmt.Sprintf("is held back by task %s, which runs in another process: ask there", s.Task)
	case InputIdle:
		return fmt.Sprintf("stands still since all partitions of task %s are idle: their next record brings it on", s.Task)
	case InputWaits:
		return where + " is given no watermark, since all tasks before it are idle"
	}
	return fmt.Sprintf("is held back by task %s", s.Task)
}

func (t ExplainedTask) write(s *strings.Builder, now time.Time) {
	fmt.Fprintf(s, "  task %s: watermark %s", t.Task, orUnknown(t.Watermark, t.Ended))
	if !t.Due.IsZero() {
		fmt.Fprintf(s, ", its next window or timer is due at %s", rfc(t.Due))
	}
	if age := now.Sub(t.At); age > staleAfter {
		fmt.Fprintf(s, "; this is %s old, since a function of the application holds the worker", age.Round(time.Second))
	}
	s.WriteByte('\n')
	for _, in := range t.Inputs {
		fmt.Fprintf(s, "    topic %s, partition %d: watermark %s, %s", in.Topic, in.Partition, orUnknown(in.Watermark, in.Standing == InputEnded), in.Standing)
		if !in.Time.IsZero() {
			fmt.Fprintf(s, ", highest event time %s, disorder %s", rfc(in.Time), in.Disorder)
		}
		if in.Lag > 0 {
			fmt.Fprintf(s, ", lag %d", in.Lag)
		}
		if len(in.Pauses) > 0 {
			fmt.Fprintf(s, ", paused for %s", strings.Join(in.Pauses, ", "))
		}
		if in.WaitsFor != "" {
			fmt.Fprintf(s, ", slowest is task %s", in.WaitsFor)
		}
		s.WriteByte('\n')
	}
}

// staleAfter is how old what a worker told may be without anything being wrong: it tells once a second.
const staleAfter = 3 * time.Second

func orUnknown(t time.Time, ended bool) string {
	switch {
	case ended:
		return "at the end"
	case t.IsZero():
		return "not known"
	}
	return rfc(t)
}

func rfc(t time.Time) string { return t.Format(time.RFC3339Nano) }
