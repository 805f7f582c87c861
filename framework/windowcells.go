package framework

import (
	"fmt"
	"unsafe"

	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/state"
)

// taking takes a record of an encoded key into the windows of an operator.
type taking = func(m *Meta, key []byte) error

// cells are the values of an operator's windows, by place: all of the operator that knows types. Where windows lie, when they
// close and what is handed on is the same code for all types.
type cells interface {
	state.Cells
	// fold folds the record in process into a place; fresh: nothing is there yet.
	fold(place int32, fresh bool)
	// merge merges the value of a place into another one's.
	merge(to, from int32)
	// gather merges the value of a place into what is gathered; not some: it is the first one.
	gather(place int32, some bool)
	// hand, handGathered and deleted hand on the value of a place, what is gathered, and a tombstone, for a key.
	hand(m *Meta, key, place int32) error
	handGathered(m *Meta, key int32) error
	deleted(m *Meta, key int32) error
	runValues
}

type windowCells[K comparable, V, A any] struct {
	keys   codec.Codec[K]
	values codec.Codec[A]
	f      folding[V, A]
	next   Emit[K, A]

	known    []K // by number
	accs     []A // by place
	gathered A
	runs     []runValue[A] // by key number
	m        *Meta         // of the record in process
	v        V
	scratch  []byte
}

// taking returns the Emit that takes records.
func (c *windowCells[K, V, A]) taking(op *Op, take taking) Emit[K, V] {
	entered, id := op.enter()
	kept := keptKey[K](op)
	return func(m *Meta, k K, v V) (err error) {
		*entered = id
		if kept != nil {
			if err := kept(k); err != nil {
				return op.fail(m, err)
			}
		}
		if c.scratch, err = c.keys.Append(c.scratch[:0], k); err != nil {
			return op.fail(m, encodeError("key", c.keys.Name(), err))
		}
		c.m, c.v = m, v
		if err := take(m, c.scratch); err != nil {
			return op.fail(m, err)
		}
		return nil
	}
}

func (c *windowCells[K, V, A]) Learn(number int32, encoded string) error {
	k, err := c.keys.Decode(unsafe.Slice(unsafe.StringData(encoded), len(encoded)))
	if err != nil {
		return fmt.Errorf("decode a key as %s: %w", c.keys.Name(), err)
	}
	if int(number) == len(c.known) {
		c.known = append(c.known, k)
	} else {
		c.known[number] = k
	}
	return nil
}

func (c *windowCells[K, V, A]) Make(place int32) {
	if int(place) == len(c.accs) {
		var none A
		c.accs = append(c.accs, none)
	}
}

func (c *windowCells[K, V, A]) Forget(place int32) {
	var none A
	c.accs[place] = none
}

func (c *windowCells[K, V, A]) Append(dst []byte, place int32) ([]byte, error) {
	b, err := c.values.Append(dst, c.accs[place])
	if err != nil {
		return nil, fmt.Errorf("encode the value of a window as %s: %w", c.values.Name(), err)
	}
	return b, nil
}

func (c *windowCells[K, V, A]) Decode(place int32, b []byte) (err error) {
	if c.accs[place], err = c.values.Decode(b); err != nil {
		return fmt.Errorf("decode a value as %s: %w", c.values.Name(), err)
	}
	return nil
}

func (c *windowCells[K, V, A]) Size() int64 { return int64(unsafe.Sizeof(c.gathered)) }

func (c *windowCells[K, V, A]) fold(place int32, fresh bool) {
	c.accs[place] = c.f.add(c.accs[place], !fresh, c.m, c.v)
}

func (c *windowCells[K, V, A]) merge(to, from int32) {
	c.accs[to] = c.f.merge(c.accs[to], c.accs[from])
}

func (c *windowCells[K, V, A]) gather(place int32, some bool) {
	if some {
		c.gathered = c.f.merge(c.gathered, c.accs[place])
	} else {
		c.gathered = c.own(c.accs[place])
	}
}

func (c *windowCells[K, V, A]) hand(m *Meta, key, place int32) error {
	return c.next(m, c.known[key], c.accs[place])
}

func (c *windowCells[K, V, A]) handGathered(m *Meta, key int32) error {
	return c.next(m, c.known[key], c.gathered)
}

func (c *windowCells[K, V, A]) deleted(m *Meta, key int32) error {
	var none A
	return c.next(m, c.known[key], none)
}
