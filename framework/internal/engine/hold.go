package engine

import "errors"

// Hold keeps an offset from being committed, and its emitter waiting, while an operator keeps something that was made of
// the record: receipt and commit are one mechanism. The zero Hold holds nothing.
type Hold struct {
	at   *held
	task *Task // that fails with the error of something that nothing is held for
}

// held is a place in an input that is not done with. One belongs to all holds on a record; those of a flush share one
// for the positions before it.
type held struct {
	task      *Task
	input     *Input
	of        Origin // of the record
	place     int64  // of the record in its input
	moment    Moment // before the record
	round     int64  // of a flush: its number
	keepsTime bool   // the watermark stays before the record
	holds     int    // not released
	err       error  // of those released
	// receipt: somebody waits to hear what became of the record, by done or, where that is not set, by the input's Failed.
	receipt bool
	done    func(error)

	before []position // of a flush: where each input stood at the flush before; input is nil then
	parts  []Hold     // of records that were made one: released with it
}

type position struct {
	offset int64
	moment Moment
}

// Hold is HoldOffset for what is handed on later as the record that it is: the watermark waits for it.
func (t *Task) Hold(m *Meta) Hold {
	h := t.HoldOffset(m)
	if at := h.at; at != nil && at.input != nil && !at.keepsTime {
		at.keepsTime = true
		at.input.keeping++
	}
	return h
}

// HoldOffset holds the record that m came with, or, at the end of a round, all that the round was made of: m may be a copy
// then, of any record of the round. Where m is a copy of an earlier record's, that one is held, if it still is.
func (t *Task) HoldOffset(m *Meta) Hold {
	at := m.held
	switch {
	case t.Flushing():
		at = t.holdRound()
	case at != nil && at.holds > 0:
	case m.input != nil:
		at = m.input.hold(t, m)
	default:
		return Hold{task: t}
	}
	at.holds++
	return Hold{at: at}
}

// HoldNothing is for what is kept with nobody waiting for it and no offset to hold.
func (t *Task) HoldNothing() Hold { return Hold{task: t} }

// Join makes one hold of several, for what is made of several records: all are released with it.
func (t *Task) Join(parts []Hold) Hold {
	at := &held{task: t, parts: parts, holds: 1}
	for _, part := range parts {
		at.receipt = at.receipt || part.at != nil && part.at.receipt
	}
	return Hold{at: at}
}

// On says that what goes on with m was made of the record held.
func (h Hold) On(m *Meta) { m.held, m.input = h.at, nil }

// FeedBack is On for what comes through a loop.
func (h Hold) FeedBack(m *Meta) {
	h.On(m)
	m.fed = true
}

// Receipt says that somebody waits for the record that m came with: what goes wrong is theirs to know.
func (m *Meta) Receipt() bool {
	if m.held != nil {
		return m.held.receipt
	}
	return m.input != nil && m.input.Receipts
}

// Hand hands on what was made of the record held, and ends the hold with what f returns. A panic of f is the record's error:
// whoever waits for the record is told, and the task fails only where nobody does.
func (h Hold) Hand(m *Meta, f func(m *Meta) error) {
	t := h.task
	if h.at != nil {
		t = h.at.task
	}
	err := t.called(f, m)
	var e *OperatorError
	if errors.As(err, &e) && error(e) == err && e.Operator == "" {
		e.Operator, e.At = t.Operator(), m.origin()
	}
	h.Release(err)
}

// Release ends the hold. err is what became of the record; where nobody waits for a receipt it fails the task.
func (h Hold) Release(err error) {
	at := h.at
	if at == nil {
		if err != nil && h.task != nil {
			h.task.fail(err)
		}
		return
	}
	at.holds--
	at.err = JoinErrors(at.err, err)
	if at.holds > 0 {
		return
	}
	for _, part := range at.parts {
		part.Release(at.err)
	}
	if at.parts != nil {
		return
	}
	if at.input != nil {
		if at.keepsTime {
			at.keepsTime = false
			at.input.keeping--
		}
		at.input.held = loosen(at.input.held)
	} else {
		at.task.heldRounds = loosen(at.task.heldRounds)
	}
	switch {
	case at.done != nil:
		at.done(at.err)
	case at.err == nil:
	case at.receipt && at.input != nil && at.input.Failed != nil:
		at.input.Failed(at.place, at.err)
	case at.receipt && at.input != nil && at.place == at.input.current:
		at.input.err = JoinErrors(at.input.err, at.err) // Take returns it; of an earlier record nobody waits any more
	case !at.receipt:
		at.task.fail(at.err)
	}
}

