package main

import (
	"encoding/binary"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestACountIsTheResultOfAllOccurrencesUpToIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStopwatch("wordcount")
		word := s.next()
		count := func(n uint64) { s.seen(word, binary.BigEndian.AppendUint64(nil, n), time.Now()) }
		count(1)
		time.Sleep(latencyWarmUp)
		for len(s.sent[string(word)]) < 3 { // others come in between
			s.next()
		}
		time.Sleep(40 * time.Millisecond)
		count(3)
		count(2) // again
		time.Sleep(10 * time.Millisecond)
		count(4)
		want := []time.Duration{40 * time.Millisecond, 40 * time.Millisecond, 50 * time.Millisecond}
		if !slices.Equal(s.delays, want) {
			t.Errorf("measured %v, want %v", s.delays, want)
		}
	})
}

func TestACopyIsMeasuredOnceTheSideIsWarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStopwatch("passthrough")
		cold := s.next()
		time.Sleep(time.Millisecond)
		s.seen(nil, cold, time.Now())
		time.Sleep(latencyWarmUp)
		warm := s.next()
		time.Sleep(3 * time.Millisecond)
		s.seen(nil, warm, time.Now())
		if !slices.Equal(s.delays, []time.Duration{3 * time.Millisecond}) {
			t.Errorf("measured %v", s.delays)
		}
		time.Sleep(latencyMeasure + 2*time.Second)
		s.seen(nil, s.next(), time.Now())
		select {
		case <-s.measured:
		default:
			t.Error("it is not over after the time of measuring")
		}
	})
}

func TestWordsThatAreToComeOnceDo(t *testing.T) {
	seen := map[string]bool{}
	for i := range 10_000 {
		seen[string(uniqueWord(i, nil))] = true
	}
	if len(seen) != 10_000 {
		t.Errorf("%d of 10,000 words differ", len(seen))
	}
}
