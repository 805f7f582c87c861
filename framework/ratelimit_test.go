package framework_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestRateLimitLetsRecordsPassEvenly(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).RateLimit(4, time.Second).To(results)
	})
	pipeText(d, "in", "a=1@10 b=2@20 c=3@30 -=4@40")
	for _, step := range []struct {
		after time.Duration
		want  string
	}{
		{0, "a=1@10"},
		{249 * time.Millisecond, ""},
		{time.Millisecond, "b=2@20"},
		{250 * time.Millisecond, "c=3@30"},
		{time.Hour, "-=4@40"},
	} {
		d.AdvanceClock(step.after)
		if got := readText(d, "out"); got != step.want {
			t.Errorf("at %s came %q, want %q", d.Now().Format("04:05.000"), got, step.want)
		}
	}
	pipeText(d, "in", "a=5@50 a=6@60")
	if got := readText(d, "out"); got != "a=5@50" {
		t.Errorf("after a pause came %q: nothing is made up for", got)
	}
}

func TestManyRecordsAMillisecondMakeUpForWhatTheClockMissed(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).RateLimit(10_000, time.Second).To(results) })
	d.Batch(func() {
		for range 40 {
			pipeText(d, "in", "a=1@10")
		}
	})
	before := len(d.ReadRaw("out"))
	d.AdvanceClock(time.Millisecond)
	if n := len(d.ReadRaw("out")); before < 1 || before > 11 || n < 9 || n > 11 {
		t.Errorf("%d passed at once and %d in a millisecond, want about 10 each", before, n)
	}
}

func TestWhatWaitsForItsTimeIsReadAgainAfterARestart(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).RateLimit(1, time.Second).To(results)
	})
	pipeText(d, "in", "a=1@10 b=2@20")
	d.Rebuild()
	d.AdvanceClock(time.Minute)
	if got := readText(d, "out"); got != "a=1@10 b=2@20" {
		t.Errorf("got %s", got)
	}
}

func TestWhatOneRecordBecameAllWaits(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).FlatMap(func(n int) []int { return []int{n, n + 1, n + 2} }).RateLimit(1, time.Second).To(results)
	})
	pipeText(d, "in", "a=1@10")
	d.AdvanceClock(time.Second)
	d.Rebuild() // the third is not out: the record is read again
	d.AdvanceClock(time.Minute)
	if got := readText(d, "out"); got != "a=1@10 a=2@10 a=1@10 a=2@10 a=3@10" {
		t.Errorf("got %s", got)
	}
}

func TestAResultThatWaitsKeepsItsRoundFromBeingCommitted(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).Grouped().Count("counts").Stream().RateLimit(1, time.Second).Map(func(n int64) int { return int(n) }).To(results)
	})
	pipeText(d, "in", "a=1@10 b=1@20")
	if got := readText(d, "out"); got != "a=1@10" {
		t.Fatalf("got %s", got)
	}
	d.Rebuild() // b's record is read again and counted again: at least once
	d.AdvanceClock(time.Minute)
	if got := readText(d, "out"); got != "b=2@20" {
		t.Errorf("after the restart came %q: the result that waited was lost", got)
	}
}

func TestTheTimersOfRateLimitsAreThereToBeSeen(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).RateLimit(1, time.Second).To(results) })
	pipeText(d, "in", "a=1@10 a=2@20")
	want := []frameworktest.Timer{{Operator: "rate-limit 1", Task: "0_0", At: at(1000)}}
	if got := d.Timers(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAnEmitterWaitsForTheRate(t *testing.T) {
	source := framework.NewInput[int]("numbers")
	var got *framework.Collected[int]
	d := frameworktest.New(t, func(t *framework.Topology) {
		got = t.From(source).RateLimit(2, time.Second).Collect()
	})
	emitAll(t, source, 1, 2, 3)
	if want := []int{1, 2, 3}; !slices.Equal(got.Values(), want) || !d.Now().Equal(at(1000)) {
		t.Errorf("%v at %s, want %v after a second", got.Values(), d.Now(), want)
	}
}

func ExampleStream_RateLimit() {
	slowly := frameworktest.Topic("slowly", codec.None, codec.String)
	d := frameworktest.New(nil, func(t *framework.Topology) { t.From(lines).RateLimit(1, time.Second).To(slowly) })
	for _, line := range []string{"a", "b", "c"} {
		d.Pipe(lines, framework.None{}, line, at(0))
	}
	for range 3 {
		for _, r := range d.Read(slowly) {
			fmt.Println(d.Now().Format("05.0"), r.Value)
		}
		d.AdvanceClock(time.Second)
	}
	// Output:
	// 00.0 a
	// 01.0 b
	// 02.0 c
}
