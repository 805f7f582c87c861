package framework

import "github.com/millrace/millrace/framework/internal/engine"

// heldBack is a record that an operator keeps for later, with the hold on what it was made of: its offset is not committed
// and its emitter waits until it is handed on. Its key and value are in pass, so that what keeps records is no generic
// code: every pair of types would be compiled again.
type heldBack struct {
	m    Meta
	pass func(m *Meta) error // hands key and value on
	hold engine.Hold
	fed  bool // through a loop
}

// passing returns what makes functions that hand a record on. It is called when downstream is open.
func passing[K comparable, V any](o *opening, next Emit[K, V]) func(k K, v V) func(m *Meta) error {
	cell := keyCell[K](o, false)
	return func(k K, v V) func(m *Meta) error {
		if cell == nil {
			return func(m *Meta) error { return next(m, k, v) }
		}
		read := *cell
		return func(m *Meta) error {
			*cell = read // stateful operators downstream look there for the key that was read
			return next(m, k, v)
		}
	}
}

// keep returns the record in memory of its own, held.
func keep(task *engine.Task, m *Meta, pass func(m *Meta) error) heldBack {
	return heldBack{m: owned(m), pass: pass, hold: task.Hold(m)}
}

// delay is keep for what passes at a later time. An emitter waits for that, but not for what came through a loop: there
// may be no end to it.
func delay(task *engine.Task, m *Meta, pass func(m *Meta) error) heldBack {
	if m.FedBack() && m.Receipt() {
		return heldBack{m: owned(m), pass: pass, hold: task.HoldNothing()}
	}
	return keep(task, m, pass)
}

// hand hands the record on, and releases its hold.
func (b *heldBack) hand() {
	if b.fed {
		b.hold.FeedBack(&b.m)
	} else {
		b.hold.On(&b.m)
	}
	b.hold.Hand(&b.m, b.pass)
}

// owned returns a copy of m that can be kept: headers are parts of the fetched record.
func owned(m *Meta) Meta {
	own := *m
	own.Headers = nil
	for _, h := range m.Headers {
		own.Headers = append(own.Headers, Header{Key: h.Key, Value: append([]byte(nil), h.Value...)})
	}
	return own
}
