package framework

import (
	"time"

	"github.com/millrace/millrace/framework/internal/engine"
	"github.com/millrace/millrace/framework/state"
)

// clock is the event time of what an operator has in process, for stores whose entries end by it.
type clock struct {
	time int64 // of the record, ms
	come int64 // what event time has come to by it, ms
}

func (c *clock) note(m *Meta) { c.time, c.come = m.Time, max(m.Time, m.Birth) }

// expire has the entries of a store of the operator end.
func (op *Op) expire(name string, after time.Duration, expire func(state.Expiry)) {
	if after < time.Millisecond {
		op.o.build.fault("%s: store %s: TTL(%s): give it a millisecond or more; without TTL entries stay", op.n, name, after)
		return
	}
	if op.clock == nil {
		op.clock = &clock{engine.NoTime, engine.NoTime}
	}
	task, held := op.o.task, op.heldBack()
	expire(state.Expiry{
		After: after, Time: &op.clock.time, Come: &op.clock.come,
		Watermark: func() int64 { return engine.Earlier(task.Watermark(), held) },
	})
}
