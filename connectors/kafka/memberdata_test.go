package kafka

import (
	"reflect"
	"testing"
)

var sampleData = memberData{
	process:   "9f2c",
	hash:      0xfedcba9876543210,
	capacity:  3,
	lags:      []taskLag{{taskName{"orders", 0}, -1}, {taskName{"orders", 70000}, 1 << 40}},
	readiness: []byte("ready"),
	released:  []taskName{{"clicks", 2}},
}

func TestMemberDataIsReadAsItWasWritten(t *testing.T) {
	for _, want := range []memberData{sampleData, {capacity: 1}} {
		got, err := decodeMemberData(want.encode())
		if err != nil {
			t.Fatal(err)
		}
		if len(got.readiness) == 0 {
			got.readiness = nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	}
}

// The layout is what members of all versions of a group share: a change of it is a migration for users.
func TestTheLayoutOfMemberDataStays(t *testing.T) {
	d := memberData{process: "p", hash: 1, capacity: 2, lags: []taskLag{{taskName{"t", 3}, -1}}, released: []taskName{{"u", 4}}}
	want := "\x01" + "\x01p" + "\x08\x00\x00\x00\x00\x00\x00\x00\x01" + "\x01\x02" + "\x05\x01\x01t\x03\x01" + "\x00" + "\x04\x01\x01u\x04"
	if got := string(d.encode()); got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestALaterVersionIsReadAsFarAsItIsKnown(t *testing.T) {
	b := sampleData.encode()
	b[0] = 7
	b = appendField(b, []byte("of a later version"))
	b = appendField(b, nil)
	got, err := decodeMemberData(b)
	if err != nil || !reflect.DeepEqual(got, sampleData) {
		t.Fatalf("got %+v, %v, want %+v", got, err, sampleData)
	}
}

func TestAVersionWithFewerFieldsLeavesTheRestAtZero(t *testing.T) {
	got, err := decodeMemberData([]byte("\x01\x01p"))
	if want := (memberData{process: "p", capacity: 1}); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v, want %+v", got, err, want)
	}
}

func TestMemberDataThatIsCutOffIsAnErrorWhereverItIs(t *testing.T) {
	b := sampleData.encode()
	fields := map[int]bool{1: true} // where a field ends it is data of fewer fields
	for at := 1; at < len(b); {
		at += 1 + int(b[at])
		fields[at] = true
	}
	for n := range b {
		if _, err := decodeMemberData(b[:n]); (err == nil) != fields[n] {
			t.Errorf("of %d bytes %d: %v", len(b), n, err)
		}
	}
}

func TestACapacityOutOfBoundsIsBounded(t *testing.T) {
	for wire, want := range map[string]int{"\x01\x00": 1, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01": maxCapacity} {
		got, err := decodeMemberData([]byte("\x01\x00\x08\x00\x00\x00\x00\x00\x00\x00\x01" + wire))
		if err != nil || got.capacity != want {
			t.Errorf("%q: capacity %d, %v, want %d", wire, got.capacity, err, want)
		}
	}
}

func FuzzMemberData(f *testing.F) {
	f.Add(sampleData.encode())
	f.Add([]byte{})
	f.Add([]byte("\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Add([]byte("\x01\x00\x08\x00\x00\x00\x00\x00\x00\x00\x01\x01\x01\x09\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := decodeMemberData(b)
		if d.capacity < 1 || d.capacity > maxCapacity {
			t.Fatalf("capacity %d", d.capacity)
		}
		if err != nil {
			return
		}
		again, err := decodeMemberData(d.encode())
		if err != nil || again.process != d.process || !reflect.DeepEqual(again.released, d.released) || !reflect.DeepEqual(again.lags, d.lags) {
			t.Fatalf("%+v became %+v, %v", d, again, err)
		}
	})
}
