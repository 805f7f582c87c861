package frameworktest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

var (
	in     = frameworktest.Topic("in", codec.String, codec.String)
	out    = frameworktest.Topic("out", codec.String, codec.String)
	counts = frameworktest.Topic("counts", codec.String, codec.Int64)
	lines  = frameworktest.Topic("lines", codec.None, codec.String)
	start  = time.UnixMilli(0)
)

func copying(t *framework.Topology) { t.From(in).To(out) }

// failing is a testing.TB that notes with what a test was failed.
type failing struct {
	testing.TB
	text string
}

func (f *failing) Helper() {}
func (f *failing) Fatal(args ...any) {
	f.text = fmt.Sprint(args...)
	runtime.Goexit()
}

// fails returns what f fails its test with.
func fails(t *testing.T, f func(tb testing.TB)) string {
	tb := &failing{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(tb)
	}()
	<-done
	return tb.text
}

func TestMistakesInATestFailItAndSayWhatIsThere(t *testing.T) {
	for _, c := range []struct {
		name string
		f    func(tb testing.TB)
		want string
	}{
		{
			"a topology with faults", func(tb testing.TB) {
				frameworktest.New(tb, func(t *framework.Topology) { t.From(in).Map(strings.ToUpper); t.From(lines) })
			},
			"map 1 (after [source in]): nothing takes its output: end the stream with To, ForEach, Collect, Print or an aggregate\n" +
				"source lines: nothing takes its output: end the stream with To, ForEach, Collect, Print or an aggregate",
		},
		{
			"piping to a topic that is not read", func(tb testing.TB) { frameworktest.New(tb, copying).Pipe(lines, framework.None{}, "", start) },
			`the topology reads no topic "lines"; it reads in`,
		},
		{
			"reading a topic that is not there", func(tb testing.TB) { frameworktest.New(tb, copying).Read(lines) },
			`the topology has no topic "lines"; it has in, out`,
		},
		{
			"reading a tombstone as a value", func(tb testing.TB) {
				d := frameworktest.New(tb, func(t *framework.Topology) { t.Table("table", in).To(out) })
				d.Pipe(in, "a", "x", start)
				d.PipeNull(in, "a", start)
				d.Read(out)
			},
			"topic out holds a tombstone of key a: read it with ReadMaybe",
		},
		{
			"reading with another type", func(tb testing.TB) {
				d := frameworktest.New(tb, copying)
				d.Pipe(in, "a", "x", start)
				d.Read(frameworktest.Topic("out", codec.String, codec.Int64))
			},
			"topic out, partition 0, offset 0: decode the value: int64: got 1 bytes, want 8",
		},
		{
			"a store that is not there", func(tb testing.TB) {
				d := frameworktest.New(tb, func(t *framework.Topology) { t.Table("table", in) })
				d.Get(framework.StoreOf[string, string]("tabel"), "a")
			},
			`the topology has no store "tabel"; it has ["table"]`,
		},
		{
			"a store of another type", func(tb testing.TB) {
				d := frameworktest.New(tb, func(t *framework.Topology) { t.Table("table", in) })
				d.Get(framework.StoreOf[string, int]("table"), "a")
			},
			`store "table": it is a *state.KV[string,string], asked as *state.KV[string,int]`,
		},
		{
			"partitions of a topic that is not there", func(tb testing.TB) {
				frameworktest.Config{PartitionsOf: map[string]int{"on": 3}}.New(tb, copying)
			},
			`Config.PartitionsOf names topic "on", which the topology does not use`,
		},
		{
			"topics of different partition counts that come together", func(tb testing.TB) {
				frameworktest.Config{PartitionsOf: map[string]int{"in": 3, "more": 2}}.New(tb, func(t *framework.Topology) {
					t.From(in).Merge(t.From(frameworktest.Topic("more", codec.String, codec.String))).Grouped().Count("counts")
				})
			},
			"count counts: topics in and more come together by key and have 3 and 2 partitions: give them the same number, or put Repartition(name) before it",
		},
		{
			"state without key on several partitions", func(tb testing.TB) {
				frameworktest.Config{Partitions: 2}.New(tb, func(t *framework.Topology) {
					t.From(lines).Process("seen", func(op *framework.Op, next framework.Emit[framework.None, string]) framework.Emit[framework.None, string] {
						op.Store(framework.StoreOf[string, int]("seen"))
						return next
					}).To(frameworktest.Topic("copy", codec.None, codec.String))
				})
			},
			"process seen: it keeps state on a stream without key that is read from 2 partitions, so that its results would depend on their number: key the stream, or read a topic of one partition",
		},
		{
			"an error of an operator", func(tb testing.TB) {
				d := frameworktest.New(tb, func(t *framework.Topology) {
					t.From(in).ForEach(func(context.Context, string) error { return errors.New("no") })
				})
				d.Pipe(in, "a", "x", start)
			},
			"operator for-each 1, topic in, partition 0, offset 0: no",
		},
		{
			"a graph that feeds itself", func(tb testing.TB) {
				frameworktest.New(tb, func(t *framework.Topology) { t.From(in).To(in) }).Pipe(in, "a", "x", start)
			},
			"the topology does not come to rest: it reads a topic that it writes, and each record makes another one",
		},
		{
			"a header that is changed", func(tb testing.TB) {
				d := frameworktest.New(tb, func(t *framework.Topology) {
					t.From(in).ForEachRecord(func(_ context.Context, r framework.Record[string, string]) error {
						r.Headers[0].Value[0] = '!'
						return nil
					})
				})
				d.PipeRecord(in, framework.Record[string, string]{Time: start, Headers: []framework.Header{{Key: "h", Value: []byte("v")}}})
			},
			"operators up to for-each-record 1 changed the bytes of topic in, partition 0, offset 0: keys, values and headers are not theirs to change",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := fails(t, c.f); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestWithoutATestAMistakePanics(t *testing.T) {
	defer func() {
		if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "nothing takes its output") {
			t.Errorf("panic %v", p)
		}
	}()
	frameworktest.New(nil, func(t *framework.Topology) { t.From(in) })
}

func TestHeadersThatAreKeptAreUsedAgain(t *testing.T) {
	var kept []framework.Header
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(in).ForEachRecord(func(_ context.Context, r framework.Record[string, string]) error {
			kept = r.Headers
			return nil
		})
	})
	d.PipeRecord(in, framework.Record[string, string]{Time: start, Headers: []framework.Header{{Key: "h", Value: []byte("v")}}})
	if kept[0].Key != "used again" {
		t.Errorf("kept headers are %v: nobody would notice that they are not one's own", kept)
	}
}

