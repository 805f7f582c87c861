package framework

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/millrace/millrace/framework/internal/engine"
	"github.com/millrace/millrace/framework/state"
)

// tally is of a window of a count how many records are in it, and their lowest and highest event time.
type tally struct {
	count     int
	low, high int64
}

func (t *tally) add(at int64) {
	if t.count == 0 {
		t.low, t.high = at, at
	}
	t.count, t.low, t.high = t.count+1, min(t.low, at), max(t.high, at)
}

// talliedCells are cells that keep a tally for each place.
type talliedCells struct {
	cells
	tallies []tally
}

func (c *talliedCells) Make(place int32) {
	c.cells.Make(place)
	if int(place) == len(c.tallies) {
		c.tallies = append(c.tallies, tally{})
	}
}

func (c *talliedCells) Forget(place int32) {
	c.cells.Forget(place)
	c.tallies[place] = tally{}
}

func (c *talliedCells) Append(dst []byte, place int32) ([]byte, error) {
	t := &c.tallies[place]
	dst = binary.AppendUvarint(dst, uint64(t.count))
	return c.cells.Append(binary.AppendVarint(binary.AppendVarint(dst, t.low), t.high), place)
}

var errTally = errors.New("too short for a window of a count")

func (c *talliedCells) Decode(place int32, b []byte) error {
	count, n := binary.Uvarint(b)
	if n <= 0 {
		return errTally
	}
	low, m := binary.Varint(b[n:])
	if m <= 0 {
		return errTally
	}
	high, l := binary.Varint(b[n+m:])
	if l <= 0 {
		return errTally
	}
	c.tallies[place] = tally{int(count), low, high}
	return c.cells.Decode(place, b[n+m+l:])
}

// place gives m the time and the window of a result of these records. It is handed on with a record that completes it, and on
// time where that one is.
func (t *tally) place(m *Meta) {
	m.Time, m.Birth, m.Win = t.high, min(t.high, max(m.Birth, t.low)), engine.NewWindow(t.low, t.high)
}

// tumblingCounts is the operator for windows of n records. A full one is handed on at once; by policy so is what is not full.
func tumblingCounts(op *Op, n int, emit EmitPolicy, types string, values cells) taking {
	c := &talliedCells{cells: values}
	store := openWindows(op, state.Shape{Unordered: true}, fmt.Sprintf("tumbling windows of %d records", n), types, c)
	var scratch Meta
	hand := func(place int32) error {
		c.tallies[place].place(&scratch)
		return c.hand(&scratch, store.Key(place), place)
	}
	if !emit.everyUpdate && !emit.onClose {
		store.Tracks = true
		op.OnCommit(func() error {
			_, err := store.Changed(math.MaxInt, func(place int32) error {
				scratch = Meta{}
				return hand(place)
			})
			return err
		})
	}
	return func(m *Meta, key []byte) error {
		place, made, err := store.At(key, 0, 0, 0)
		if err != nil {
			return err
		}
		c.fold(place, made)
		c.tallies[place].add(m.Time)
		store.Set(place, m.Time)
		full := c.tallies[place].count >= n
		if full || emit.everyUpdate {
			scratch = *m
			if err := hand(place); err != nil {
				return err
			}
		}
		if full {
			store.Drop(place, false) // the next one has its place in the changelog
		}
		return nil
	}
}

// slidingCounts is the operator for the last n records. It keeps each by itself, numbered by arrival, with its event time in the place
// of an end.
func slidingCounts(op *Op, n int, types string, c cells) taking {
	store := openWindows(op, state.Shape{Layout: state.Free}, fmt.Sprintf("sliding windows of %d records", n), types, c)
	var scratch Meta
	return func(m *Meta, encoded []byte) error {
		number := int64(0)
		if key, ok := store.KeyNumber(encoded); ok {
			last, _ := store.Last(key)
			start, _, _ := store.Bounds(last)
			number = start + 1
		}
		place, _, err := store.At(encoded, number, m.Time, 0)
		if err != nil {
			return err
		}
		c.fold(place, true)
		store.Set(place, m.Time)
		key := store.Key(place)
		if store.Count(key) > n {
			first, _ := store.First(key)
			store.Drop(first.Place, false)
		}
		if store.Count(key) < n {
			return nil
		}
		var all tally
		for at := range store.Range(key, 0, number) {
			_, time, _ := store.Bounds(at)
			c.gather(at, all.count > 0)
			all.add(time)
		}
		scratch = *m
		all.place(&scratch)
		return c.handGathered(&scratch, key)
	}
}
