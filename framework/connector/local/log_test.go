package local

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/millrace/millrace/framework/connector"
)

func record(value string) connector.Record {
	return connector.Record{Key: []byte("k"), Value: []byte(value)}
}

// readAll returns what can be read from an offset on, in reads of a few records.
func readAll(t *testing.T, l *Log, from int64) (all []connector.Record) {
	t.Helper()
	for {
		rs, _, end, err := l.Read(make([]connector.Record, 0, 7), from, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if len(rs) == 0 {
			if from != end {
				t.Fatalf("nothing at %d, and the end is %d", from, end)
			}
			return all
		}
		all = append(all, rs...)
		from = rs[len(rs)-1].Offset + 1
	}
}

func TestALogGivesBackWhatWasAppended(t *testing.T) {
	l := NewLog(5)
	given := connector.Record{
		Time: 7, Key: []byte("k"), Value: []byte{},
		Headers: []connector.Header{{Key: "h", Value: []byte("v")}, {Key: "nil"}},
	}
	if end := l.Append(given, connector.Record{}); end != 7 {
		t.Errorf("the end is %d", end)
	}
	given.Key[0], given.Headers[0].Value[0] = '!', '!' // the log has copies
	got := readAll(t, l, 5)
	if len(got) != 2 || got[0].Offset != 5 || got[0].Time != 7 || string(got[0].Key) != "k" || got[0].Value == nil || len(got[0].Value) != 0 {
		t.Errorf("got %+v", got)
	}
	if h := got[0].Headers; len(h) != 2 || h[0].Key != "h" || string(h[0].Value) != "v" || h[1].Value != nil {
		t.Errorf("got headers %+v", h)
	}
	if got[1].Key != nil || got[1].Value != nil {
		t.Errorf("nil became %+v", got[1])
	}
}

func TestTheFirstBytesOfALogCanBeEmpty(t *testing.T) {
	l := NewLog(0)
	l.Append(connector.Record{Key: []byte{}})
	if got := readAll(t, l, 0); got[0].Key == nil || got[0].Value != nil {
		t.Errorf("got %+v", got)
	}
}

func TestAReadIsBoundedInRecordsAndBytesAndReturnsOneAtLeast(t *testing.T) {
	l := NewLog(0)
	for range 100 {
		l.Append(record(strings.Repeat("x", 1000)))
	}
	if rs, _, _, _ := l.Read(make([]connector.Record, 0, 10), 3, 1<<20); len(rs) != 10 || rs[0].Offset != 3 {
		t.Errorf("%d records", len(rs))
	}
	if rs, bytes, end, _ := l.Read(make([]connector.Record, 0, 100), 0, 5000); len(rs) != 5 || bytes < 5000 || end != 100 {
		t.Errorf("%d records, %d bytes, end %d", len(rs), bytes, end)
	}
	if rs, _, _, _ := l.Read(nil, 0, 0); len(rs) != 1 {
		t.Errorf("%d records", len(rs))
	}
}

func TestOutsideOfTheLogIsAGap(t *testing.T) {
	l := NewLog(0)
	l.Append(record("a"), record("b"), record("c"))
	l.Purge(2)
	for _, from := range []int64{1, 4} {
		if _, _, _, err := l.Read(nil, from, 1); !errors.Is(err, connector.ErrGap) || !strings.Contains(err.Error(), "from 2 to below 3") {
			t.Errorf("at %d: %v", from, err)
		}
	}
	l.Purge(100)
	if s := l.Span(); s.Start != 3 || s.End != 3 || l.Bytes() != 0 {
		t.Errorf("after a purge beyond the end: %d to %d, %d bytes", s.Start, s.End, l.Bytes())
	}
}

func TestStoredRecordsKeepTheirOffsets(t *testing.T) {
	l := NewLog(0)
	if err := l.AppendAt(connector.Record{Offset: 3}, connector.Record{Offset: 8}); err != nil {
		t.Fatal(err)
	}
	if err := l.AppendAt(connector.Record{Offset: 9}, connector.Record{Offset: 9}); err == nil {
		t.Error("an offset came twice")
	}
	if got := readAll(t, l, 0); len(got) != 2 || got[1].Offset != 8 {
		t.Errorf("got %+v", got)
	}
	if end := l.Append(record("next")); end != 10 {
		t.Errorf("the end is %d", end)
	}
}

func TestTheFirstRecordAtATimeIsFound(t *testing.T) {
	l := NewLog(10)
	l.Append(connector.Record{Time: 5}, connector.Record{Time: 20}, connector.Record{Time: 7})
	for at, want := range map[int64]int64{0: 10, 6: 11, 20: 11, 21: 13} {
		if got := l.Find(time.UnixMilli(at)); got != want {
			t.Errorf("at %d: %d, want %d", at, got, want)
		}
	}
}

// A log is compared with a slice: whatever is appended and purged, it reads the same from everywhere.
func TestALogIsLikeASlice(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		l := NewLog(0)
		var model []string
		start := 0
		for range 200 {
			for range rng.IntN(60) {
				model = append(model, fmt.Sprint(len(model)))
				l.Append(record(model[len(model)-1]))
			}
			if rng.IntN(4) == 0 {
				start += rng.IntN(len(model) - start + 1)
				l.Purge(int64(start))
			}
			from := start + rng.IntN(len(model)-start+1)
			var got []string
			for _, r := range readAll(t, l, int64(from)) {
				got = append(got, string(r.Value))
			}
			if !slices.Equal(got, model[from:]) {
				t.Fatalf("seed %d: from %d of %d: %d records", seed, from, len(model), len(got))
			}
		}
		bytes := int64(0)
		for _, r := range readAll(t, l, int64(start)) {
			bytes += size(&r)
		}
		if got := l.Bytes(); got != bytes {
			t.Errorf("seed %d: it counts %d bytes and has %d", seed, got, bytes)
		}
	}
}

