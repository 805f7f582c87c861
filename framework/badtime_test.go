package framework_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/frameworktest"
	"github.com/millrace/millrace/framework/internal/engine"
)

// latest is the latest event time there is.
const latest = math.MaxInt64 / 2

// A badTime is a record between two good ones, a=1000@5000 and a=1001@5001, the latter being read at a watermark that tells
// whether the record moved it.
type badTime struct {
	name    string
	topic   framework.Topic[string, string]
	record  string
	reason  string // for which it is dropped
	clamped int64  // its time with Clamp
	err     string // a part of it
}

var badTimes = []badTime{
	{
		"a missing time", moments.EventTime(momentOf), "b=none@5000", "missing_time", 5000,
		"it has no event time: the function of EventTime returned the zero time; mend the producer, or pass such records over with OnBadTime(framework.Skip)",
	},
	{
		"a missing time, and no timestamp", moments.EventTime(momentOf), "b=none@-1", "missing_time", 0,
		"it has no event time",
	},
	{
		"a missing time, and a timestamp that is none", moments.EventTime(momentOf), "b=none@9223372036854775807", "missing_time", latest,
		"it has no event time",
	},
	{
		"a time before 1970", moments.EventTime(momentOf), "b=-1@5000", "negative_time", 0,
		"its event time, 1969-12-31T23:59:59.999Z, is before 1970; mend the producer, or pass such records over with OnBadTime(framework.Skip)",
	},
	{
		"a time before the years that milliseconds count", moments.EventTime(momentOf), "b=too-small@5000", "negative_time", 0,
		"is before 1970",
	},
	{
		"a time too far ahead", moments.EventTime(momentOf).NoFurtherAhead(time.Second), "b=6001@5000", "far_future", 6000,
		"its event time, 1970-01-01T00:00:06.001Z, is more than 1s ahead of its timestamp, 1970-01-01T00:00:05Z; mend the producer, or pass such records over with OnBadTime(framework.Skip)",
	},
	{
		"a time ahead where none may be", moments.EventTime(momentOf).NoFurtherAhead(0), "b=5001@5000", "far_future", 5000,
		"its event time, 1970-01-01T00:00:05.001Z, is more than 0s ahead",
	},
	{
		"a time ahead of a record without timestamp", moments.EventTime(momentOf).NoFurtherAhead(0), "b=5001@-1", "far_future", 0,
		"is more than 0s ahead of its timestamp, 1969-12-31T23:59:59.999Z",
	},
	{
		"the largest time, with a bound", moments.EventTime(momentOf).NoFurtherAhead(time.Second), "b=largest@5000", "far_future", 6000,
		"its event time, 292278994-08-17T07:12:55.807Z, is more than 1s ahead",
	},
	{
		"the largest time", moments.EventTime(momentOf), "b=largest@5000", "far_future", latest,
		"its event time, in the year 292278994, is beyond what can be counted with; mend the producer, or pass such records over with OnBadTime(framework.Skip)",
	},
	{
		"a time after the years that milliseconds count", moments.EventTime(momentOf), "b=too-large@5000", "far_future", latest,
		"its event time, in the year 292278994, is beyond what can be counted with",
	},
	{
		"a time after the years that milliseconds count, with a bound", moments.EventTime(momentOf).NoFurtherAhead(time.Second), "b=too-large@5000", "far_future", 6000,
		"is more than 1s ahead",
	},
}

var badStamps = []badTime{
	{
		"a timestamp before 1970", moments, "b=x@-1", "negative_time", 0,
		"the record's timestamp is negative: set the producer's timestamps, or pass such records over with OnBadTime(framework.Skip)",
	},
	{
		"the largest timestamp", moments, "b=x@9223372036854775807", "far_future", latest,
		"the record's timestamp, 9223372036854775807 ms since 1970, is beyond what can be counted with: set the producer's timestamps, or pass such records over with OnBadTime(framework.Skip)",
	},
}

func TestABadTimeOfAValueGoesTheWayOfThePolicy(t *testing.T) { checkBadTimes(t, badTimes, 1000, 1001) }

func TestABadTimestampGoesTheWayOfThePolicy(t *testing.T) { checkBadTimes(t, badStamps, 5000, 5001) }

// checkBadTimes tries all policies; first and last are the times of the good records.
func checkBadTimes(t *testing.T, cases []badTime, first, last int64) {
	for _, c := range cases {
		t.Run(c.name+" fails", func(t *testing.T) {
			_, _, err := c.run(t, framework.Fail)
			var named *framework.OperatorError
			if !errors.As(err, &named) || named.Operator != "source in" || named.At.Offset != 1 || !strings.Contains(err.Error(), c.err) {
				t.Errorf("got  %v\nwant %s", err, c.err)
			}
		})
		for policy, dropped := range map[framework.Policy]string{framework.Skip: c.reason, framework.DeadLetter("dead"): "dead_letter"} {
			t.Run(c.name+" goes no further: "+dropped, func(t *testing.T) {
				d, births, err := c.run(t, policy)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := readText(d, "out"), fmt.Sprintf("a=1000@%d a=1001@%d", first, last); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				equalDropped(t, d, map[string]int64{dropped: 1})
				if want := []int64{engine.NoTime, first}; !slices.Equal(births, want) {
					t.Errorf("births %d, want %d: the time of a record that was refused counts", births, want)
				}
				if policy == framework.Skip {
					return
				}
				if letters := d.ReadRaw("dead"); len(letters) != 1 || headerOf(letters[0], "dlq.reason") != c.reason {
					t.Errorf("dead letters %v", letters)
				}
			})
		}
		t.Run(c.name+" is clamped", func(t *testing.T) {
			d, births, err := c.run(t, framework.Clamp)
			if err != nil {
				t.Fatal(err)
			}
			bad, _, _ := strings.Cut(c.record, "@")
			if got, want := readText(d, "out"), fmt.Sprintf("a=1000@%d %s@%d a=1001@%d", first, bad, c.clamped, last); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			equalDropped(t, d, map[string]int64{})
			if want := []int64{engine.NoTime, first, max(first, c.clamped)}; !slices.Equal(births, want) {
				t.Errorf("births %d, want %d", births, want)
			}
		})
	}
}

// run pipes the good records and between them the bad one. It returns the watermarks that records were read at.
func (c badTime) run(t *testing.T, p framework.Policy) (d *frameworktest.Driver, births []int64, err error) {
	t.Helper()
	d = frameworktest.New(t, func(t *framework.Topology) {
		t.From(c.topic.OnBadTime(p)).Process("", noting(&births)).To(momentsOut)
	})
	pipeText(d, "in", "a=1000@5000")
	if err := d.TryPipeRaw("in", rawOf(c.record)); err != nil {
		return d, births, err
	}
	pipeText(d, "in", "a=1001@5001")
	return d, births, nil
}
