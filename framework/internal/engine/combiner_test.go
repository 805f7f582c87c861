package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/millrace/millrace/framework/connector"
)

// counting returns a combiner that counts, in a task with an arena.
func counting(limit int64) (*Task, *Combiner[struct{}, int64]) {
	t := NewTask(0, 0, nil)
	t.Begin(new(Pool).NewArena())
	return t, NewCombiner(t, 0, 4, limit,
		func() int64 { return 0 },
		func(n int64, _ *Meta, _ struct{}) int64 { return n + 1 },
		func(dst []byte, n int64) ([]byte, error) { return binary.BigEndian.AppendUint64(dst, uint64(n)), nil })
}

// total sums up the partials that are ready, and takes them.
func total(t *Task) (records, partials int64) {
	for _, o := range t.Ready().Outputs {
		records += int64(binary.BigEndian.Uint64(o.Value))
		partials++
	}
	t.Done()
	return records, partials
}

func TestACombinerThatDoesNotPayIsBypassed(t *testing.T) {
	task, c := counting(1 << 30)
	for i := range bypassAfter {
		if err := c.Add(fmt.Append(nil, i), &Meta{Time: 1}, struct{}{}); err != nil {
			t.Fatal(err)
		}
	}
	if c.Bypassed() {
		t.Error("it gave up before it was emptied")
	}
	if err := c.Empty(); err != nil {
		t.Fatal(err)
	}
	if records, partials := total(task); records != bypassAfter || partials != bypassAfter || !c.Bypassed() {
		t.Errorf("%d records, %d partials, bypassed %v", records, partials, c.Bypassed())
	}
	for range 3 {
		if err := c.Add([]byte("same"), &Meta{Time: 1}, struct{}{}); err != nil {
			t.Fatal(err)
		}
	}
	if records, partials := total(task); records != 3 || partials != 3 {
		t.Errorf("bypassed: %d records in %d partials", records, partials)
	}
}

func TestACombinerThatPaysStays(t *testing.T) {
	task, c := counting(1 << 30)
	for i := range 3 * bypassAfter {
		if err := c.Add(fmt.Append(nil, i%100), &Meta{Time: 1}, struct{}{}); err != nil {
			t.Fatal(err)
		}
		if i%1000 == 999 {
			if err := c.Empty(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if records, _ := total(task); records+int64(c.in%1000) < 3*bypassAfter-1000 || c.Bypassed() {
		t.Errorf("%d records, bypassed %v", records, c.Bypassed())
	}
}

func TestACombinerHoldsAboutItsLimit(t *testing.T) {
	task, c := counting(64 << 10)
	for i := range 1 << 16 {
		if err := c.Add(fmt.Append(nil, "key ", i), &Meta{Time: 1}, struct{}{}); err != nil {
			t.Fatal(err)
		}
		if c.bytes > 64<<10 {
			t.Fatalf("it holds %d bytes", c.bytes)
		}
	}
	if err := c.Empty(); err != nil {
		t.Fatal(err)
	}
	if records, _ := total(task); records != 1<<16 {
		t.Errorf("%d records came out", records)
	}
}

// Whatever the limit and the moments of flushing, the same records come out.
func TestFlushingACombinerAnyTimeLosesNothing(t *testing.T) {
	for _, limit := range []int64{0, 1, 100, 1000, 1 << 20} {
		task, c := counting(limit)
		got := map[string]int64{}
		take := func() {
			for _, o := range task.Ready().Outputs {
				got[string(o.Key)] += int64(binary.BigEndian.Uint64(o.Value))
				if o.Partition != PartitionOf(o.Key, 4) {
					t.Fatalf("%s is in partition %d", o.Key, o.Partition)
				}
			}
			task.Done()
		}
		want := map[string]int64{}
		for i := range 2000 {
			key := fmt.Sprint(i * i % 37)
			want[key]++
			if err := c.Add([]byte(key), &Meta{Time: int64(i)}, struct{}{}); err != nil {
				t.Fatal(err)
			}
			if i%(1+i%91) == 0 {
				if err := task.Flush(); err != nil {
					t.Fatal(err)
				}
				take()
			}
		}
		if err := task.Flush(); err != nil {
			t.Fatal(err)
		}
		take()
		for key, n := range want {
			if got[key] != n {
				t.Errorf("limit %d: %d of key %s, want %d", limit, got[key], key, n)
			}
		}
	}
}

// What was handed over keeps its bytes while the combiner goes on: the client still reads them.
func TestTheBytesOfPartialsStay(t *testing.T) {
	task, c := counting(500)
	var outs []connector.Out
	var keys []string
	for i := range 200 {
		if err := c.Add(fmt.Append(nil, "key ", i), &Meta{Time: 1}, struct{}{}); err != nil {
			t.Fatal(err)
		}
		for _, o := range task.Ready().Outputs {
			outs, keys = append(outs, o), append(keys, string(o.Key))
		}
		task.Done()
	}
	for i := range outs {
		if string(outs[i].Key) != keys[i] {
			t.Errorf("the key %q became %q", keys[i], outs[i].Key)
		}
	}
}

func TestAPartialThatCannotBeEncodedFailsTheFlush(t *testing.T) {
	task := NewTask(0, 0, nil)
	task.Begin(new(Pool).NewArena())
	broken := errors.New("no encoding today")
	c := NewCombiner(task, 0, 1, 1<<20, func() int { return 0 }, func(n int, _ *Meta, _ int) int { return n + 1 },
		func(dst []byte, _ int) ([]byte, error) { return dst, broken })
	if err := c.Add([]byte("k"), &Meta{Time: 1}, 1); err != nil {
		t.Fatal(err)
	}
	if err := task.Flush(); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if err := task.Flush(); !errors.Is(err, broken) {
		t.Errorf("a failed task flushed again: %v", err)
	}
}

func TestAKnownKeyAllocatesNothing(t *testing.T) {
	task, c := counting(1 << 20)
	key, m := []byte("key"), &Meta{Time: 1}
	if allocs := testing.AllocsPerRun(100, func() {
		for range 10 {
			c.Add(key, m, struct{}{})
		}
		c.Empty()
		task.Done()
	}); allocs > 0 {
		t.Errorf("%.1f allocations a round", allocs)
	}
}
