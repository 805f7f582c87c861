package state_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/millrace/millrace/framework/state"
	"github.com/millrace/millrace/framework/state/disk"
)

func inMemory(t *testing.T, fs vfs.FS, memory int64) *disk.DB {
	t.Helper()
	db, err := disk.Open("state", disk.Options{App: "app", MemoryBytes: memory, FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// logged returns what the changelog has of a window.
func logged(shape state.Shape, key string, start int64) []byte {
	w := newWindows(shape)
	place, _, _ := w.At([]byte(key), start, start+shape.Size, 0)
	w.Set(place, start)
	var k []byte
	_ = w.Flush(func(key, _ []byte, _ int64) error { k = key; return nil })
	return k
}

// A store that is loaded looks at its memory now and then. What keeps no windows in memory keeps nothing of their keys, either.
func TestAStoreThatIsLoadedTakesNoMoreMemoryThanItsPart(t *testing.T) {
	for _, shape := range []state.Shape{{Size: 10}, {Size: 10, Unordered: true}} {
		db := inMemory(t, vfs.NewMem(), 256<<10)
		w := newWindows(shape).inFolder(t, db)
		const n = 20_000
		for i := range n {
			if err := w.Restore(logged(shape, fmt.Sprintf("key-%05d", i), 0), []byte("value"), 0); err != nil {
				t.Fatal(err)
			}
		}
		if len(w.keys) > n/4 || len(w.values) > n/4 {
			t.Errorf("%+v: of %d windows that were loaded memory has room for %d keys and %d values", shape, n, len(w.keys), len(w.values))
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Windows that went leave numbers in the schedule, as many as there are: they do not stay.
func TestTheScheduleHasNoMoreThanTheWindowsInMemory(t *testing.T) {
	const size, each = 10, 400
	for name, grows := range map[string]bool{"windows that are due twice": false, "windows that grow": true} {
		t.Run(name, func(t *testing.T) {
			rounds, memory := 24, int64(0)
			if grows {
				rounds, memory = 48, 100<<10 // for most of them
			}
			db := inMemory(t, vfs.NewMem(), memory)
			w := newWindows(state.Shape{Layout: state.Free}).inFolder(t, db)
			schedule := func(place int32) {
				_, end, _ := w.Bounds(place)
				if w.Due.Add(end, place); !grows {
					w.Due.Add(end+size, place)
				}
			}
			w.Owner.Back = func(place int32, _ int64) { schedule(place) }
			w.Owner.Once = grows
			w.Owner.Stands = func(at int64, place int32) bool {
				_, end, _ := w.Bounds(place)
				return w.Present(place) && (at == end || !grows && at == end+size || grows && at <= end)
			}
			for round := range rounds {
				for n := range each {
					key := fmt.Sprint("key-", n)
					if !grows {
						key += fmt.Sprint(" of ", round)
					}
					start, end := int64(0), int64(size+round*each)
					if number, ok := w.KeyNumber([]byte(key)); ok {
						first, _ := w.First(number)
						w.Move(first.Place, start, end)
					}
					place, made, err := w.At([]byte(key), start, end, 0)
					if err != nil {
						t.Fatal(err)
					}
					if made {
						schedule(place)
					}
					w.Set(place, start)
				}
				w.flush(t, false)
				if w.Due.Len() > 2<<12 {
					t.Fatalf("with %d windows in memory it has %d numbers", w.Len(), w.Due.Len())
				}
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// What goes aside after others came back may come before them.
func TestTheLastWindowThatCameBackSaysNothingOfThoseThatWentSince(t *testing.T) {
	db := inMemory(t, vfs.NewMem(), 0)
	shape := state.Shape{Size: 10}
	w := newWindows(shape).inFolder(t, db)
	for _, key := range []string{"a", "b", "c", "d"} {
		place, _, err := w.At([]byte(key), 0, 10, 0)
		if err != nil {
			t.Fatal(err)
		}
		w.Set(place, 0)
	}
	w.flush(t, false)
	if err := w.Wake(10, 3); err != nil {
		t.Fatal(err)
	}
	if last := w.LastBack(10); last != "c" {
		t.Errorf("three of four came back, the last is %q", last)
	}
	if last := w.LastBack(20); last != "" {
		t.Errorf("of another time it is %q", last)
	}
	w.flush(t, false)
	if last := w.LastBack(10); last != "" || w.Len() > 0 {
		t.Errorf("%d windows are in memory, and the last that came back is %q", w.Len(), last)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// A disk that cannot be read is an error of whoever asks: of a restoration, of a record, of what is due.
func TestWindowsThatCannotBeReadBackAreAnError(t *testing.T) {
	for _, shape := range []state.Shape{{Size: 10}, {Size: 10, Unordered: true}} {
		var broken atomic.Bool
		fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind == errorfs.OpFileReadAt && broken.Load() {
				return errorfs.ErrInjected
			}
			return nil
		}))
		db := inMemory(t, fs, 0)
		w := newWindows(shape).inFolder(t, db)
		keys := make([][]byte, 10_000)
		value := []byte(strings.Repeat("value ", 100))
		for i := range keys {
			keys[i] = logged(shape, fmt.Sprintf("key-%05d", i), 0)
			if err := w.Restore(keys[i], value, 0); err != nil {
				t.Fatal(err)
			}
		}
		broken.Store(true)
		ask := map[string]func() error{
			"a restoration": func() (err error) {
				for i := 0; i < len(keys) && err == nil; i++ {
					err = w.Restore(keys[i], value, 0)
				}
				return err
			},
			"a tombstone of a restoration": func() (err error) {
				for i := 0; i < len(keys) && err == nil; i++ {
					err = w.Restore(keys[i], nil, 0)
				}
				return err
			},
			"a record": func() (err error) {
				for i := 0; i < len(keys) && err == nil; i++ {
					_, _, err = w.At(fmt.Appendf(nil, "key-%05d", i), 0, 10, 0)
				}
				return err
			},
			"what is due": func() error { return w.Wake(10, len(keys)) },
		}
		for name, f := range ask {
			if err := f(); err == nil || !strings.Contains(err.Error(), "store test: put windows aside in state folder state: ") {
				t.Errorf("%+v, %s: %v", shape, name, err)
			}
		}
		broken.Store(false)
		_ = db.Close()
	}
}
