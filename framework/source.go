package framework

import (
	"errors"
	"fmt"
	"time"

	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

// handler takes the fetched records of one source partition.
type handler = func(m *Meta, r *connector.Record) error

// decoding returns what decodes fetched records and hands them on. at finds the event time in a value, nil where that is
// the record's own timestamp. nulls: a null value is a tombstone; else it is dropped and counted.
func decoding[K comparable, V any](o *opening, n *node, keys codec.Codec[K], values codec.Codec[V], at func(V) time.Time, nulls bool, next Emit[K, V]) handler {
	s := newIntake(o, n)
	entered, id := s.op.enter()
	unkeyed := isNone[K]()
	read := keyCell[K](o, false)
	return func(m *Meta, r *connector.Record) error {
		*entered = id
		if at == nil {
			if good, err := s.stamped(m, r); !good {
				return err
			}
		}
		var k K
		var v V
		var err error
		if unkeyed {
			m.NoKey = true
		} else if r.Key != nil {
			if k, err = keys.Decode(r.Key); err != nil {
				return s.undecodable(m, r, "key", keys.Name(), err)
			}
		}
		if r.Value != nil {
			if v, err = values.Decode(r.Value); err != nil {
				return s.undecodable(m, r, "value", values.Name(), err)
			}
		} else if !nulls {
			s.op.drop(dropNullValue)
			return nil
		}
		if at != nil {
			good := false
			if r.Value != nil {
				good, err = s.timed(m, r, at(v))
			} else {
				good, err = s.untimed(m, r)
			}
			if !good {
				return err
			}
		}
		if read != nil {
			*read = k
		}
		return next(m, k, v)
	}
}

// intake is what a source does with records that needs no types.
type intake struct {
	op      *Op
	task    *engine.Task
	options sourceOptions
	rule    timeRule
	ours    bool           // it reads an internal topic: the engine takes its times
	dead    []*deadLetters // that policies send records to
}

func newIntake(o *opening, n *node) *intake {
	options := n.reads.source
	return &intake{
		op: &Op{o: o, n: n}, task: o.task, options: options, ours: n.reads.internal, dead: o.deadLetters(n),
		rule: timeRule{options.ahead.Milliseconds(), options.bounded},
	}
}

// stamped takes the record's timestamp as its event time; not good: the record goes no further.
func (s *intake) stamped(m *Meta, r *connector.Record) (good bool, err error) {
	ms, fault := judgeOwn(r.Time)
	if fault != timeGood {
		return s.settle(m, r, ms, fault, time.Time{})
	}
	if !s.ours {
		s.task.Timed(m, ms)
	}
	return true, nil
}

// timed takes what the value told as the record's event time.
func (s *intake) timed(m *Meta, r *connector.Record, at time.Time) (good bool, err error) {
	ms, fault := s.rule.judge(at, r.Time)
	if fault != timeGood {
		return s.settle(m, r, ms, fault, at)
	}
	s.task.Timed(m, ms)
	return true, nil
}

// settle does with a bad time what the policy says.
func (s *intake) settle(m *Meta, r *connector.Record, clamped int64, fault timeFault, at time.Time) (good bool, err error) {
	if s.options.badTime == Clamp {
		s.task.Timed(m, clamped)
		return true, nil
	}
	return false, s.refuse(m, r, s.options.badTime, timeReasons[fault], func() error { return s.timeError(fault, r, at) }, s.timeAdvice())
}

// untimed lets a tombstone pass, which no time can be asked of, with its timestamp. That says nothing of how far the
// partition has come.
func (s *intake) untimed(m *Meta, r *connector.Record) (good bool, err error) {
	ms, fault := judgeOwn(r.Time)
	if fault != timeGood && s.options.badTime != Clamp {
		cause := func() error { return fmt.Errorf("the timestamp of a tombstone, %d ms since 1970, is bad", r.Time) }
		return false, s.refuse(m, r, s.options.badTime, timeReasons[fault], cause, s.timeAdvice())
	}
	m.Time, *s.task.EventTime() = ms, ms
	return true, nil
}

// undecodable does with a record that cannot be decoded what the policy says.
func (s *intake) undecodable(m *Meta, r *connector.Record, what, codec string, err error) error {
	return s.refuse(m, r, s.options.badRecord, engine.DropUndecodable, func() error {
		return fmt.Errorf("%w: its %s is no %s: %w", ErrUndecodable, what, codec, err)
	}, "; mend the producer, or pass such records over with OnBadRecord(framework.Skip)")
}

// refuse does with a record that goes no further what the policy says.
func (s *intake) refuse(m *Meta, r *connector.Record, p Policy, reason engine.Reason, cause func() error, advice string) error {
	switch p.kind {
	case policySkip:
		s.op.drop(reason)
		return nil
	case policyDeadLetter:
		for _, dead := range s.dead {
			if dead.topic == p.topic {
				dead.write(m, r, reason.String(), cause())
			}
		}
		s.op.drop(engine.DropDeadLetter)
		return nil
	}
	if s.ours {
		advice = foreignAdvice
	}
	return s.op.fail(m, fmt.Errorf("%w%s", cause(), advice))
}

// foreignAdvice is for records in the application's own topics: no policy passes those over, since results would be wrong in silence.
const foreignAdvice = "; the topic is the application's own: if types or codecs of the graph changed, take the former ones back, or use another store name; if another program wrote it, keep that one from writing there, and begin anew under another application name"

// ErrUndecodable is what an error about a record that cannot be decoded wraps.
var ErrUndecodable = errors.New("undecodable record")
