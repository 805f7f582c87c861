package state_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework/state"
)

// cells keeps strings as the values of windows.
type cells struct {
	keys   []string
	values []string
}

func (c *cells) Learn(number int32, encoded string) error {
	for int(number) >= len(c.keys) {
		c.keys = append(c.keys, "")
	}
	c.keys[number] = encoded
	return nil
}

func (c *cells) Make(place int32) {
	for int(place) >= len(c.values) {
		c.values = append(c.values, "")
	}
}

func (c *cells) Forget(place int32) { c.values[place] = "" }

func (c *cells) Append(dst []byte, place int32) ([]byte, error) {
	return append(dst, c.values[place]...), nil
}

func (c *cells) Decode(place int32, b []byte) error {
	c.values[place] = string(b)
	return nil
}

func (c *cells) Size() int64 { return 16 }

// windows is a store in a test, with its changelog and the rounds of its task.
type windows struct {
	*state.Windows
	cells
	round, released int64 // released: the first round of which a result is held
	log             []change
}

func newWindows(shape state.Shape) *windows {
	w := &windows{}
	w.Windows = state.NewWindows("test", shape, &w.cells, state.Rounds{
		Round: func() (int64, int64) { return w.round, w.released },
		Keep:  slices.Clone[[]byte],
	})
	return w
}

