package framework_test

import (
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/codec"
	"github.com/millrace/millrace/framework/frameworktest"
)

// A window fills and the next one begins in one round: what the second one has is there after a restart.
func TestAWindowOfACountThatBeginsWhereAnotherEndsSurvivesARestart(t *testing.T) {
	counted := frameworktest.Topic("counted", codec.String, codec.Int64)
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).Grouped().TumblingCount(2).Emit(framework.OnClose).Count("pairs").Stream().To(counted)
	})
	at := time.UnixMilli(1000)
	d.Pipe(numbers, "a", 1, at)
	d.Batch(func() {
		d.Pipe(numbers, "a", 2, at)
		d.Pipe(numbers, "a", 3, at)
	})
	d.Rebuild()
	d.Pipe(numbers, "a", 4, at)
	if got := d.Read(counted); len(got) != 2 {
		t.Errorf("%d windows of two of four records: %v", len(got), got)
	}
}

func TestEarlyResultsThatCannotBeAreRefused(t *testing.T) {
	for name, cut := range map[string]func(framework.Grouped[string, int]) framework.Windowed[string, int]{
		"the time between early results of -1ns": func(g framework.Grouped[string, int]) framework.Windowed[string, int] {
			return g.Tumbling(time.Hour).Emit(framework.Early(-1))
		},
		"the time between early results of 0s": func(g framework.Grouped[string, int]) framework.Windowed[string, int] {
			return g.Tumbling(time.Hour).Emit(framework.Early(0))
		},
		"the time between early results of 1ns": func(g framework.Grouped[string, int]) framework.Windowed[string, int] {
			return g.Session(time.Hour).Emit(framework.Early(1))
		},
		"a window of a count has no early results": func(g framework.Grouped[string, int]) framework.Windowed[string, int] {
			return g.TumblingCount(3).Emit(framework.Early(time.Minute))
		},
		"each record would be in 86400000 windows": func(g framework.Grouped[string, int]) framework.Windowed[string, int] {
			return g.Hopping(24*time.Hour, time.Millisecond)
		},
	} {
		topology := framework.New()
		cut(topology.From(numbers).Grouped()).Count("n").Stream().To(frameworktest.Topic("counted", codec.String, codec.Int64))
		if _, err := topology.Plan("test"); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%q: the error is %v", name, err)
		}
	}
}
