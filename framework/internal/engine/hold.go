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
	task  *Task
	input *Input
	place int64 // of the record in its input
	time  int64 // partition time before the record
	holds int   // not released
	err   error // of those released
	// receipt: somebody waits to hear what became of the record, by done or, where that is not set, by the input's Failed.
	receipt bool
	done    func(error)

	before []position // of a flush: where each input stood at the flush before; input is nil then
	parts  []Hold     // of records that were made one: released with it
}

type position struct{ offset, time int64 }

// Hold holds the record that m came with, or, at the end of a round, all that the round was made of.
func (t *Task) Hold(m *Meta) Hold {
	at := m.held
	switch {
	case at != nil:
	case m.input != nil:
		at = m.input.hold(t)
	case t.flushing:
		at = t.holdRound()
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
		at.input.held = trim(at.input.held)
	} else {
		at.task.heldRounds = trim(at.task.heldRounds)
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

// hold returns the place of the input's current record.
func (in *Input) hold(t *Task) *held {
	if n := len(in.held); n > 0 && in.held[n-1].place == in.current {
		return in.held[n-1]
	}
	at := &held{task: t, input: in, place: in.current, time: in.before, receipt: in.Receipts}
	in.held = append(in.held, at)
	return at
}

// holdRound returns the place of the running flush.
func (t *Task) holdRound() *held {
	if t.heldRound == nil {
		t.heldRound = &held{task: t, receipt: t.forgiving()}
		for _, in := range t.inputs {
			t.heldRound.before = append(t.heldRound.before, in.flushed)
		}
		t.heldRounds = append(t.heldRounds, t.heldRound)
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

// trim drops what is released from the front. What is released behind it waits: commits go by the front.
func trim(held []*held) []*held {
	n := 0
	for n < len(held) && held[n].holds == 0 {
		held[n] = nil
		n++
	}
	if n == len(held) {
		return held[:0]
	}
	return held[n:]
}

// Committable returns the offset up to which all is done with, as of the last flush, and the partition time there.
func (t *Task) Committable(input int) (offset, time int64) {
	in := t.inputs[input]
	at := in.flushed
	if len(in.held) > 0 && in.held[0].place < at.offset {
		at = position{in.held[0].place, in.held[0].time}
	}
	if len(t.heldRounds) > 0 {
		if round := t.heldRounds[0].before[input]; round.offset < at.offset {
			at = round
		}
	}
	return at.offset, at.time
}

// Holding says that some record is held.
func (t *Task) Holding() bool {
	for _, in := range t.inputs {
		if len(in.held) > 0 {
			return true
		}
	}
	return len(t.heldRounds) > 0
}

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