func TestAfterAnErrorTheApplicationIsStoppedUntilRebuild(t *testing.T) {
	healthy := false
	d := frameworktest.New(t, func(t *framework.Topology) {
		s := t.From(in)
		s.To(out)
		s.Grouped().Count("counts").To(counts)
		s.TryMap(func(v string) (string, error) {
			if v == "bad" && !healthy {
				return "", errors.New("no")
			}
			return v, nil
		}).ForEach(func(context.Context, string) error { return nil })
	})
	d.Pipe(in, "a", "good", start)
	first := d.TryPipe(in, "a", "bad", start)
	if first == nil || d.TryPipe(in, "a", "good", start) != first {
		t.Error("the application goes on after an error")
	}
	d.Read(out)
	healthy = true
	d.Rebuild()
	d.Pipe(in, "a", "good", start)
	var got []string
	for _, r := range d.Read(out) {
		got = append(got, r.Value)
	}
	if want := "bad good"; strings.Join(got, " ") != want {
		t.Errorf("after the restart %q came, want %q", got, want)
	}
	if n, _ := d.Get(framework.StoreOf[string, int64]("counts"), "a"); n != 3 {
		t.Errorf("3 records were counted as %d", n)
	}
}

func TestReadGivesNewRecordsOnly(t *testing.T) {
	d := frameworktest.New(t, copying)
	if got := d.Read(out); len(got) != 0 {
		t.Errorf("before: %v", got)
	}
	d.Pipe(in, "a", "x", start)
	d.Pipe(in, "b", "y", start)
	if got := d.Read(out); len(got) != 2 || got[0].Key != "a" || got[1].Value != "y" || !got[0].Time.Equal(start) {
		t.Errorf("got %v", got)
	}
	if got := d.Read(out); len(got) != 0 {
		t.Errorf("again: %v", got)
	}
}

func TestABatchIsProcessedAtItsEnd(t *testing.T) {
	d := frameworktest.New(t, copying)
	err := d.TryBatch(func() {
		d.Pipe(in, "a", "x", start)
		if got := d.Read(out); len(got) != 0 {
			t.Errorf("within the batch: %v", got)
		}
		d.Rebuild()
	})
	if got := d.Read(out); err != nil || len(got) != 1 {
		t.Errorf("after the batch: %v, %v", got, err)
	}
}

func TestTheContextOfOperatorsEndsWithTheTest(t *testing.T) {
	var seen context.Context
	t.Run("a test", func(t *testing.T) {
		d := frameworktest.New(t, func(t *framework.Topology) {
			t.From(in).ForEach(func(ctx context.Context, _ string) error { seen = ctx; return ctx.Err() })
		})
		d.Pipe(in, "a", "x", start)
	})
	if seen.Err() == nil {
		t.Error("the context goes on after the test")
	}
}

func ExampleNew() {
	lines := frameworktest.Topic("lines", codec.None, codec.String)
	counts := frameworktest.Topic("word-counts", codec.String, codec.Int64)
	wordcount := func(t *framework.Topology) {
		t.From(lines).FlatMap(strings.Fields).GroupBy(strings.ToLower).Count("counts").Stream().To(counts)
	}
	d := frameworktest.New(nil, wordcount) // in a test: New(t, wordcount)
	d.Pipe(lines, framework.None{}, "a b A", time.UnixMilli(0))
	for _, r := range d.Read(counts) {
		fmt.Println(r.Key, r.Value)
	}
	fmt.Println(d.Get(framework.StoreOf[string, int64]("counts"), "a"))
	// Output:
	// a 2
	// b 1
	// 2 true
}
