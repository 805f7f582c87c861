package driver

import (
	"testing"
	"time"
)

func TestRoundsAreLongerOnlyWithMoreThanTwoSecondsOfLag(t *testing.T) {
	s := &shared{flushBusy: 100 * time.Millisecond, flushBehind: 500 * time.Millisecond}
	for _, c := range []struct {
		processed int64
		took      time.Duration
		lag       int64
		want      time.Duration
	}{
		{0, 100 * time.Millisecond, 1000, s.flushBusy},      // nothing to judge by
		{1000, 100 * time.Millisecond, 0, s.flushBusy},      // caught up
		{1000, 100 * time.Millisecond, 19_000, s.flushBusy}, // 1.9 s
		{1000, 100 * time.Millisecond, 21_000, s.flushBehind},
		{5000, 500 * time.Millisecond, 19_000, s.flushBusy}, // back to short ones
		{1000, 0, 21_000, s.flushBusy},
	} {
		if got := s.busyFor(c.processed, c.took, c.lag); got != c.want {
			t.Errorf("%d records in %s, %d to go: %s, want %s", c.processed, c.took, c.lag, got, c.want)
		}
	}
}

func TestTransactionsAreLongerOnlyWithMoreThanTwoSecondsOfLag(t *testing.T) {
	for _, c := range []struct {
		transactional bool
		busyFor       time.Duration
		every, want   time.Duration
	}{
		{true, 500 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond},
		{true, 100 * time.Millisecond, 100 * time.Millisecond, 100 * time.Millisecond},
		{true, 500 * time.Millisecond, time.Second, time.Second},
		{false, 500 * time.Millisecond, 100 * time.Millisecond, 100 * time.Millisecond},
	} {
		w := &worker{busyFor: c.busyFor, shared: &shared{transactional: c.transactional, commitEvery: c.every, flushBusy: 100 * time.Millisecond, flushBehind: 500 * time.Millisecond}}
		if got := w.commitAfter(); got != c.want {
			t.Errorf("%+v: a commit every %s, want %s", c, got, c.want)
		}
	}
}
