package state_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/state"
)

// store is a store in a test, with its changelog.
type store struct {
	*state.KV[string, string]
	now int64
	log []change
}

type change struct {
	key, value string
	deleted    bool
	time       int64
}

func newStore() *store {
	s := &store{}
	s.KV = state.NewKV("test", codec.String, codec.String, &s.now)
	return s
}

// flush appends to the changelog and returns what was new, as text.
func (s *store) flush(t *testing.T) string {
	t.Helper()
	from := len(s.log)
	err := s.Flush(func(key, value []byte, time int64) error {
		s.log = append(s.log, change{string(key), string(value), value == nil, time})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return text(s.log[from:])
}

func text(changes []change) string {
	var out []string
	for _, c := range changes {
		if c.deleted {
			c.value = "-"
		}
		out = append(out, fmt.Sprintf("%s=%s@%d", c.key, c.value, c.time))
	}
	return strings.Join(out, " ")
}

// restored returns the store that the changelog gives.
func (s *store) restored(t *testing.T) *store {
	t.Helper()
	r := newStore()
	r.log = slices.Clone(s.log)
	for _, c := range s.log {
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

func TestAStoreGivesBackWhatWasPut(t *testing.T) {
	s := newStore()
	s.Put("a", "1")
	s.Put("a", "2")
	s.Put("", "")
	if v, ok := s.Get("a"); v != "2" || !ok {
		t.Errorf("a is %q, %t", v, ok)
	}
	if v, ok := s.Get(""); v != "" || !ok {
		t.Errorf("the empty key is %q, %t", v, ok)
	}
	if v, ok := s.Get("b"); v != "" || ok {
		t.Errorf("b is %q, %t", v, ok)
	}
	s.Delete("a")
	s.Delete("b")
	if _, ok := s.Get("a"); ok || s.Len() != 1 {
		t.Errorf("after its deletion a is there: %t, %d keys", ok, s.Len())
	}
}

func TestTheEmptyKeyIsWrittenAsAKey(t *testing.T) {
	s := newStore()
	s.Put("", "1")
	flushed := 0
	if err := s.Flush(func(key, _ []byte, _ int64) error {
		if flushed++; key == nil {
			t.Error("the key is nil, which is none: a compacted topic refuses it, and a restoration passes it over")
		}
		return nil
	}); err != nil || flushed != 1 {
		t.Errorf("%d changes, %v", flushed, err)
	}
}

func TestAFlushHandsOutEachChangedKeyOnceInTheOrderOfTheFirstChange(t *testing.T) {
	s := newStore()
	s.now = 10
	s.Put("b", "1")
	s.Put("a", "1")
	s.now = 20
	s.Put("b", "2")
	if got, want := s.flush(t), "b=2@20 a=1@10"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := s.flush(t); got != "" {
		t.Errorf("again without a change: %s", got)
	}
	s.now = 5
	s.Put("a", "2")
	if got, want := s.flush(t), "a=2@10"; got != want {
		t.Errorf("the time of a value is the highest: got %s, want %s", got, want)
	}
}

func TestADeletionIsLoggedOnlyWhereAValueWas(t *testing.T) {
	s := newStore()
	s.Put("a", "1")
	s.Delete("a")
	s.Delete("b")
	if got := s.flush(t); got != "" || s.Len() != 0 {
		t.Errorf("what came and went is logged: %s", got)
	}
	s.Put("a", "1")
	s.flush(t)
	s.Delete("a")
	s.Put("a", "2")
	if got, want := s.flush(t), "a=2@0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s.Delete("a")
	if got, want := s.flush(t), "a=-@0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s = s.restored(t)
	s.Delete("a")
	if got := s.flush(t); got != "" {
		t.Errorf("after a restore: %s", got)
	}
}

func TestChangedTellsOfDeletionsOnlyWhereAValueWas(t *testing.T) {
	s := newStore()
	changed := func() string {
		var out []string
		err := s.Changed(func(k, v string, time int64, present bool) error {
			out = append(out, text([]change{{k, v, !present, time}}))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		s.flush(t)
		return strings.Join(out, " ")
	}
	s.Put("a", "1")
	s.Put("b", "1")
	s.Delete("b")
	if got, want := changed(), "a=1@0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	s.Delete("a")
	if got, want := changed(), "a=-@0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	broken := errors.New("broken on purpose")
	s.Put("a", "1")
	if err := s.Changed(func(string, string, int64, bool) error { return broken }); err != broken {
		t.Errorf("the error of the function is %v", err)
	}
}

func TestAStoreIsReadInTheOrderOfItsKeys(t *testing.T) {
	s := newStore()
	for _, k := range []string{"c", "a", "e", "b", "d", "x"} {
		s.Put(k, k+k)
	}
	s.Delete("x")
	if got, want := slices.Collect(maps.Keys(maps.Collect(s.All()))), 5; len(got) != want {
		t.Errorf("all are %v", got)
	}
	var keys []string
	for k := range s.All() {
		keys = append(keys, k)
		if k == "d" {
			break
		}
	}
	if want := []string{"a", "b", "c", "d"}; !slices.Equal(keys, want) {
		t.Errorf("in order: %v, want %v", keys, want)
	}
	for _, c := range []struct {
		from, to string
		want     []string
	}{
		{"b", "d", []string{"b", "c"}},
		{"", "b", []string{"a"}},
		{"bb", "zz", []string{"c", "d", "e"}},
		{"d", "b", nil},
		{"b", "b", nil},
	} {
		var got []string
		for k := range s.Range(c.from, c.to) {
			got = append(got, k)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("from %q to %q: %v, want %v", c.from, c.to, got, c.want)
		}
	}
}

func TestNumbersAreReadInTheirOrder(t *testing.T) {
	var now int64
	s := state.NewKV("test", codec.Uint16, codec.Bool, &now)
	for _, k := range []uint16{300, 2, 65535, 0, 256} {
		s.Put(k, true)
	}
	var got []uint16
	for k := range s.All() {
		got = append(got, k)
	}
	if want := []uint16{0, 2, 256, 300, 65535}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestAStoreIsTheFoldOfItsChangelog compares a store with a map, over random changes, flushes and restores.
func TestAStoreIsTheFoldOfItsChangelog(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 0))
		s, model, times := newStore(), map[string]string{}, map[string]int64{}
		for step := range 400 {
			s.now = r.Int64N(1000)
			k := fmt.Sprint(r.IntN(12))
			switch r.IntN(8) {
			case 0, 1, 2, 3:
				v := fmt.Sprint(step)[:r.IntN(2)] // often empty
				s.Put(k, v)
				if _, there := model[k]; !there {
					times[k] = s.now
				}
				model[k], times[k] = v, max(times[k], s.now)
			case 4, 5:
				s.Delete(k)
				delete(model, k)
			case 6:
				s.flush(t)
			case 7:
				s.flush(t)
				s = s.restored(t)
			}
			if got := maps.Collect(s.All()); !maps.Equal(got, model) || s.Len() != len(model) {
				t.Fatalf("seed %d, step %d: the store holds %v (%d keys), want %v", seed, step, got, s.Len(), model)
			}
		}
		s.flush(t)
		for k := range model {
			if got := s.Entry(k).Time(); got != times[k] {
				t.Errorf("seed %d: the time of %s is %d, want %d", seed, k, got, times[k])
			}
		}
		for k := range model {
			s.Delete(k)
		}
		if s.flush(t); s.Bytes() != 0 || s.Len() != 0 {
			t.Errorf("seed %d: the empty store takes %d bytes for %d keys", seed, s.Bytes(), s.Len())
		}
	}
}

func TestAStoreThatCannotEncodeOrDecodeSaysWhat(t *testing.T) {
	broken := errors.New("broken on purpose")
	bad := codec.New("bad",
		func(dst []byte, _ string) ([]byte, error) { return dst, broken },
		func([]byte) (string, error) { return "", broken })
	var now int64
	s := state.NewKV("test", codec.String, bad, &now)
	s.Put("a", "1")
	err := s.Flush(func([]byte, []byte, int64) error { return nil })
	if want := "encode the value of a key as bad: broken on purpose"; !errors.Is(err, broken) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	err = s.Restore([]byte("a"), []byte("1"), 0)
	if want := "decode a value as bad: broken on purpose"; !errors.Is(err, broken) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	err = state.NewKV("test", bad, codec.String, &now).Restore([]byte("a"), []byte("1"), 0)
	if want := "decode a key as bad: broken on purpose"; !errors.Is(err, broken) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	defer func() {
		if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "store test: encode a key as bad: broken on purpose") {
			t.Errorf("a key that cannot be encoded panics with %v", p)
		}
	}()
	state.NewKV("test", bad, codec.String, &now).Put("a", "1")
}
