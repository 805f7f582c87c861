package framework

import "github.com/millrace/millrace/framework/internal/engine"

// heldBack is a record that an operator keeps for later, with the hold on what it was made of: its offset is not committed
// and its emitter waits until it is handed on.
type heldBack[K comparable, V any] struct {
	m    Meta
	k    K
	v    V
	read K // the key as it was read, for stateful operators downstream
	hold engine.Hold
	fed  bool // through a loop
}

// holder keeps records for an operator.
type holder[K comparable, V any] struct {
	task *engine.Task
	next Emit[K, V]
	cell *K // where operators downstream look for the key that was read; nil: none does
}

// newHolder is called when downstream is open.
func newHolder[K comparable, V any](o *opening, next Emit[K, V]) holder[K, V] {
	return holder[K, V]{o.task, next, keyCell[K](o, false)}
}

// keep returns the record in memory of its own, held.
func (h *holder[K, V]) keep(m *Meta, k K, v V) heldBack[K, V] {
	return h.keepBy(h.task.Hold(m), m, k, v)
}

// delay is keep for what passes at a later time. An emitter waits for that, but not for what came through a loop: there
// may be no end to it.
func (h *holder[K, V]) delay(m *Meta, k K, v V) heldBack[K, V] {
	if m.FedBack() && m.Receipt() {
		return h.keepBy(h.task.HoldNothing(), m, k, v)
	}
	return h.keep(m, k, v)
}

func (h *holder[K, V]) keepBy(hold engine.Hold, m *Meta, k K, v V) heldBack[K, V] {
	b := heldBack[K, V]{m: owned(m), k: k, v: v, hold: hold}
	if h.cell != nil {
		b.read = *h.cell
	}
	return b
}

// hand hands a record on that was kept, and releases its hold.
func (h *holder[K, V]) hand(b *heldBack[K, V]) {
	if h.cell != nil {
		*h.cell = b.read
	}
	if b.fed {
		b.hold.FeedBack(&b.m)
	} else {
		b.hold.On(&b.m)
	}
	b.hold.Release(h.next(&b.m, b.k, b.v))
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
