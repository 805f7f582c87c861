package state_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/millrace/millrace/framework/state"
	"github.com/millrace/millrace/framework/state/disk"
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
	folder          *disk.Store // nil: all is in memory
	back, away      int         // windows that came back, and that went and came back because they were due
}

func newWindows(shape state.Shape) *windows {
	w := &windows{}
	w.Windows = state.NewWindows("test", shape, &w.cells, state.Rounds{
		Round: func() (int64, int64) { return w.round, w.released },
		Keep:  slices.Clone[[]byte],
	})
	return w
}

// inFolder has the store put windows aside in a folder.
func (w *windows) inFolder(t *testing.T, db *disk.DB) *windows {
	t.Helper()
	var err error
	if w.folder, err = db.Open("test", 0, "windows"); err != nil {
		t.Fatal(err)
	}
	w.PutsAside(w.folder.Aside())
	w.Owner = state.Owner{
		Due:    func(place int32) int64 { _, end, _ := w.Bounds(place); return end },
		Back:   func(int32, int64) { w.back++ },
		Stands: func(int64, int32) bool { return true },
	}
	return w
}

// wake brings back what is aside, in portions.
func (w *windows) wake(t *testing.T) {
	t.Helper()
	for last := int64(-1 << 62); w.NextAside() < 1<<62; {
		if w.NextAside() < last {
			t.Errorf("something is due at %d, after what was due at %d", w.NextAside(), last)
		}
		last = w.NextAside()
		if err := w.Wake(last, 2); err != nil {
			t.Fatal(err)
		}
		w.away++
	}
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
			checkWindows(t, seed, shape, nil)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// Where there is hardly any memory it is the same.
func TestAWindowStoreIsTheSameWithWindowsAside(t *testing.T) {
	for _, memory := range []int64{0, 4 << 10} {
		db, err := disk.Open("state", disk.Options{App: "app", MemoryBytes: memory, FS: vfs.NewMem()})
		if err != nil {
			t.Fatal(err)
		}
		for _, shape := range shapes(10) {
			back, away := 0, 0
			for seed := range uint64(150) {
				w := checkWindows(t, seed, shape, db)
				back, away = back+w.back, away+w.away
				if t.Failed() {
					t.Fatalf("seed %d", seed)
				}
			}
			if t.Logf("%v: %d windows came back, at %d times when they were due", shape, back, away); back < away || away == 0 {
				t.Error("that shows nothing")
			}
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// However many windows there are, after each round they take no more memory than their part, and what is due comes back by and by.
func TestWindowsAsideTakeNoMemory(t *testing.T) {
	const rounds, each, size = 6, 1000, 10
	for _, shape := range shapes(size) {
		db, err := disk.Open("state", disk.Options{App: "app", MemoryBytes: 256 << 10, FS: vfs.NewMem()})
		if err != nil {
			t.Fatal(err)
		}
		w := newWindows(shape).inFolder(t, db)
		part := w.folder.MemoryBytes()
		if part < 16<<10 || part > 128<<10 {
			t.Fatalf("its part is %d bytes", part)
		}
		for round := range rounds {
			for n := range each {
				start := int64(n%7) * size
				place, _, err := w.At(fmt.Appendf(nil, "key-%d", round*each+n), start, start+size, 0)
				if err != nil {
					t.Fatal(err)
				}
				w.values[place] = "value"
				w.Set(place, start)
			}
			if w.flush(t, false); w.Bytes() > part {
				t.Fatalf("%v: after round %d it takes %d bytes, its part is %d", shape, round, w.Bytes(), part)
			}
		}
		found := 0
		for w.NextAside() < 1<<62 {
			if err := w.Wake(w.NextAside(), 100); err != nil {
				t.Fatal(err)
			}
			if w.Len() > 2000 {
				t.Fatalf("%v: %d windows came back at once", shape, w.Len())
			}
			for place := range int32(len(w.values)) {
				if w.Present(place) {
					w.Drop(place, true)
					found++
				}
			}
			w.flush(t, false)
		}
		if found != rounds*each {
			t.Errorf("%v: %d windows of %d came back", shape, found, rounds*each)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// checkWindows compares a store with a map. db: it puts windows aside; nil: it does not.
func checkWindows(t *testing.T, seed uint64, shape state.Shape, db *disk.DB) *windows {
	t.Helper()
	const size = 10
	rng := rand.New(rand.NewPCG(seed, 1))
	w := newWindows(shape)
	if db != nil {
		w.inFolder(t, db)
	}
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
			if !made && w.values[place] != model[a] {
				t.Errorf("%v is %q, it should be %q", a, w.values[place], model[a])
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
		if db != nil && rng.IntN(10) > 0 {
			continue // for that all comes back
		}
		w.wake(t)
		if got := w.content(t, shape); !maps.Equal(got, model) {
			t.Errorf("it has %v, it should have %v", got, model)
		}
		if t.Failed() {
			break
		}
	}
	return w
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
	w.CloseSome(100, "b", 1)
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
	w.CloseSome(100, "c", 2) // the bound never falls
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
