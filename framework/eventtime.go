package framework

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/internal/engine"
)

// EventTime takes the event times of the topic's records from their values: f returns when that which the value tells of
// happened, the zero time where the value does not say. Without it a record's event time is its timestamp. f is called
// once for each record, on the task's goroutine, and the same value must always give the same time. Event times are kept
// to the millisecond.
//
// A tombstone of a table has no value to ask: its event time is its timestamp, and the watermark stays where it is.
func (t Topic[K, V]) EventTime(f func(V) time.Time) Topic[K, V] {
	t.at, t.source.extracts = f, true
	return t
}

// Disorder allows event times within a partition to be out of order by d: a record is late when its event time is more
// than d before the highest one that was read before it. The watermark is behind that one by d, so that windows
// close later by as much. The default is 0, a partition in order.
func (t Topic[K, V]) Disorder(d time.Duration) Topic[K, V] { t.source.disorder = d; return t }

// IdleAfter leaves a partition out of the watermark when it is read to its end and nothing came for d: windows close
// without it. What it brings later than that is late by luck, so that results may differ between two runs; it is counted
// on its own ("late_idle"). The default, 0, waits for every partition, however long it is silent.
func (t Topic[K, V]) IdleAfter(d time.Duration) Topic[K, V] { t.source.idle = d; return t }

// NoFurtherAhead bounds the times that EventTime finds: one that is more than d after the record's own timestamp is bad,
// see OnBadTime. One wrong clock among those who write would else bring the watermark far ahead, and make all other
// records late. The clock of this machine has no say, so that a second run decides alike. By default there is no bound.
func (t Topic[K, V]) NoFurtherAhead(d time.Duration) Topic[K, V] {
	t.source.ahead, t.source.bounded = d, true
	return t
}

// OnBadTime says what happens to a record whose event time is missing (EventTime's function returned the zero time),
// before 1970, or too far ahead (see NoFurtherAhead, and beyond what an int64 of milliseconds can count with):
//   - Fail, the default, stops the application with an error that names the record.
//   - Skip drops it and counts it: "missing_time", "negative_time", "far_future".
//   - Clamp takes it with another time: the record's timestamp in the place of a missing one, 1970-01-01 for what is before
//     it, and the bound for what is beyond it.
//   - DeadLetter(topic) sends it there.
//
// The time of a record that goes no further leaves the watermark where it is.
func (t Topic[K, V]) OnBadTime(p Policy) Topic[K, V] { t.source.badTime = p; return t }

// disorderMs returns the allowed disorder, ms. It is rounded up: times are cut to the millisecond, which may bring two of
// them further apart.
func (o sourceOptions) disorderMs() int64 {
	ms := o.disorder.Milliseconds()
	if time.Duration(ms)*time.Millisecond < o.disorder {
		ms++
	}
	return ms
}

// checkSources: what is set on a source makes sense.
func (b *build) checkSources() {
	for _, n := range b.topology.nodes {
		if n.reads == nil {
			continue
		}
		o := n.reads.source
		if o.disorder < 0 || o.idle < 0 || o.ahead < 0 {
			b.fault("%s: a duration is negative: Disorder(%s), IdleAfter(%s), NoFurtherAhead(%s)", n, o.disorder, o.idle, o.ahead)
		}
		switch {
		case o.bounded && !o.extracts:
			b.fault("%s: NoFurtherAhead compares the times that EventTime finds with the records' own, and there is no EventTime", n)
		case o.bounded && n.reads.factory.Timeless:
			b.fault("%s: NoFurtherAhead compares event times with the records' own timestamps, and those of topic %s say nothing: leave it out", n, n.reads.name)
		}
		if o.badRecord == Clamp {
			b.fault("%s: OnBadRecord(Clamp): a record that cannot be decoded has nothing to clamp: use Fail, Skip or DeadLetter(topic)", n)
		}
		if o.gap != Fail && o.gap != Skip {
			b.fault("%s: OnGap: records that were deleted are nowhere to be had: use Fail or Skip", n)
		}
	}
}

