package framework_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

type stream = framework.Stream[string, int]

// law is an operator for which the laws are checked.
type law struct {
	name string
	op   func(s stream) stream
	// coalesced: only the last result of a round is handed on, so that only final values can be compared.
	coalesced bool
	// arrival: results depend on the order in which records of several partitions come together.
	arrival bool
	// free: it allocates nothing for a record.
	free bool
	// stores: how many it keeps, each of which allocates once a round.
	stores int
	// deletes: a tombstone deletes what it keeps and goes no further.
	deletes bool
}

// operators is the list of all operators that a stream can go through. A new one gets a line here.
var operators = []law{
	{name: "map", free: true, op: func(s stream) stream { return s.Map(double) }},
	{name: "try-map", free: true, op: func(s stream) stream {
		return s.TryMap(func(n int) (int, error) { return n + 1, nil })
	}},
	{name: "flat-map", free: true, op: func(s stream) stream {
		return s.FlatMap(func(n int) []int { return oneToThree[:n%4] })
	}},
	{name: "filter", free: true, op: func(s stream) stream { return s.Filter(even) }},
	{name: "peek", free: true, op: func(s stream) stream { return s.Peek(func(int) {}) }},
	{name: "map-record", free: true, op: func(s stream) stream {
		return s.MapRecord(func(_ context.Context, r record) (record, error) { return r.WithValue(r.Value + 1), nil })
	}},
	{name: "key-by", free: true, op: func(s stream) stream { return s.KeyBy(parity) }},
	{name: "merge", free: true, op: func(s stream) stream { return s.Merge(s.Map(double)) }},
	{name: "branch", free: true, op: func(s stream) stream {
		a, b := s.Filter(even), s.Map(double)
		return b.Merge(a)
	}},
	{name: "split", free: true, op: func(s stream) stream {
		branches := s.Split(even)
		return branches[1].Map(double).Merge(branches[0])
	}},
	{name: "then", free: true, op: func(s stream) stream {
		return s.Then(func(s stream) stream { return s.Map(double) })
	}},
	{name: "named", free: true, op: func(s stream) stream { return s.Map(double).Named("double") }},
	{name: "codecs", free: true, op: func(s stream) stream { return s.Codecs(codec.String, decimal) }},
	{name: "process", free: true, op: func(s stream) stream { return s.With("where", Where, even) }},
	{name: "process with another key", free: true, op: func(s stream) stream {
		return s.Process("", func(_ *framework.Op, next framework.Emit[bool, int]) emit {
			return func(m *framework.Meta, _ string, n int) error { return next(m, n%2 == 0, n) }
		}).KeyBy(parity)
	}},
	{name: "process2", free: true, op: func(s stream) stream { return s.Process2("", s.Map(double), ownMerge) }},
	{name: "process2 with state", op: func(s stream) stream { return s.Process2("minus", s.Map(double), minus) }},
	{name: "process with state", op: func(s stream) stream { return s.Process("totals", total(framework.StoreOf[string, int]("totals"))) }},
	{name: "repartition", op: func(s stream) stream { return s.KeyBy(parity).Repartition("by-parity") }},
	{name: "through", op: func(s stream) stream { return s.Through(middle) }},
	{name: "count of each update", op: func(s stream) stream {
		return s.Grouped().Emit(framework.EveryUpdate).Count("counts").Stream().Map(func(n int64) int { return int(n) })
	}},
	{name: "count", coalesced: true, op: func(s stream) stream {
		return s.Grouped().Count("counts").Stream().Map(func(n int64) int { return int(n) })
	}},
	{name: "count by another key", coalesced: true, op: func(s stream) stream {
		return s.GroupBy(parity).Count("counts").Stream().Map(func(n int64) int { return int(n) })
	}},
	{name: "reduce", coalesced: true, op: func(s stream) stream { return s.Grouped().Reduce("sums", add).Stream() }},
	{name: "reduce by another key", coalesced: true, op: func(s stream) stream { return s.GroupBy(parity).Reduce("sums", add).Stream() }},
	{name: "aggregate", coalesced: true, op: func(s stream) stream {
		return s.GroupBy(parity).Aggregate("means", framework.Fold(mean{}, mean.add)).Stream().Map(mean.value)
	}},
	{name: "aggregate with merge", coalesced: true, op: func(s stream) stream {
		return s.GroupBy(parity).Aggregate("means", framework.Fold(mean{}, mean.add).Merge(mean.and)).Stream().Map(mean.value)
	}},
	{name: "two aggregates, one behind the other", coalesced: true, op: func(s stream) stream {
		sums := s.Grouped().Reduce("sums", add).Stream()
		return sums.Grouped().Reduce("highest", func(a, b int) int { return max(a, b) }).Stream()
	}},
	{name: "scan", free: true, stores: 1, op: func(s stream) stream { return s.Scan("totals", 0, add) }},
	{name: "scan by another key", arrival: true, op: func(s stream) stream { return s.KeyBy(parity).Scan("totals", 0, add) }},
	{name: "scan of a scan", free: true, stores: 2, op: func(s stream) stream { return s.Scan("totals", 0, add).Scan("totals-of-totals", 0, add) }},
	{name: "sliding", free: true, stores: 1, op: func(s stream) stream { return s.Sliding("last", 1, sum) }},
	{name: "sliding of several values", free: true, stores: 1, op: func(s stream) stream { return s.Merge(s).Sliding("last", 2, digits) }},
	{name: "sliding by another key", arrival: true, op: func(s stream) stream { return s.KeyBy(parity).Sliding("last", 1, sum) }},
	{name: "combine-latest", free: true, stores: 2, deletes: true, op: func(s stream) stream { return s.CombineLatest("both", s.Map(double), tens) }},
	{name: "combine-latest of many", free: true, stores: 3, deletes: true, op: func(s stream) stream {
		return framework.CombineLatest("all", digits, s, s.Map(double), s)
	}},
	{name: "combine-latest on one", free: true, stores: 2, deletes: true, op: func(s stream) stream {
		return framework.CombineLatestOn("all", 1, digits, s, s.Map(double))
	}},
	{name: "combine-latest of three", free: true, stores: 3, deletes: true, op: func(s stream) stream {
		return framework.Combine3("all", s, s.Map(double), s, func(a, b, c int) int { return a + b + c })
	}},
	{name: "combine-latest by another key", arrival: true, deletes: true, op: func(s stream) stream {
		return s.KeyBy(parity).CombineLatest("both", s.Map(double).KeyBy(parity), tens)
	}},
	{name: "with-latest", free: true, stores: 2, deletes: true, op: func(s stream) stream { return s.WithLatest("both", s.Map(double), tens) }},
	{name: "buffer", op: func(s stream) stream { return s.Buffer(3) }},
	{name: "state behind a buffer", op: func(s stream) stream { return s.Buffer(0).Scan("totals", 0, add).Buffer(1) }},
	{name: "rate-limit", op: func(s stream) stream { return s.RateLimit(10, time.Second) }},
	{name: "results that wait", coalesced: true, op: func(s stream) stream { return s.Grouped().Reduce("sums", add).Stream().RateLimit(1000, time.Second) }},
	{name: "batch", op: func(s stream) stream {
		return s.Batch(framework.BatchLimit{Count: 2, Time: time.Second}, sum).KeyBy(parity)
	}},
	{name: "batch of bytes", op: func(s stream) stream {
		return s.Codecs(codec.String, decimal).Batch(framework.BatchLimit{Bytes: 3, Time: time.Second}, digits).KeyBy(parity)
	}},
	{name: "timed-window", op: func(s stream) stream { return s.TimedWindow(time.Second, sum) }},
	{name: "loop", op: func(s stream) stream {
		in, again := s.Loop("halves", 16)
		in.Filter(func(n int) bool { return n > 1 }).Map(func(n int) int { return n / 2 }).To(again)
		return in
	}},
	{name: "table", coalesced: true, op: func(s stream) stream { return s.Table("last").Stream() }},
}

