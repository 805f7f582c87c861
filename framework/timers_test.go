package framework_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/frameworktest"
)

// quiet emits -1 for a key that had no record for ten milliseconds of event time; 0 unsets its timer.
func quiet(op *framework.Op, next emit) emit {
	timers := op.EventTimers(func(m *framework.Meta, k string) error { return next(m, k, -1) })
	return func(m *framework.Meta, k string, n int) error {
		if n == 0 {
			timers.Clear(k)
			return nil
		}
		timers.Set(k, at(m.Time+10))
		return nil
	}
}

func timing(t *testing.T, op operator) *frameworktest.Driver {
	return frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).Process("quiet", op).To(results) })
}

func wantText(t *testing.T, d *frameworktest.Driver, what, want string) {
	t.Helper()
	if got := readText(d, "out"); got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func TestAnEventTimerFiresWhenTheWatermarkIsThere(t *testing.T) {
	d := timing(t, quiet)
	pipeText(d, "in", "a=1@5 b=1@7")
	d.AdvanceWatermark(at(14))
	wantText(t, d, "a tick before", "")
	d.AdvanceWatermark(at(15))
	wantText(t, d, "at its time", "a=-1@15")
	d.AdvanceWatermark(at(100))
	wantText(t, d, "once", "b=-1@17")
	d.AdvanceWatermark(at(200))
	wantText(t, d, "and no second time", "")
}

func TestAKeyHasOneEventTimer(t *testing.T) {
	d := timing(t, quiet)
	pipeText(d, "in", "a=1@5 a=1@9 b=1@9 b=0@10")
	d.AdvanceWatermark(at(18))
	wantText(t, d, "it was set for later", "")
	d.AdvanceWatermark(at(50))
	wantText(t, d, "b's was unset", "a=-1@19")
}

func TestEventTimersFireInTheOrderOfTimeAndThenOfKeys(t *testing.T) {
	d := timing(t, quiet)
	pipeText(d, "in", "c=1@5 b=1@5 d=1@4 a=1@5")
	d.AdvanceWatermark(at(50))
	wantText(t, d, "after one leap of the watermark", "d=-1@14 a=-1@15 b=-1@15 c=-1@15")
}

func TestARecordFiresTheTimersThatItPasses(t *testing.T) {
	d := timing(t, quiet)
	pipeText(d, "in", "a=1@5 b=1@20")
	wantText(t, d, "the watermark is at the record", "a=-1@15")
}

func TestTimersAreThereAfterARestart(t *testing.T) {
	d := timing(t, quiet)
	pipeText(d, "in", "b=1@5 a=1@5 c=1@5 c=0@6")
	d.Rebuild()
	d.AdvanceWatermark(at(15))
	wantText(t, d, "in the same order", "a=-1@15 b=-1@15")
	d.Rebuild()
	d.AdvanceWatermark(at(30))
	wantText(t, d, "what fired does not fire again", "")
}

func TestATimerThatFiresMaySetOthers(t *testing.T) {
	again := func(op *framework.Op, next emit) emit {
		var timers *framework.Timers[string]
		timers = op.EventTimers(func(m *framework.Meta, k string) error {
			if len(k) < 3 {
				timers.Set(k+"x", at(m.Time-5)) // in the past: now, after those of this time
				timers.Set(k, at(m.Time+3))
			}
			return next(m, k, -1)
		})
		return func(m *framework.Meta, k string, n int) error {
			timers.Set(k, at(m.Time))
			return nil
		}
	}
	d := timing(t, again)
	pipeText(d, "in", "aa=1@5 b=1@5")
	d.AdvanceWatermark(at(10))
	wantText(t, d, "by time", "aa=-1@5 aax=-1@5 b=-1@5 bx=-1@5 bxx=-1@5 aa=-1@8 b=-1@8 bx=-1@8 aax=-1@8 bxx=-1@8")
}

func TestATimerForAPastTimeFiresAtTheWatermark(t *testing.T) {
	past := func(op *framework.Op, next emit) emit {
		timers := op.EventTimers(func(m *framework.Meta, k string) error { return next(m, k, -1) })
		return func(m *framework.Meta, k string, n int) error {
			timers.Set(k, at(int64(n)))
			return nil
		}
	}
	d := timing(t, past)
	pipeText(d, "in", "a=30@50 b=40@51")
	wantText(t, d, "the watermark passes 30 on its way to 50; when b came it was at 50", "a=-1@30 b=-1@50")
}

func TestAMillionTimersOfOneTimeFireAndBlockNothing(t *testing.T) {
	d := timing(t, quiet)
	const keys = 20_000
	var text strings.Builder
	d.Batch(func() {
		for i := range keys {
			text.Reset()
			text.WriteString(strings.Repeat("k", i%7))
			d.Pipe(numbers, text.String()+time.Duration(i).String(), 1, at(5))
		}
	})
	d.AdvanceWatermark(at(15))
	if got := len(d.Read(results)); got != keys {
		t.Errorf("%d fired, want %d", got, keys)
	}
}

func TestAWallTimerFiresByTheClock(t *testing.T) {
	op := func(op *framework.Op, next emit) emit {
		timers := op.WallTimers(func(m *framework.Meta, k string) error { return next(m, k, -1) })
		return func(m *framework.Meta, k string, n int) error {
			timers.Set(k, time.Unix(int64(n), 0))
			return nil
		}
	}
	d := timing(t, op)
	pipeText(d, "in", "b=2@5 a=2@5 c=1@3")
	d.AdvanceClock(time.Second)
	wantText(t, d, "after a second, with the watermark as its time", "c=-1@5")
	d.Rebuild()
	d.AdvanceClock(time.Second)
	wantText(t, d, "after a restart and another one", "a=-1@5 b=-1@5")
	d.AdvanceClock(time.Hour)
	wantText(t, d, "no second time", "")
}

func TestAnErrorOfATimerIsItsOperators(t *testing.T) {
	bad := errors.New("no thanks")
	d := timing(t, func(op *framework.Op, next emit) emit {
		timers := op.EventTimers(func(*framework.Meta, string) error { return bad })
		return func(m *framework.Meta, k string, n int) error {
			timers.Set(k, at(m.Time))
			return nil
		}
	})
	err := d.TryPipe(numbers, "a", 1, at(5))
	if want := "operator process quiet, at no record: no thanks"; !errors.Is(err, bad) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAnOperatorAsksForTheWatermark(t *testing.T) {
	var seen []string
	d := timing(t, func(op *framework.Op, next emit) emit {
		return func(m *framework.Meta, k string, n int) error {
			if w, known := op.Watermark(); known {
				seen = append(seen, w.Format("05.000"))
			} else {
				seen = append(seen, "-")
			}
			return nil
		}
	})
	pipeText(d, "in", "a=1@5 a=1@9 a=1@7 a=1@8")
	if got, want := strings.Join(seen, " "), "- 00.005 00.009 00.009"; got != want {
		t.Errorf("got %s, want %s: what was read before", got, want)
	}
}
