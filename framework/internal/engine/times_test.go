package engine

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

// These bytes lie in the offsets of running applications: they must never change.
func TestTheLayoutOfTimesIsFixed(t *testing.T) {
	for _, c := range []struct {
		times Times
		want  string
	}{
		{Times{At: []int64{NoTime}}, "AQEAAAA="},
		{Times{At: []int64{0}}, "AQEAAQA="},
		{Times{At: []int64{1700000000000}}, "AQGAoKv++WIBAA=="},
		{Times{At: []int64{-5}}, "AQEJAQA="},
		{Times{At: []int64{1700000000000, NoTime, 1700000000250}, Idle: []bool{false, true, false}}, "AQOAoKv++WIBAPsBAg=="},
		{Times{At: []int64{-5}, Own: []uint32{}}, "AQEJAQAA"},
		{Times{At: []int64{-5}, Own: []uint32{1, 0xfffefdfc}}, "AQEJAQACAAAAAf/+/fw="},
		{Times{At: []int64{1, 1, 1, 1, 1, 1, 1, 1, 2}, Idle: []bool{true, false, false, false, false, false, false, true, true}}, "AQkCAQEBAQEBAQECgQE="},
	} {
		if got := c.times.Encode(); got != c.want {
			t.Errorf("%v is %s, want %s", c.times, got, c.want)
		}
		got, err := DecodeTimes(c.want)
		if err != nil {
			t.Fatal(err)
		}
		if c.times.Idle == nil {
			c.times.Idle = make([]bool, len(c.times.At))
		}
		if !reflect.DeepEqual(got, c.times) {
			t.Errorf("%s is %v, want %v", c.want, got, c.times)
		}
	}
}

func TestNoMetadataIsNoTimes(t *testing.T) {
	if got, err := DecodeTimes(""); err != nil || len(got.At) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestMetadataOfAnotherProgramIsAnError(t *testing.T) {
	for _, metadata := range []string{"x", "consumer-1-b2ee8a0c", "AA==", "AQ==", "AQE=", "AQEA", "AQEAAQ==", "AQIAAQA=", "AQEJAQABAAAB", "AQEJAQDJAQ==", "Af//////////AQ==", "{}"} {
		if got, err := DecodeTimes(metadata); err == nil {
			t.Errorf("%q is %v", metadata, got)
		}
	}
	_, err := DecodeTimes("AgEAAQA=")
	if err == nil || errors.Is(err, errTimes) || !strings.Contains(err.Error(), "version 2, this program knows 1") {
		t.Errorf("a later version: %v", err)
	}
}

// A broker takes 4,096 bytes of metadata.
func TestFiveHundredTasksTwoDaysApartFitIntoACommit(t *testing.T) {
	const day = 24 * 60 * 60 * 1000
	times := Times{}
	for i := range int64(512) {
		times.At = append(times.At, 1_800_000_000_000+(i*7919%512)*2*day/511)
		times.Idle = append(times.Idle, i%3 == 0)
		times.Own = append(times.Own, TopicHash(string(rune(i))))
	}
	if n := len(times.Encode()); n >= 4096 {
		t.Errorf("%d characters", n)
	} else {
		t.Logf("%d characters", n)
	}
}

// What an offset was committed with tells a topic that somebody deleted from one that is new in the graph.
func TestTheHashOfATopicIsFixed(t *testing.T) {
	for name, want := range map[string]uint32{"app-counts-changelog": 0xfc994770, "": 0x106e08d9} {
		if got := TopicHash(name); got != want {
			t.Errorf("%q is %#x, want %#x", name, got, want)
		}
	}
}

func TestExtremeTimesSurvive(t *testing.T) {
	for _, at := range [][]int64{{math.MaxInt64}, {0, math.MaxInt64 - 1}, {math.MinInt64 + 1}, {math.MinInt64 + 1, -1}, {NoTime, NoTime}} {
		got, err := DecodeTimes(Times{At: at}.Encode())
		if err != nil || !reflect.DeepEqual(got.At, at) {
			t.Errorf("%v became %v, %v", at, got.At, err)
		}
	}
}

func FuzzDecodedTimesEncodeToTheSame(f *testing.F) {
	for _, s := range []string{"", "AQEAAAA=", "AQOAoKv++WIBAPsBAg==", "AQEJAQACAAAAAf/+/fw=", "AQkCAQEBAQEBAQECgQE=", "AgEAAQA="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, metadata string) {
		times, err := DecodeTimes(metadata)
		if err != nil || len(times.At) == 0 {
			return
		}
		again, err := DecodeTimes(times.Encode())
		if err != nil || !reflect.DeepEqual(again, times) {
			t.Errorf("%q: %v became %v, %v", metadata, times, again, err)
		}
	})
}
