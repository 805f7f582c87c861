package framework_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/connectors/memory"
	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/frameworktest"
)

// What an operator keeps until the end of the round it hands on with the Meta that it copied: what holds it then must
// hold the whole round, not the record that was read last.
func TestWhatIsEmittedAtTheEndOfARoundIsHeldWithAllOfTheRound(t *testing.T) {
	for name, hold := range map[string]func(s framework.Stream[string, int]) framework.Stream[string, int]{
		"a rate limit": func(s framework.Stream[string, int]) framework.Stream[string, int] { return s.RateLimit(1, time.Hour) },
		"a timed window": func(s framework.Stream[string, int]) framework.Stream[string, int] {
			return s.TimedWindow(time.Hour, sum)
		},
		"both": func(s framework.Stream[string, int]) framework.Stream[string, int] {
			return s.RateLimit(1, time.Hour).TimedWindow(time.Hour, sum)
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := frameworktest.New(t, func(t *framework.Topology) {
				hold(t.From(numbers).Process("", untilCommit)).To(results)
			})
			d.Batch(func() { pipeText(d, "in", "a=1@10 b=2@20 c=4@30") })
			d.Rebuild()
			d.AdvanceClock(10 * time.Hour)
			got := readText(d, "out")
			for _, want := range []string{"a=", "b=", "c="} {
				if !strings.Contains(got, want) {
					t.Errorf("after a crash there is %q: %s is lost", got, want)
				}
			}
		})
	}
}

// untilCommit keeps what comes until the end of the round.
func untilCommit(op *framework.Op, next framework.Emit[string, int]) framework.Emit[string, int] {
	type kept struct {
		m framework.Meta
		k string
		v int
	}
	var all []kept
	op.OnCommit(func() error {
		waiting := all
		all = nil
		for i := range waiting {
			if err := next(&waiting[i].m, waiting[i].k, waiting[i].v); err != nil {
				return err
			}
		}
		return nil
	})
	return func(m *framework.Meta, k string, v int) error {
		all = append(all, kept{*m, k, v})
		return nil
	}
}

// The record passes the limit after one round and is handed on at the end of the next: it lies before both.
func TestWhatWasHeldBeforeARoundIsHeldByWhatKeepsTheRound(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).RateLimit(1, 15*time.Second).Process("", untilCommit).TimedWindow(10*time.Second, sum).To(results)
	})
	d.Batch(func() { pipeText(d, "in", "a=1@10 b=2@20 c=4@30") })
	d.AdvanceClock(16 * time.Second) // a is through, b in the window
	d.Rebuild()
	d.AdvanceClock(time.Hour)
	if got := readText(d, "out"); got != "a=1@10 b=2@20 c=4@30" {
		t.Errorf("after a crash there is %q", got)
	}
}

// A count is emitted at the end of the round; a stop must not leave it in what keeps it.
func TestAStopHandsOnWhatItsLastRoundMakes(t *testing.T) {
	for name, keep := range map[string]func(s framework.Stream[none, int64]) framework.Stream[none, int64]{
		"into a rate limit": func(s framework.Stream[none, int64]) framework.Stream[none, int64] { return s.RateLimit(1, time.Hour) },
		"into a buffer":     func(s framework.Stream[none, int64]) framework.Stream[none, int64] { return s.Buffer(2) },
		"into a timed window": func(s framework.Stream[none, int64]) framework.Stream[none, int64] {
			return s.TimedWindow(time.Hour, last[int64])
		},
		"into all of them": func(s framework.Stream[none, int64]) framework.Stream[none, int64] {
			return s.Buffer(2).TimedWindow(time.Hour, last[int64]).RateLimit(1, time.Hour).Buffer(0).RateLimit(1, time.Hour)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { stopAfterARound(t, keep) })
		})
	}
}

func stopAfterARound(t *testing.T, keep func(framework.Stream[none, int64]) framework.Stream[none, int64]) {
	topics := memory.New()
	words := memory.Topic("words", codec.String, codec.String)
	for run := range 3 {
		top := framework.New()
		counts := top.From(words).Grouped().Count("counts").Stream()
		got := keep(counts.Process("", unkey)).Collect()
		app, err := top.Build(framework.Config{Name: "app", Connectors: []connector.Connector{topics}, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- app.Run(ctx) }()
		<-app.Ready()
		if err := memory.Write(topics, words, framework.Record[string, string]{Key: "a", Value: "a", Time: at(1)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) // the record is read, the round lasts
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if v := got.Values(); !slices.Equal(v, []int64{int64(run) + 1}) {
			t.Errorf("run %d counted %v", run+1, v)
		}
	}
}

func last[V any](values []V) V { return values[len(values)-1] }

// unkey drops the key.
func unkey(_ *framework.Op, next framework.Emit[none, int64]) framework.Emit[string, int64] {
	return func(m *framework.Meta, _ string, n int64) error { return next(m, none{}, n) }
}

// The operator hands on with its copy of the Meta when another record is the input's current one.
func TestWhatAUsersOperatorHoldsAndHandsOnIsHeldBehindIt(t *testing.T) {
	two := func(op *framework.Op, next framework.Emit[string, int]) framework.Emit[string, int] {
		var m framework.Meta
		var key string
		var value int
		var hold framework.Hold
		return func(of *framework.Meta, k string, v int) error {
			if value != 0 {
				hold.Release(next(&m, key, value))
			}
			m, key, value = *of, k, v
			hold = op.Hold(of)
			return nil
		}
	}
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).Process("", two).TimedWindow(time.Hour, sum).To(results)
	})
	pipeText(d, "in", "a=1@10 b=2@20 c=4@30")
	d.Rebuild()
	pipeText(d, "in", "d=8@40")
	d.AdvanceClock(time.Hour)
	if got := readText(d, "out"); got != "a=1@10 b=2@20 c=4@30" {
		t.Errorf("after a crash there is %q", got)
	}
}
