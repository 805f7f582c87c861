package engine

import (
	"math"
	"slices"
)

// EndOfInput is the watermark of an input that has ended: nothing more comes.
const EndOfInput = math.MaxInt64

// resultsAtOnce is how many results operators hand on at most before the task goes on with something else: a watermark that
// jumps over a million windows makes no giant round.
const resultsAtOnce = 1024

// Watcher is an operator that is due when the watermark reaches a time.
type Watcher struct {
	holdBack int64
	next     func() int64
	reach    func(w int64, limit int) (n int, err error)
	task     *Task
}

// Watch registers an operator whose watermark is holdBack ms behind the task's. next says at which watermark of the operator
// it is due, Never: at none yet. reach is called with the operator's watermark, which is due or later, and hands on at
// most limit results; it returns how many, and is called again while next is not past the watermark.
func (t *Task) Watch(holdBack int64, next func() int64, reach func(w int64, limit int) (n int, err error)) *Watcher {
	w := &Watcher{holdBack, next, reach, t}
	t.watchers = append(t.watchers, w)
	return w
}

// Scheduled says that next may be as early as that now.
func (w *Watcher) Scheduled(at int64) { w.task.due = min(w.task.due, Later(at, w.holdBack)) }

// Watermark returns the operator's watermark.
func (w *Watcher) Watermark() int64 { return Earlier(w.task.watermark, w.holdBack) }

// Watermark returns how far event time has come: nothing on time comes any more that is older. NoTime: it is not known.
func (t *Task) Watermark() int64 { return t.watermark }

// Later adds a hold-back to a time; what comes after all times is Never.
func Later(at, by int64) int64 {
	if at > Never-by {
		return Never
	}
	return at + by
}

// Earlier takes a hold-back from a watermark; the end of input stays, and what is not known.
func Earlier(w, by int64) int64 {
	if w == EndOfInput || w < NoTime+by {
		return max(w, NoTime)
	}
	return w - by
}

// target returns the watermark that the inputs allow: the lowest of those that are not idle.
func (t *Task) target() int64 {
	lowest, all := int64(EndOfInput), true
	for _, in := range t.inputs {
		if !in.Idle() {
			lowest, all = min(lowest, in.Watermark()), false
		}
	}
	if all {
		return t.watermark
	}
	return lowest
}

// advance brings the watermark to where the inputs allow. While an operator waits with what it was given (a gate is shut) it stays:
// what waits is on time yet when it is handed on.
func (t *Task) advance() {
	target := t.target()
	if t.gates != nil {
		if t.lags = target > t.watermark && t.shut(); t.lags {
			return
		}
	}
	if target < t.due {
		t.watermark = max(t.watermark, target)
		return
	}
	if target <= t.watermark && !t.timely(target) || t.failed != nil || t.shut() {
		return
	}
	was := t.current
	t.current, t.reaching = nil, true
	err := t.called(func(*Meta) error { return t.through(target) }, nil)
	t.reaching = false
	if err != nil {
		t.fail(err)
	}
	t.current = was
}

// timely says that an operator is due at a watermark.
func (t *Task) timely(w int64) bool { return t.due != Never && t.due <= w }

// through lets the watermark pass each time at which an operator is due, so that what happens at which time does not depend
// on how far the watermark leaps: upstream first, since what one hands on is on time for the next. It stops between when
// enough was handed on; closing says that there is more.
func (t *Task) through(target int64) error {
	t.closing = true
	for left := resultsAtOnce; ; {
		at := t.nextDue()
		if at == Never || at > target {
			t.due, t.closing = at, false
			t.watermark = max(t.watermark, target)
			return nil
		}
		reached := max(at, t.watermark)
		for i := len(t.watchers) - 1; i >= 0; i-- {
			w := t.watchers[i]
			for due := Later(w.next(), w.holdBack); due != Never && due <= at; due = Later(w.next(), w.holdBack) {
				if left <= 0 || t.shut() {
					return nil
				}
				n, err := w.reach(Earlier(reached, w.holdBack), left)
				if err != nil {
					return err
				}
				left -= n
			}
		}
		if t.shut() {
			return nil
		}
		t.watermark = reached
	}
}

func (t *Task) nextDue() int64 {
	next := int64(Never)
	for _, w := range t.watchers {
		next = min(next, Later(w.next(), w.holdBack))
	}
	return next
}

// Watermark returns the partition's watermark. While an operator of the framework's own holds a record for later it stays
// where it was before that record, which is on time yet when it is handed on.
func (in *Input) Watermark() int64 {
	at := in.now()
	switch {
	case in.ended && in.keeping == 0:
		return EndOfInput
	case in.keeping > 0:
		at = in.held[slices.IndexFunc(in.held, func(h *held) bool { return h.keepsTime })].moment
	}
	return in.watermarkAt(at)
}

func (in *Input) watermarkAt(at Moment) int64 {
	switch {
	case in.behind:
		return in.given
	case at.front != nil:
		return at.front.watermark
	case at.time == NoTime:
		return NoTime
	}
	return at.time - in.Disorder
}

// Moment is how far event time has come at a place of an input: what is committed with an offset.
type Moment struct {
	time  int64     // partition time of a source partition
	front *frontier // of a partition of a repartition topic; nil else
}

func (in *Input) now() Moment { return Moment{in.time, in.front} }

// Idle says that the input is left out of the task's watermark.
func (in *Input) Idle() bool {
	if in.front != nil {
		return in.front.idle
	}
	return in.idle
}

// SetIdle says that a source partition is empty and has been for as long as is waited for it, or not any more. The next record
// unsets it, too.
func (t *Task) SetIdle(input int, idle bool) {
	if in := t.inputs[input]; in.idle != idle {
		in.idle = idle
		t.advance()
	}
}

// Reach brings the watermark of a source partition to a time, as a record would.
func (t *Task) Reach(input int, watermark int64) {
	in := t.inputs[input]
	in.time = max(in.time, Later(watermark, in.Disorder))
	t.advance()
}

// SetEnd says that nothing more comes from an input.
func (t *Task) SetEnd(input int) {
	t.inputs[input].ended = true
	t.advance()
}

// Ended says that all inputs have ended and that all is done that was due by it.
func (t *Task) Ended() bool {
	return t.watermark == EndOfInput && !t.closing && t.target() == EndOfInput
}

// Closing says that operators have not handed on all that is due at the watermark, or that it waited for one of them.
func (t *Task) Closing() bool { return t.closing || t.lags || t.timely(t.target()) }
