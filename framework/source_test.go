package framework_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

func TestARecordThatCannotBeDecodedStopsWithAnErrorThatNamesIt(t *testing.T) {
	for _, c := range []struct{ what, record, want string }{
		{
			"the value", "a=one@0",
			`operator source in, topic in, partition 0, offset 1: undecodable record: its value is no decimal: strconv.Atoi: parsing "one": invalid syntax; mend the producer, or pass such records over with OnBadRecord(framework.Skip)`,
		},
		{
			"the key", "x=1@0",
			`operator source in, topic in, partition 0, offset 1: undecodable record: its key is no decimal: strconv.Atoi: parsing "x": invalid syntax; mend the producer, or pass such records over with OnBadRecord(framework.Skip)`,
		},
	} {
		in := frameworktest.Topic("in", codec.String, decimal)
		d := frameworktest.New(t, func(t *framework.Topology) { t.From(in).To(results) })
		if c.what == "the key" {
			in := frameworktest.Topic("in", decimal, decimal)
			d = frameworktest.New(t, func(t *framework.Topology) { t.From(in).ForEach(nothing) })
		}
		pipeText(d, "in", "1=1@0")
		err := d.TryPipeRaw("in", rawOf(c.record))
		if !errors.Is(err, framework.ErrUndecodable) || err.Error() != c.want {
			t.Errorf("%s:\ngot  %v\nwant %s", c.what, err, c.want)
		}
	}
}

func TestSkipPassesOverWhatCannotBeDecodedAndCountsIt(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers.OnBadRecord(framework.Skip)).To(results)
	})
	pipeText(d, "in", "a=1@0 a=one@0 a=@0 a=2@0")
	if got, want := readText(d, "out"), "a=1@0 a=2@0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	equalDropped(t, d, map[string]int64{"undecodable": 2})
}

func TestANegativeTimeStopsUnlessItIsPassedOver(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).To(results) })
	const want = "operator source in, topic in, partition 0, offset 0: the record's timestamp is negative: set the producer's timestamps, or pass such records over with OnBadTime(framework.Skip)"
	if err := d.TryPipeRaw("in", rawOf("a=1@-1")); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	d = frameworktest.New(t, func(t *framework.Topology) { t.From(numbers.OnBadTime(framework.Skip)).To(results) })
	pipeText(d, "in", "a=1@-1 a=2@0")
	if got, want := readText(d, "out"), "a=2@0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	equalDropped(t, d, map[string]int64{"negative_time": 1})
}

func TestASourceDropsNullValuesAndCountsThem(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).To(results) })
	pipeText(d, "in", "a=1@0 a=-@0 -=-@0")
	if got, want := readText(d, "out"), "a=1@0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	equalDropped(t, d, map[string]int64{"null_value": 2})
}

func TestASourceOfTypeNonePassesOverTheKeysThatThereAre(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(unkeyed).To(unkeyedOut) })
	pipeText(d, "in", "a=1@0 -=2@0")
	if got, want := readText(d, "out"), "-=1@0 -=2@0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPoliciesLeaveTheTopicThatTheyAreCalledOn(t *testing.T) {
	numbers.OnBadRecord(framework.Skip)
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).To(results) })
	if err := d.TryPipeRaw("in", rawOf("a=one@0")); err == nil || !strings.Contains(err.Error(), "undecodable") {
		t.Errorf("got %v", err)
	}
}

func TestNullsOfOneTopologyAreAllCounted(t *testing.T) {
	d := frameworktest.Config{Partitions: 2}.New(t, func(t *framework.Topology) {
		t.From(numbers).Grouped().Count("counts").Stream().ForEach(func(context.Context, int64) error { return nil })
		t.Table("table", more).Stream().KeyBy(parity).Grouped().Count("odd-and-even")
	})
	pipeText(d, "in", "-=1@0 -=2@0 -=3@0 a=-@0 b=-@0 a=1@0")
	pipeText(d, "more", "-=1@0 -=-@0 a=1@0 a=-@0")
	d.Rebuild()
	pipeText(d, "in", "-=4@0")
	equalDropped(t, d, map[string]int64{"null_key": 6, "null_value": 3})
}