// flush ends a round. held: a result of it is kept by an operator, as are those of later rounds.
func (w *windows) flush(t *testing.T, held bool) {
	t.Helper()
	if !held && w.released >= w.round {
		w.released = w.round + 1
	}
	err := w.Flush(func(key, value []byte, time int64) error {
		w.log = append(w.log, change{string(key), string(value), value == nil, time})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.round++
}

// again returns the store that the changelog gives.
func (w *windows) again(t *testing.T, shape state.Shape) *windows {
	t.Helper()
	r := newWindows(shape)
	for _, c := range w.log {
		key, value := []byte(c.key), []byte(c.value)
		if c.deleted {
			value = nil
		}
		if err := r.Restore(key, value, c.time); err != nil {
			t.Fatal(err)
		}
		clear(key) // the store keeps nothing of its arguments
		clear(value)
	}
	return r
}

// at is a window of a key.
type at struct {
	key        string
	start, end int64
	seq        int32
}

func (a at) String() string { return fmt.Sprintf("%s %d-%d/%d", a.key, a.start, a.end, a.seq) }

// content returns what is in the store, and sees to it that it is found.
func (w *windows) content(t *testing.T, shape state.Shape) map[at]string {
	t.Helper()
	found := map[at]string{}
	listed := 0
	for place := range int32(len(w.values)) {
		if !w.Present(place) {
			continue
		}
		start, end, _ := w.Bounds(place)
		a := at{w.keys[w.Key(place)], start, end, w.Seq(place)}
		found[a] = w.values[place]
		if again, made, err := w.At([]byte(a.key), start, end, a.seq); made || again != place || err != nil {
			t.Errorf("%v is at %d, and is found at %d (made: %t, %v)", a, place, again, made, err)
		}
	}
	if w.Len() != len(found) {
		t.Errorf("it has %d windows, its places have %d", w.Len(), len(found))
	}
	for _, key := range []string{"", "a", "b", "mr"} {
		number, ok := w.KeyNumber([]byte(key))
		if !ok || shape.Unordered {
			continue
		}
		before := int64(-1 << 62)
		for place := range w.Range(number, before, 1<<62) {
			start, _, _ := w.Bounds(place)
			if start < before {
				t.Errorf("of key %q the window from %d comes after the one from %d", key, start, before)
			}
			before = start
			listed++
		}
	}
	if !shape.Unordered && listed != len(found) {
		t.Errorf("it has %d windows, its lists have %d", len(found), listed)
	}
	return found
}

// shapes are what windows may be like in these tests.
func shapes(size int64) []state.Shape {
	return []state.Shape{{Size: size}, {Layout: state.Free}, {Size: size, Unordered: true}, {Layout: state.Free, Unordered: true}}
}

// After any operations the changelog gives back what is there, and what was removed with a result that an operator still holds: after a
// crash such a result is made of it once more.
func TestAWindowStoreComesBackFromItsChangelog(t *testing.T) {
	for seed := range uint64(400) {
		for _, shape := range shapes(10) {
			checkWindows(t, seed, shape)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

func checkWindows(t *testing.T, seed uint64, shape state.Shape) {
	t.Helper()
	const size = 10
	rng := rand.New(rand.NewPCG(seed, 1))
	w := newWindows(shape)
	model := map[at]string{}
	held := map[at]string{} // removed, and not in vain
	heldIn := map[at]int64{}
	bounds := map[int64]int64{} // by round
	logged, closed := int64(-1<<63), int64(-1<<63)
	pick := func() at {
		a := at{[]string{"", "a", "b", "mr"}[rng.IntN(4)], int64(rng.IntN(6)-1) * size, 0, 0}
		if a.end = a.start + size; shape.Layout == state.Free {
			a.end = a.start + int64(1+rng.IntN(3))*size
		} else {
			a.seq = int32(rng.IntN(3))
		}
		return a
	}
	for range 120 {
		switch a := pick(); rng.IntN(8) {
		case 0, 1, 2:
			if _, again := held[a]; again {
				continue // what is closed is not opened again
			}
			place, made, err := w.At([]byte(a.key), a.start, a.end, a.seq)
			if err != nil {
				t.Fatal(err)
			}
			if _, has := model[a]; has == made {
				t.Errorf("%v is made: %t", a, made)
			}
			if start, end, _ := w.Bounds(place); start != a.start || end != a.end || w.Seq(place) != a.seq {
				t.Errorf("at the place of %v is %d-%d/%d", a, start, end, w.Seq(place))
			}
			w.values[place] = fmt.Sprint(rng.IntN(1000))
			w.Set(place, a.start)
			model[a] = w.values[place]
		case 3, 4:
			if _, has := model[a]; !has {
				continue
			}
			place, made, err := w.At([]byte(a.key), a.start, a.end, a.seq)
			if made || err != nil {
				t.Errorf("%v was there, and is made: %t, %v", a, made, err)
			}
			done := rng.IntN(3) > 0
			w.Drop(place, done)
			if done {
				held[a], heldIn[a] = model[a], w.round
			}
			delete(model, a)
		case 5:
			closed = max(closed, int64(rng.IntN(100)))
			w.Close(closed)
			bounds[w.round] = closed
		case 6:
			if rng.IntN(3) == 0 {
				w.released = max(w.released, w.round-int64(rng.IntN(3)))
			}
		case 7:
			w.flush(t, rng.IntN(2) == 0)
			for a, in := range heldIn {
				if in < w.released {
					delete(held, a)
					delete(heldIn, a)
				}
			}
			for in, at := range bounds {
				if in < w.released {
					logged = max(logged, at)
					delete(bounds, in)
				}
			}
			want := maps.Clone(held)
			maps.Copy(want, model)
			back := w.again(t, shape)
			if got := back.content(t, shape); !maps.Equal(got, want) {
				t.Errorf("%v\nit comes back as %v\nit should be     %v", shape, got, want)
			}
			if back.Closed() != logged {
				t.Errorf("it comes back closed up to %d, it should be %d", back.Closed(), logged)
			}
		}
		if got := w.content(t, shape); !maps.Equal(got, model) {
			t.Errorf("it has %v, it should have %v", got, model)
		}
		if t.Failed() {
			return
		}
	}
}

// A beginning of what a flush wrote is what a crash may leave. A window that was moved is there, in one place or the other.
func TestAFlushWritesAMovedWindowBeforeItTakesTheFormerOneAway(t *testing.T) {
	shape := state.Shape{Layout: state.Free}
	w := newWindows(shape)
	place, _, err := w.At([]byte("a"), 10, 10, 0)
	if err != nil {
		t.Fatal(err)
	}
	w.values[place] = "old"
	w.Set(place, 10)
	w.flush(t, false)
	w.Move(place, 10, 20)
	w.values[place] = "old and new"
	w.Set(place, 20)
	w.Close(5)
	w.flush(t, false)
	var order []string
	for _, c := range w.log[1:] {
		order = append(order, c.value)
	}
	if got := strings.Join(order, ", "); len(order) != 3 || order[0] != "old and new" || !w.log[3].deleted {
		t.Errorf("it wrote %q: values come first, the closed bound next, tombstones last", got)
	}
	for n := range len(w.log) + 1 {
		part := &windows{log: w.log[:n]}
		if content := part.again(t, shape).content(t, shape); n > 0 && len(content) == 0 {
			t.Errorf("after %d of %d records nothing is there", n, len(w.log))
		}
	}
}

// Of a time at which a great many windows close the closed bound has the last that was closed, by key and start.
func TestTheClosedBoundSaysWhatIsDoneOfTheNextTime(t *testing.T) {
	w := newWindows(state.Shape{})
	numbers := map[string]int32{}
	for _, key := range []string{"b", "a", "c"} {
		for _, start := range []int64{1, 2} {
			place, _, err := w.At([]byte(key), start, start, 0)
			if err != nil {
				t.Fatal(err)
			}
			w.Set(place, start)
			numbers[key] = w.Key(place)
		}
	}
	w.CloseSome(100, numbers["b"], 1)
	w.flush(t, false)
	for _, s := range []*windows{w, w.again(t, state.Shape{})} {
		for key := range numbers {
			n, _ := s.KeyNumber([]byte(key))
			numbers[key] = n
		}
		var done []string
		for _, c := range []struct {
			key   string
			at    int64
			start int64
		}{{"c", 99, 1}, {"a", 100, 1}, {"a", 100, 2}, {"b", 100, 1}, {"b", 100, 2}, {"c", 100, 1}, {"a", 101, 1}} {
			if s.Done(c.at, numbers[c.key], c.start) {
				done = append(done, fmt.Sprintf("%s%d@%d", c.key, c.start, c.at))
			}
		}
		if want := []string{"c1@99", "a1@100", "a2@100", "b1@100"}; !slices.Equal(done, want) {
			t.Errorf("done are %v, not %v", done, want)
		}
		if s.Closed() != 99 {
			t.Errorf("it is closed up to %d", s.Closed())
		}
	}
	w.Close(100)
	w.CloseSome(100, numbers["c"], 2) // the bound never falls
	if w.Closed() != 100 {
		t.Errorf("the bound fell to %d", w.Closed())
	}
}

func FuzzAChangelogOfWindowsNeverPanics(f *testing.F) {
	f.Add([]byte("mr"), []byte("12345678"), false)
	f.Add([]byte("mr"), []byte("1234567"), true)
	f.Add([]byte("k12345678123456781234"), []byte("v"), true)
	f.Add([]byte(""), []byte(""), false)
	f.Fuzz(func(t *testing.T, key, value []byte, deleted bool) {
		if deleted {
			value = nil
		}
		for _, shape := range shapes(10) {
			w := newWindows(shape)
			_ = w.Restore(key, value, 5)
			_ = w.Restore(key, []byte("again"), 6)
			_ = w.Restore(key, nil, 7)
			if string(key) != "mr" && w.Len() != 0 {
				t.Errorf("a tombstone leaves %d windows", w.Len())
			}
		}
	})
}