// needTime records the fault of what is to come behind the node, and needs event time, where a source has none.
func (n *node) needTime(what string) {
	seen := map[*node]bool{}
	var visit func(at *node)
	visit = func(at *node) {
		if seen[at] {
			return
		}
		seen[at] = true
		switch use := at.reads; {
		case use == nil:
		case use.internal:
			for _, writer := range n.topology.nodes {
				if writer.writes == use {
					visit(writer)
				}
			}
		case use.factory.Timeless && !use.source.extracts:
			n.topology.fault(fmt.Errorf("%s (after [%s]): windows need event time, but topic %s gives none: add .EventTime(f) to it", what, n, use.name))
		}
		for _, up := range at.in {
			visit(up)
		}
	}
	visit(n)
}

// latestTime is the latest event time, ms since the epoch, some 146 million years ahead: what windows and graces add to it
// fits into an int64, and no watermark is taken for the end of the input.
const latestTime = math.MaxInt64 / 2

// timeFault is what may be wrong with an event time.
type timeFault int8

const (
	timeGood timeFault = iota
	timeMissing
	timeNegative
	timeFarAhead
)

var timeReasons = [...]engine.Reason{timeMissing: engine.DropMissingTime, timeNegative: engine.DropNegativeTime, timeFarAhead: engine.DropFarFuture}

// timeRule says which of the event times that values tell are good.
type timeRule struct {
	ahead   int64 // ms that one may be after the record's own timestamp
	bounded bool
}

// judge returns an event time, ms since the epoch, and what is wrong with it: then the time is what Clamp makes of it.
// own is the record's timestamp, ms.
func (t timeRule) judge(at time.Time, own int64) (ms int64, fault timeFault) {
	switch seconds := at.Unix(); {
	case at.IsZero():
		return max(0, min(own, latestTime)), timeMissing
	case seconds < 0:
		return 0, timeNegative
	case seconds > latestTime/1000: // its milliseconds may not fit
		ms = math.MaxInt64
	default:
		ms = at.UnixMilli()
	}
	if latest := t.latest(own); ms > latest {
		return max(0, latest), timeFarAhead
	}
	return ms, timeGood
}

// latest returns the latest good time of a record with that timestamp; it is negative where none is.
func (t timeRule) latest(own int64) int64 {
	if !t.bounded || own > latestTime-t.ahead {
		return latestTime
	}
	return own + t.ahead
}

// judgeOwn is judge for a record's own timestamp.
func judgeOwn(own int64) (ms int64, fault timeFault) {
	switch {
	case own < 0:
		return 0, timeNegative
	case own > latestTime:
		return latestTime, timeFarAhead
	}
	return own, timeGood
}

// timeError says what is wrong with the time of a record; at is what its value told, where it was asked.
func (s *intake) timeError(fault timeFault, r *connector.Record, at time.Time) error {
	switch {
	case !s.options.extracts && fault == timeNegative:
		return errNegativeTime
	case !s.options.extracts:
		return fmt.Errorf("the record's timestamp, %d ms since 1970, is beyond what can be counted with", r.Time)
	case fault == timeMissing:
		return errMissingTime
	case fault == timeNegative:
		return fmt.Errorf("its event time, %s, is before 1970", at.UTC().Format(time.RFC3339Nano))
	case s.rule.latest(r.Time) == latestTime:
		return fmt.Errorf("its event time, in the year %d, is beyond what can be counted with", at.UTC().Year())
	}
	return fmt.Errorf("its event time, %s, is more than %s ahead of its timestamp, %s",
		at.UTC().Format(time.RFC3339Nano), s.options.ahead, time.UnixMilli(r.Time).UTC().Format(time.RFC3339Nano))
}

// timeAdvice says what to do about a bad time.
func (s *intake) timeAdvice() string {
	if s.options.extracts {
		return "; mend the producer, or pass such records over with OnBadTime(framework.Skip)"
	}
	return ": set the producer's timestamps, or pass such records over with OnBadTime(framework.Skip)"
}

var (
	errNegativeTime = errors.New("the record's timestamp is negative")
	errMissingTime  = errors.New("it has no event time: the function of EventTime returned the zero time")
)