var oneToThree = []int{1, 2, 3}

// modes are the ways to pipe the same records that must not make a difference.
var modes = []struct {
	name string
	pipe func(d *frameworktest.Driver, records []string)
}{
	{"one by one", func(d *frameworktest.Driver, records []string) {
		for _, r := range records {
			pipeText(d, "in", r)
		}
	}},
	{"in one batch", func(d *frameworktest.Driver, records []string) {
		d.Batch(func() { pipeText(d, "in", strings.Join(records, " ")) })
	}},
	{"in batches of three", func(d *frameworktest.Driver, records []string) {
		for part := range slices.Chunk(records, 3) {
			d.Batch(func() { pipeText(d, "in", strings.Join(part, " ")) })
		}
	}},
	{"rebuilt after each record", func(d *frameworktest.Driver, records []string) {
		for _, r := range records {
			pipeText(d, "in", r)
			d.Rebuild()
		}
	}},
}

func TestLawItMakesNoDifferenceHowRecordsAreBatchedOrWhenTasksAreRebuilt(t *testing.T) {
	var records []string
	for i := range 24 {
		records = append(records, fmt.Sprintf("%c=%d@%d", 'a'+i*7%5, 1+i*5%11, 10*i+i%3))
	}
	for _, l := range operators {
		for _, partitions := range []int{1, 3} {
			if l.arrival && partitions > 1 {
				continue
			}
			t.Run(fmt.Sprint(l.name, " on ", partitions), func(t *testing.T) {
				var want map[string]string
				for _, mode := range modes {
					d := frameworktest.Config{Partitions: partitions}.New(t, func(t *framework.Topology) { l.op(t.From(numbers)).To(results) })
					mode.pipe(d, records)
					d.AdvanceClock(time.Hour)
					got := byKey(d.ReadRaw("out"), l.coalesced)
					if want == nil {
						want = got
					}
					if fmt.Sprint(got) != fmt.Sprint(want) {
						t.Errorf("%s:\ngot  %v\nwant %v", mode.name, got, want)
					}
					if len(got) == 0 {
						t.Errorf("%s: nothing came out", mode.name)
					}
				}
			})
		}
	}
}