// fold returns the table that a changelog stands for.
func fold(records []connector.Record) map[string]string {
	table := map[string]string{}
	for _, r := range records {
		if table[string(r.Key)] = string(r.Value); r.Value == nil {
			delete(table, string(r.Key))
		}
	}
	return table
}

func TestACompactedLogStandsForTheSameTableAndStaysSmall(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	l := NewCompactedLog(0)
	want := map[string]string{}
	most := 0
	for i := range 200_000 {
		key := fmt.Sprint(rng.IntN(500))
		r := connector.Record{Key: []byte(key), Value: fmt.Append(nil, i)}
		if want[key] = string(r.Value); rng.IntN(5) == 0 {
			r.Value = nil
			delete(want, key)
		}
		l.Append(r)
		if i%10_000 == 0 {
			most = max(most, len(readAll(t, l, 0)))
		}
	}
	all := readAll(t, l, 0)
	got := fold(all)
	for key, value := range want {
		if got[key] != value {
			t.Errorf("key %s: %q, want %q", key, got[key], value)
		}
	}
	if len(got) != len(want) || most > 4*compactRecords || l.Bytes() > 1<<20 {
		t.Errorf("%d keys, want %d; at most %d records, now %d bytes", len(got), len(want), most, l.Bytes())
	}
	if end := l.Span().End; end != 200_000 || all[len(all)-1].Offset != end-1 {
		t.Errorf("the end is %d, the last record %d", end, all[len(all)-1].Offset)
	}
}

func TestLargeValuesAreCompactedBeforeThereAreMany(t *testing.T) {
	l := NewCompactedLog(0)
	for range 1000 {
		l.Append(record(strings.Repeat("x", 100<<10)))
	}
	if l.Bytes() > 1<<20 {
		t.Errorf("one key of 100 KiB takes %d bytes", l.Bytes())
	}
}

func TestTombstonesStayForAWhileAndThenGo(t *testing.T) {
	l := NewCompactedLog(0)
	l.Append(record("a"), connector.Record{Key: []byte("k")})
	tombstone := func() bool {
		return slices.ContainsFunc(readAll(t, l, 0), func(r connector.Record) bool { return string(r.Key) == "k" && r.Value == nil })
	}
	fill := func() {
		for range compactRecords + 1 {
			l.Append(connector.Record{Key: []byte("other"), Value: []byte("x")})
		}
	}
	fill()
	if n := len(readAll(t, l, 0)); n > compactRecords || !tombstone() {
		t.Errorf("%d records are left, the tombstone: %v", n, tombstone())
	}
	fill()
	if tombstone() {
		t.Error("the tombstone is there for ever")
	}
}

func TestASnapshotStaysAsItIs(t *testing.T) {
	l := NewCompactedLog(0)
	l.Append(record("a"), record("b"))
	s := l.Snapshot()
	for range 5000 {
		l.Append(record("c"))
	}
	l.Purge(4000)
	if got, _ := s.Read(make([]connector.Record, 0, 9), 0, 1<<20); len(got) != 2 || string(got[0].Value) != "a" || s.End != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestReadersThatWaitAreWokenUntilTheyStop(t *testing.T) {
	l, awake := NewLog(0), 0
	stop := l.Watch(func() { awake++ })
	l.Append(record("a"))
	stop()
	stop()
	l.Append(record("b"))
	if awake != 1 {
		t.Errorf("woken %d times", awake)
	}
}

func TestALogIsSafeForManyGoroutines(t *testing.T) {
	l := NewLog(0)
	var running sync.WaitGroup
	for w := range 4 {
		running.Go(func() {
			for i := range 2000 {
				l.Append(record(fmt.Sprint(w, i)))
			}
		})
	}
	for range 2 {
		running.Go(func() {
			for next := int64(0); next < 8000; {
				rs, _, _, err := l.Read(make([]connector.Record, 0, 100), next, 1<<20)
				if errors.Is(err, connector.ErrGap) {
					next = l.Span().Start
					continue
				}
				for _, r := range rs {
					if r.Offset != next {
						t.Errorf("offset %d where %d is next", r.Offset, next)
						return
					}
					next++
				}
				l.Purge(next / 2)
			}
		})
	}
	running.Wait()
}
