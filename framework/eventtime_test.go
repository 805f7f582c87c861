package framework_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/connector"
	"github.com/millrace/millrace/framework/frameworktest"
	"github.com/millrace/millrace/framework/internal/driver"
	"github.com/millrace/millrace/framework/internal/engine"
)

// The values of these topics are their event times: milliseconds, or one of the words that momentOf knows.
var (
	moments    = frameworktest.Topic("in", codec.String, codec.String)
	momentsOut = frameworktest.Topic("out", codec.String, codec.String)
)

func momentOf(v string) time.Time {
	switch v {
	case "none":
		return time.Time{}
	case "largest":
		return time.UnixMilli(math.MaxInt64)
	case "too-large": // its milliseconds do not fit into an int64, and would come out as 1970
		return time.Unix(math.MaxInt64/1000+1, 0)
	case "too-small":
		return time.Unix(math.MinInt64/1000-1, 0)
	}
	ms, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		panic("no moment: " + v)
	}
	return time.UnixMilli(ms)
}

// noting notes the watermark that each record was read at, its birth.
func noting(seen *[]int64) func(*framework.Op, framework.Emit[string, string]) framework.Emit[string, string] {
	return func(_ *framework.Op, next framework.Emit[string, string]) framework.Emit[string, string] {
		return func(m *framework.Meta, k, v string) error {
			*seen = append(*seen, m.Birth)
			return next(m, k, v)
		}
	}
}

func TestTheEventTimeIsWhatTheValueTells(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(moments.EventTime(momentOf)).To(momentsOut) })
	pipeText(d, "in", "a=300@7 a=100@8 a=0@9")
	if got, want := readText(d, "out"), "a=300@300 a=100@100 a=0@0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAnEventTimeIsKeptToTheMillisecond(t *testing.T) {
	in := moments.EventTime(func(string) time.Time { return time.Unix(0, 1_999_999).In(time.FixedZone("", 3600)) })
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(in).To(momentsOut) })
	pipeText(d, "in", "a=x@7")
	if got, want := readText(d, "out"), "a=x@1"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTheWatermarkIsTheHighestEventTimeLessTheAllowedDisorder(t *testing.T) {
	for name, c := range map[string]struct {
		disorder time.Duration
		want     []int64
	}{
		"none, which is the default":            {0, []int64{engine.NoTime, 300, 300, 400}},
		"a hundred milliseconds":                {100 * time.Millisecond, []int64{engine.NoTime, 200, 200, 300}},
		"a part of a millisecond counts as one": {time.Microsecond, []int64{engine.NoTime, 299, 299, 399}},
		"an hour, before 1970":                  {time.Hour, []int64{engine.NoTime, 300 - 3600_000, 300 - 3600_000, 400 - 3600_000}},
	} {
		t.Run(name, func(t *testing.T) {
			var seen []int64
			d := frameworktest.New(t, func(t *framework.Topology) {
				t.From(moments.EventTime(momentOf).Disorder(c.disorder)).Process("", noting(&seen)).To(momentsOut)
			})
			pipeText(d, "in", "a=300@9000 a=100@9000 a=400@9000 a=5@9000")
			if !slices.Equal(seen, c.want) {
				t.Errorf("births %v, want %v", seen, c.want)
			}
		})
	}
}

func TestARestartKeepsHowFarEventTimeHasCome(t *testing.T) {
	var seen []int64
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(moments.EventTime(momentOf).OnBadTime(framework.Skip)).Process("", noting(&seen)).To(momentsOut)
	})
	pipeText(d, "in", "a=300@9000 a=none@9000")
	d.Rebuild()
	pipeText(d, "in", "a=100@9000")
	if want := []int64{engine.NoTime, 300}; !slices.Equal(seen, want) {
		t.Errorf("births %v, want %v", seen, want)
	}
}

