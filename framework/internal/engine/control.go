package engine

import "github.com/millrace/millrace/framework/connector"

// feed is a repartition topic that the task writes, and what it told there of its watermark.
type feed struct {
	topic, parts int32
	holdBack     int64
	spoken       bool
	told         control
	at           int64 // when, ns
}

// AddFeed says that the task writes a repartition topic behind operators that hold the watermark back by holdBack ms.
func (t *Task) AddFeed(topic, parts int32, holdBack int64) {
	t.feeds = append(t.feeds, &feed{topic: topic, parts: parts, holdBack: holdBack})
}

// Feeds returns the number of partitions that control records go to, those of stages included.
func (t *Task) Feeds() (partitions int64) {
	for _, f := range t.feeds {
		partitions += int64(f.parts)
	}
	for _, s := range t.stages {
		partitions += s.Feeds()
	}
	return partitions
}

// endEvery is the time between two control records that say that a task has ended: whoever is given a partition of the topic
// later than the first one was read hears of it, too. ns.
const endEvery = 1e9

// tell writes control records: after all that this flush made, where the watermark rose and the interval since the last one is
// over, where a flag changed, at the first flush, and again and again that the input has ended.
func (t *Task) tell() {
	t.telling = Never
	for _, f := range t.feeds {
		c := control{task: uint32(t.Partition), of: uint32(t.Of), watermark: Earlier(t.watermark, f.holdBack)}
		if c.ended = t.Ended(); c.watermark == EndOfInput {
			c.watermark = f.told.watermark
			if !f.spoken {
				c.watermark = NoTime
			}
		}
		c.idle = t.idle()
		again := max(t.ControlEvery, endEvery)
		if f.spoken && c.idle == f.told.idle && c.ended == f.told.ended {
			due := f.at + t.ControlEvery
			switch {
			case c.watermark > f.told.watermark:
			case c.ended:
				due = f.at + again
			default:
				continue
			}
			if t.now < due {
				t.telling = min(t.telling, due)
				continue
			}
		}
		f.spoken, f.told, f.at = true, c, t.now
		if c.ended {
			t.telling = min(t.telling, t.now+again)
		}
		value := t.arena.End(c.append(t.arena.Begin()))
		headers := []connector.Header{{Key: ReservedHeader, Value: value}}
		for p := range f.parts {
			t.outputs = append(t.outputs, connector.Out{Topic: f.topic, Partition: p, Time: t.now / 1e6, Headers: headers})
		}
		t.told += int64(f.parts)
	}
}

// idle says that all inputs are.
func (t *Task) idle() bool {
	for _, in := range t.inputs {
		if !in.Idle() || in.ended {
			return false
		}
	}
	return true
}

// Telling returns when, in ns of the wall clock, a flush would send a watermark that has risen; Never: there is none.
func (t *Task) Telling() int64 { return t.telling }

// Controls counts the control records written.
func (t *Task) Controls() int64 { return t.told }