// hold returns the place of the record that m came with: the input's current one, but for a copy that an operator kept.
func (in *Input) hold(t *Task, m *Meta) *held {
	if of := m.origin(); of != in.meta.origin() {
		for _, at := range in.held {
			if at.holds > 0 && at.of == of {
				return at
			}
		}
	}
	if n := len(in.held); n > 0 && in.held[n-1].place == in.current && in.held[n-1].holds > 0 {
		return in.held[n-1]
	}
	at := &held{task: t, input: in, of: in.meta.origin(), place: in.current, moment: in.before, receipt: in.Receipts}
	in.held = append(in.held, at)
	return at
}

func (m *Meta) origin() Origin { return Origin{m.Topic, m.Partition, m.Offset} }

// holdRound returns the place of the running flush.
func (t *Task) holdRound() *held {
	if t.heldRound == nil {
		round := &held{task: t, receipt: t.forgiving(), round: t.rounds}
		for input := range t.inputs {
			round.before = append(round.before, t.front(input))
		}
		t.heldRound = round
		t.heldRounds = append(t.heldRounds, round)
	}
	return t.heldRound
}

// Await lets done hear of the input's current record, and of what was held at the last flush, and returns how many of the
// two are held now: so often done is called.
func (t *Task) Await(input int, done func(error)) (pending int) {
	in := t.inputs[input]
	for _, held := range [][]*held{in.held, t.heldRounds} {
		if n := len(held); n > 0 && held[n-1].holds > 0 && held[n-1].done == nil && (held[n-1].input == nil || held[n-1].place == in.current) {
			held[n-1].done = done
			pending++
		}
	}
	return pending
}

// loosen drops what is released from the front, but for the first: what was made of it is with other operators until the
// next flush, which may hold it again. What is released behind the front waits: commits go by the front.
func loosen(held []*held) []*held {
	n := 0
	for n < len(held) && held[n].holds == 0 {
		n++
	}
	if n < 2 {
		return held
	}
	held[n-1] = held[0]
	clear(held[:n-1])
	return held[n-1:]
}

// trim drops all that is released from the front.
func trim(held []*held) []*held {
	if held = loosen(held); len(held) > 0 && held[0].holds == 0 {
		held[0] = nil
		return held[1:]
	}
	return held
}

// Committable returns the offset up to which all is done with, and how far event time had come there. It is called after a
// flush.
func (t *Task) Committable(input int) (offset int64, moment Moment) {
	in := t.inputs[input]
	in.held, t.heldRounds = trim(in.held), trim(t.heldRounds)
	at := t.front(input)
	return at.offset, at.moment
}

// Round returns the number of the running round.
func (t *Task) Round() int64 { return t.rounds }

// Released returns the number of the first round of which a result is still held.
func (t *Task) Released() int64 {
	for _, round := range t.heldRounds {
		if round.holds > 0 {
			return round.round
		}
	}
	return t.rounds + 1
}

// front returns up to where all was done with at the last flush.
func (t *Task) front(input int) position {
	in := t.inputs[input]
	at := in.flushed
	if len(in.held) > 0 && in.held[0].place < at.offset {
		at = position{in.held[0].place, in.held[0].moment}
	}
	if len(t.heldRounds) > 0 {
		if round := t.heldRounds[0].before[input]; round.offset < at.offset {
			at = round
		}
	}
	return at
}

// Holding says that some record is held.
func (t *Task) Holding() bool {
	for _, in := range t.inputs {
		if holding(in.held) {
			return true
		}
	}
	return holding(t.heldRounds)
}

// holding: behind a first that is released, loosen leaves only what begins with one that is not.
func holding(held []*held) bool { return len(held) > 1 || len(held) == 1 && held[0].holds > 0 }

// JoinErrors joins two errors; one alone stays as it is.
func JoinErrors(a, b error) error {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return errors.Join(a, b)
}