// byKey returns the records of each key, in no order, or the last one of each.
func byKey(records []frameworktest.Raw, last bool) map[string]string {
	of := map[string][]string{}
	for _, r := range records {
		if last {
			of[string(r.Key)] = nil
		}
		of[string(r.Key)] = append(of[string(r.Key)], textOf(r))
	}
	out := map[string]string{}
	for key, texts := range of {
		out[key] = strings.Join(sorted(texts), " ")
	}
	return out
}

func TestLawAnErrorFromDownstreamComesBackAsItWas(t *testing.T) {
	for _, l := range operators {
		t.Run(l.name, func(t *testing.T) {
			d := frameworktest.New(t, func(t *framework.Topology) {
				l.op(t.From(numbers)).ForEach(func(context.Context, int) error { return errBroken })
			})
			err := d.TryPipeRaw("in", rawOf("a=2@10"))
			if err == nil { // the operator keeps it for later
				err = d.TryAdvanceClock(time.Hour)
			}
			var named *framework.OperatorError
			if !errors.As(err, &named) {
				t.Fatalf("no operator is named: %v", err)
			}
			if !errors.Is(err, errBroken) || named.Err != errBroken {
				t.Errorf("the error was changed: %v", err)
			}
			if !strings.HasPrefix(named.Operator, "for-each ") {
				t.Errorf("operator %q is named, want the one that failed", named.Operator)
			}
			if l.coalesced == (named.At.Topic != "") || named.At.Offset != 0 || named.At.Partition != 0 {
				t.Errorf("the error is of %s", named.At)
			}
		})
	}
}

func TestLawTombstonesGoThroughOrAreCounted(t *testing.T) {
	for _, l := range operators {
		t.Run(l.name, func(t *testing.T) {
			d := frameworktest.New(t, func(t *framework.Topology) { l.op(t.Table("in", numbers).Stream()).To(results) })
			pipeText(d, "in", "a=2@10 a=-@20")
			d.AdvanceClock(time.Hour)
			if l.deletes {
				d.Read(results) // a tombstone there fails the test
				return
			}
			tombstones := 0
			for _, r := range d.ReadRaw("out") {
				if r.Value == nil {
					tombstones++
				}
			}
			if dropped := d.Dropped()["null_value"]; tombstones == 0 && dropped == 0 {
				t.Error("the tombstone was lost in silence")
			}
		})
	}
}

func TestLawNoKeyStaysNoKeyOrIsCounted(t *testing.T) {
	for _, l := range operators {
		t.Run(l.name, func(t *testing.T) {
			d := frameworktest.New(t, func(t *framework.Topology) { l.op(t.From(numbers)).To(results) })
			if strings.Contains(l.name, "state") {
				t.Skip("a user's operator sees Meta.NoKey and decides")
			}
			pipeText(d, "in", "-=2@10")
			d.AdvanceClock(time.Hour)
			records := d.ReadRaw("out")
			if dropped := d.Dropped(); len(records) == 0 && (len(dropped) != 1 || dropped["null_key"] == 0) { // once for each input
				t.Errorf("dropped %v, want null_key", dropped)
			}
			for _, r := range records {
				if r.Key != nil && string(r.Key) != parity(2) {
					t.Errorf("the record has key %q now", r.Key)
				}
			}
		})
	}
}

// TestLawNothingIsAllocatedForARecord: from a decoded record to the function at the end of the stream.
func TestLawNothingIsAllocatedForARecord(t *testing.T) {
	for _, l := range operators {
		if !l.free {
			continue
		}
		t.Run(l.name, func(t *testing.T) {
			seen := 0
			step := hotPath(t, func(t *framework.Topology) {
				s := t.From(hotKeyed)
				l.op(s).ForEach(func(_ context.Context, n int) error { seen += n; return nil })
			})
			if allocs := testing.AllocsPerRun(20, step); allocs > float64(l.stores) {
				t.Errorf("%.0f allocations for %d records", allocs, hotRecords)
			}
			if seen == 0 {
				t.Error("nothing came through")
			}
		})
	}
}