func TestGoodTimesAtTheBoundsPass(t *testing.T) {
	far := strconv.Itoa(latest)
	for name, c := range map[string]struct {
		topic      framework.Topic[string, string]
		record, at string
	}{
		"1970":                                  {moments.EventTime(momentOf), "0@5000", "0"},
		"as far ahead as is allowed":            {moments.EventTime(momentOf).NoFurtherAhead(time.Second), "6000@5000", "6000"},
		"the latest time":                       {moments.EventTime(momentOf), far + "@5000", far},
		"the latest time, of a timestamp":       {moments, "x@" + far, far},
		"the latest time with a bound after it": {moments.EventTime(momentOf).NoFurtherAhead(time.Second), far + "@" + far, far},
		"a bad timestamp of a good time":        {moments.EventTime(momentOf), "7@-1", "7"},
		"the largest timestamp of a good time":  {moments.EventTime(momentOf).NoFurtherAhead(time.Second), "7@9223372036854775807", "7"},
		"the year 9999":                         {moments.EventTime(momentOf), "253402300799999@5000", "253402300799999"},
	} {
		t.Run(name, func(t *testing.T) {
			d := frameworktest.New(t, func(t *framework.Topology) { t.From(c.topic).To(momentsOut) })
			pipeText(d, "in", "a="+c.record)
			value, _, _ := strings.Cut(c.record, "@")
			if got, want := readText(d, "out"), "a="+value+"@"+c.at; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

// Were the machine's clock asked, the first record would pass, being long ago, and the second one would not.
func TestWhatIsTooFarAheadDoesNotDependOnTheMachinesClock(t *testing.T) {
	in := moments.EventTime(momentOf).NoFurtherAhead(time.Hour).OnBadTime(framework.Skip)
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(in).To(momentsOut) })
	year1990, year3000 := time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, stamp := range []time.Time{year1990, year3000} {
		for _, ahead := range []time.Duration{2 * time.Hour, time.Hour} {
			d.Pipe(in, "a", strconv.FormatInt(stamp.Add(ahead).UnixMilli(), 10), stamp)
		}
	}
	got := d.Read(momentsOut)
	if len(got) != 2 || !got[0].Time.Equal(year1990.Add(time.Hour)) || !got[1].Time.Equal(year3000.Add(time.Hour)) {
		t.Errorf("got %v", got)
	}
	equalDropped(t, d, map[string]int64{"far_future": 2})
}

func TestARecordThatCannotBeDecodedHasNoTimeWhereTheValueTellsIt(t *testing.T) {
	for name, c := range map[string]struct {
		topic framework.Topic[string, int]
		want  []int64
	}{
		"from the value":     {numbers.EventTime(func(n int) time.Time { return at(int64(n)) }), []int64{engine.NoTime, 10}},
		"from the timestamp": {numbers, []int64{engine.NoTime, 9000}},
	} {
		t.Run(name, func(t *testing.T) {
			var seen []int64
			d := frameworktest.New(t, func(t *framework.Topology) {
				t.From(c.topic.OnBadRecord(framework.Skip)).Process("", func(_ *framework.Op, next emit) emit {
					return func(m *framework.Meta, k string, n int) error {
						seen = append(seen, m.Birth)
						return next(m, k, n)
					}
				}).To(results)
			})
			pipeText(d, "in", "a=10@10 a=bad@9000 a=-@20 a=20@20")
			if !slices.Equal(seen, c.want) {
				t.Errorf("births %v, want %v", seen, c.want)
			}
		})
	}
}

func TestATombstoneOfATableHasItsTimestampAndMovesNoWatermark(t *testing.T) {
	for name, c := range map[string]struct {
		policy  framework.Policy
		in, out string
		dropped map[string]int64
	}{
		"a good timestamp":         {framework.Fail, "a=100@9000 a=-@9001", "a=100@100 a=-@9001", map[string]int64{}},
		"a bad one, skipped":       {framework.Skip, "a=100@9000 a=-@-1", "a=100@100", map[string]int64{"negative_time": 1}},
		"a bad one, clamped":       {framework.Clamp, "a=100@9000 a=-@-1", "a=100@100 a=-@100", map[string]int64{}},
		"a bad one, a dead letter": {framework.DeadLetter("dead"), "a=100@9000 a=-@-1", "a=100@100", map[string]int64{"dead_letter": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			rows := func(t *framework.Topology) {
				t.Table("rows", moments.EventTime(momentOf).OnBadTime(c.policy)).Stream().To(momentsOut)
			}
			d := frameworktest.New(t, rows)
			pipeText(d, "in", c.in)
			if got := readText(d, "out"); got != c.out {
				t.Errorf("got %s, want %s", got, c.out)
			}
			equalDropped(t, d, c.dropped)
			if got := partitionTime(t, rows, c.in); got != 100 {
				t.Errorf("the partition's time is %d after the tombstone, want 100", got)
			}
		})
	}
	d := frameworktest.New(t, func(t *framework.Topology) { t.Table("rows", moments.EventTime(momentOf)).To(momentsOut) })
	if err := d.TryPipeRaw("in", rawOf("b=-@-1")); err == nil || !strings.Contains(err.Error(), "the timestamp of a tombstone, -1 ms since 1970, is bad; mend the producer") {
		t.Errorf("a tombstone with a bad time: %v", err)
	}
	d = frameworktest.New(t, func(t *framework.Topology) { t.Table("rows", moments.EventTime(momentOf)).To(momentsOut) })
	pipeText(d, "in", "a=100@9000 a=-@9001")
	if got := textOf(d.ReadRaw("test-rows-changelog")[1]); got != "a=-@9001" {
		t.Errorf("the changelog holds %s", got)
	}
}

// partitionTime returns the highest event time of the only source partition of a topology that has read records.
func partitionTime(t *testing.T, build func(*framework.Topology), records string) int64 {
	t.Helper()
	top := framework.New()
	build(top)
	plan, err := top.Plan("app")
	if err != nil {
		t.Fatal(err)
	}
	task, err := plan.Build(driver.TaskEnv{Context: t.Context(), Partitions: slices.Repeat([]int32{1}, len(plan.Topics)), Tasks: 1})
	if err != nil {
		t.Fatal(err)
	}
	task.Begin(new(engine.Pool).NewArena())
	for i, text := range strings.Fields(records) {
		r := rawOf(text)
		if _, err := task.Step(0, []connector.Record{{Offset: int64(i), Time: r.Time.UnixMilli(), Key: r.Key, Value: r.Value}}); err != nil {
			t.Fatal(err)
		}
	}
	return task.Inputs()[0].Time()
}

func TestEventTimesFromValuesAllocateNothing(t *testing.T) {
	in := hot.EventTime(func(n int) time.Time { return time.UnixMilli(int64(n)) }).NoFurtherAhead(time.Hour)
	if allocs := testing.AllocsPerRun(20, hotPath(t, func(t *framework.Topology) { t.From(in).ForEach(nothing) })); allocs > 0 {
		t.Errorf("%.0f allocations for %d records", allocs, hotRecords)
	}
}

func TestAFunctionOfEventTimeThatPanicsIsNamed(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(moments.EventTime(momentOf)).To(momentsOut) })
	err := d.TryPipeRaw("in", rawOf("a=noon@0"))
	const want = "operator source in, topic in, partition 0, offset 0: panic: no moment: noon"
	var named *framework.OperatorError
	if !errors.As(err, &named) || err.Error() != want || !strings.Contains(named.Stack, "momentOf") {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestWhatIsSetOnATopicIsNotSetOnTheOneBefore(t *testing.T) {
	moments.EventTime(momentOf).Disorder(time.Hour).OnBadTime(framework.Clamp)
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(moments).To(momentsOut) })
	pipeText(d, "in", "a=100@7")
	if got, want := readText(d, "out"), "a=100@7"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestBuildRefusesEventTimesThatMakeNoSense(t *testing.T) {
	timed := moments.EventTime(momentOf)
	for name, c := range map[string]struct {
		topic framework.Topic[string, string]
		want  string
	}{
		"a negative disorder":    {timed.Disorder(-1), "source in: a duration is negative: Disorder(-1ns), IdleAfter(0s), NoFurtherAhead(0s)"},
		"a negative idle time":   {timed.IdleAfter(-time.Second), "source in: a duration is negative: Disorder(0s), IdleAfter(-1s), NoFurtherAhead(0s)"},
		"a negative bound":       {timed.NoFurtherAhead(-time.Hour), "source in: a duration is negative: Disorder(0s), IdleAfter(0s), NoFurtherAhead(-1h0m0s)"},
		"a bound without times":  {moments.NoFurtherAhead(time.Hour), "source in: NoFurtherAhead compares the times that EventTime finds with the records' own, and there is no EventTime"},
		"no function":            {moments.EventTime(nil), "source in: EventTime(nil): give it the function that finds the event time in a value"},
		"a bad record clamped":   {moments.OnBadRecord(framework.Clamp), "source in: OnBadRecord(Clamp): a record that cannot be decoded has nothing to clamp: use Fail, Skip or DeadLetter(topic)"},
		"a gap clamped":          {moments.OnGap(framework.Clamp), "source in: OnGap: records that were deleted are nowhere to be had: use Fail or Skip"},
		"a gap as a dead letter": {moments.OnGap(framework.DeadLetter("dead")), "source in: OnGap: records that were deleted are nowhere to be had: use Fail or Skip"},
	} {
		t.Run(name, func(t *testing.T) {
			top := framework.New()
			top.From(c.topic).To(momentsOut)
			if _, err := top.Plan("app"); err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestATopicIsReadWithOneSetOfOptions(t *testing.T) {
	top := framework.New()
	top.From(moments).To(momentsOut)
	top.From(moments.EventTime(momentOf)).Print()
	const want = "topic in is read twice with other options: set them once, and use that topic or its stream twice"
	if _, err := top.Plan("app"); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	top = framework.New()
	timed := moments.EventTime(momentOf).Disorder(time.Hour)
	top.From(timed).To(momentsOut)
	top.From(timed).Print()
	if _, err := top.Plan("app"); err != nil {
		t.Error(err)
	}
}

type reading struct {
	Sensor string    `json:"sensor"`
	At     time.Time `json:"at"`
}

func (r reading) when() time.Time { return r.At }

func ExampleTopic_EventTime() {
	readings := frameworktest.Topic("readings", codec.None, codec.JSON[reading]()).
		EventTime(reading.when).     // when it was measured, not when it was sent
		Disorder(10 * time.Minute).  // sensors send up to ten minutes late
		NoFurtherAhead(time.Minute). // a sensor whose clock is wrong ...
		OnBadTime(framework.Skip)    // ... does not bring time forward for all of them
	d := frameworktest.New(nil, func(t *framework.Topology) {
		t.From(readings).ForEachRecord(func(_ context.Context, r framework.Record[framework.None, reading]) error {
			fmt.Println(r.Value.Sensor, r.Time.Format(time.TimeOnly))
			return nil
		})
	})
	sent := time.Date(2013, 1, 1, 12, 0, 0, 0, time.UTC)
	d.Pipe(readings, framework.None{}, reading{"attic", sent.Add(-3 * time.Second)}, sent)
	d.Pipe(readings, framework.None{}, reading{"cellar", sent.Add(-8 * time.Minute)}, sent)
	d.Pipe(readings, framework.None{}, reading{"roof", sent.AddDate(20, 0, 0)}, sent)
	fmt.Println(d.Dropped())
	// Output:
	// attic 11:59:57
	// cellar 11:52:00
	// map[far_future:1]
}
