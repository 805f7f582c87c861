package engine

import "fmt"

// ControlText shows a control record's content.
func ControlText(b []byte) string {
	c, err := readControl(b[1:])
	if err != nil {
		return err.Error()
	}
	w := fmt.Sprint(c.watermark)
	if c.watermark == NoTime {
		w = "none"
	}
	text := fmt.Sprintf("task %d of %d: %s", c.task, c.of, w)
	if c.idle {
		text += " idle"
	}
	if c.ended {
		text += " end"
	}
	return text
}

// ControlValue is the value of a control record's header.
func ControlValue(task, of uint32, watermark int64, idle, ended bool) []byte {
	return control{task, of, watermark, idle, ended}.append(nil)
}

// HasWatchers says that an operator of the task is due by the watermark.
func HasWatchers(t *Task) bool { return len(t.watchers) > 0 }

// Heard returns what a partition of a repartition topic knows of the tasks that write it.
func (in *Input) Heard() (at []int64, idle, ended []bool) {
	return in.front.at, in.front.idleBy, in.front.endedBy
}

// CombinerContent returns how many keys a combiner has in it and how many records they stand for.
func CombinerContent[V, A any](c *Combiner[V, A]) (keys int, records int64) {
	for _, at := range c.filled {
		records += c.partials[at].count
	}
	return len(c.filled), records
}
