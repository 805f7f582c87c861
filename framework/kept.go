package framework

import "errors"

// A user's operator may hand on other keys than it was given. That matters where a later operator keeps state by key: the
// record would be folded in the task of another key's partition. So it is there that the key is compared with the one
// that was read, and only where a user's operator stands between; the others pay nothing.

var errKeyMoved = errors.New("the key is not the one that was read: an operator of yours before this one changed it; use KeyBy, so that records of one key come together again")

// keptKey returns a check of the keys that a stateful operator is given; nil where nothing before it can have changed
// them. It holds for records that are being read, not for what is emitted at the end of a round.
func keptKey[K comparable](op *Op) func(k K) error { return keptKeyOf[K](op, 0) }

// keptKeyOf is keptKey for one of several inputs.
func keptKeyOf[K comparable](op *Op, port int) func(k K) error {
	if !op.n.in[port].unchecked {
		return nil
	}
	read, task := keyCell[K](op.o, true), op.o.task
	return func(k K) error {
		if k != *read && !task.Flushing() {
			return errKeyMoved
		}
		return nil
	}
}

// keyCell returns where sources note the key that they read, of a task; nil if nobody wants to know and it is not to be made.
// Sources open last.
func keyCell[K comparable](o *opening, create bool) *K {
	for _, c := range o.cells {
		if cell, ok := c.(*K); ok {
			return cell
		}
	}
	if !create {
		return nil
	}
	cell := new(K)
	o.cells = append(o.cells, cell)
	return cell
}
