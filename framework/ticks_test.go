package framework_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework"
	"github.com/millrace/millrace/framework/frameworktest"
)

// late hands a record on when the interval ends in which it came.
func late(every time.Duration, op *framework.Op, next emit) emit {
	var m framework.Meta
	var key string
	var value int
	var hold framework.Hold
	op.Every(every, func(time.Time) error {
		if value == 0 {
			return nil
		}
		hold.Release(next(&m, key, value))
		value = 0
		return nil
	})
	return func(of *framework.Meta, k string, v int) error {
		m, key, value, hold = *of, k, v, op.Hold(of)
		return nil
	}
}

func TestWhatAUsersOperatorHoldsIsReadAgainAfterARestart(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) { t.From(numbers).With("", late, time.Second).To(results) })
	pipeText(d, "in", "a=1@10")
	d.Rebuild()
	d.AdvanceClock(time.Second)
	pipeText(d, "in", "a=2@20")
	d.AdvanceClock(time.Second)
	d.Rebuild()
	if got := readText(d, "out"); got != "a=1@10 a=2@20" {
		t.Errorf("got %s", got)
	}
}

func TestAnErrorWithWhichAHoldIsReleasedStopsTheApplication(t *testing.T) {
	d := frameworktest.New(t, func(t *framework.Topology) {
		t.From(numbers).With("", late, time.Second).TryMap(broken).To(results)
	})
	pipeText(d, "in", "a=1@10")
	if err := d.TryAdvanceClock(time.Second); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

func TestAnIntervalWithoutLengthIsAFault(t *testing.T) {
	top := framework.New()
	top.From(numbers).With("", late, 0).To(results)
	if _, err := top.Plan("app"); err == nil || !strings.Contains(err.Error(), "process 1: an interval of 0s: give it a length") {
		t.Errorf("got %v", err)
	}
}
