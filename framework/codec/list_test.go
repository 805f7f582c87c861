package codec_test

import (
	"encoding/hex"
	"errors"
	"slices"
	"testing"

	"github.com/millrace/millrace/framework/codec"
)

func TestAListIsItsLengthAndItemsWithTheirs(t *testing.T) {
	for _, c := range []struct {
		list  []string
		bytes string
	}{
		{nil, "00"},
		{[]string{}, "00"},
		{[]string{""}, "0100"},
		{[]string{"a", "", "bc"}, "03016100026263"},
	} {
		codec := codec.List(codec.String)
		prefix := []byte("before ")
		b, err := codec.Append(prefix, c.list)
		if got := hex.EncodeToString(b[len(prefix):]); err != nil || got != c.bytes || string(b[:len(prefix)]) != string(prefix) {
			t.Errorf("%q is %s, %v, want %s", c.list, got, err, c.bytes)
		}
		if back, err := codec.Decode(b[len(prefix):]); err != nil || !slices.Equal(back, c.list) {
			t.Errorf("%q came back as %q, %v", c.list, back, err)
		}
	}
	if got, want := codec.List(codec.List(codec.Int)).Name(), "list(list(int))"; got != want {
		t.Errorf("its name is %s, want %s", got, want)
	}
}

func TestALongItemOfAListComesBack(t *testing.T) {
	long := string(make([]byte, 1000))
	c := codec.List(codec.String)
	b, err := c.Append(nil, []string{long, "x"})
	if back, decodeErr := c.Decode(b); err != nil || decodeErr != nil || !slices.Equal(back, []string{long, "x"}) {
		t.Errorf("%v, %v", err, decodeErr)
	}
}

func TestAListSaysWhatIsWrongWithItsBytes(t *testing.T) {
	c := codec.List(codec.Bool)
	for bytes, want := range map[string]string{
		"":             "list(bool): the number of items is not that of the bytes that follow",
		"02":           "list(bool): the number of items is not that of the bytes that follow",
		"ffffffffff7f": "list(bool): the number of items is not that of the bytes that follow",
		"8000":         "list(bool): the number of items is not that of the bytes that follow",
		"0102":         "list(bool): item 0: the length of an item is not that of the bytes that follow",
		"0100":         "list(bool): item 0: bool: got 0 bytes, want 1",
		"00ff":         "list(bool): bytes are left over",
	} {
		b, _ := hex.DecodeString(bytes)
		if _, err := c.Decode(b); err == nil || err.Error() != want {
			t.Errorf("%s:\ngot  %v\nwant %s", bytes, err, want)
		}
	}
}

func TestAListWhoseItemCannotBeEncodedIsNotEncoded(t *testing.T) {
	broken := errors.New("broken on purpose")
	c := codec.List(codec.New("odd", func(dst []byte, n int) ([]byte, error) {
		if n%2 == 0 {
			return dst, broken
		}
		return append(dst, byte(n)), nil
	}, func(b []byte) (int, error) { return int(b[0]), nil }))
	b, err := c.Append([]byte("before"), []int{1, 2})
	if want := "item 1: broken on purpose"; !errors.Is(err, broken) || err.Error() != want || string(b) != "before" {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestAppendingAListAllocatesNothing(t *testing.T) {
	c, buffer, list := codec.List(codec.Int), make([]byte, 0, 1024), []int{1, 2, 3, 4}
	if allocs := testing.AllocsPerRun(100, func() { buffer, _ = c.Append(buffer[:0], list) }); allocs > 0 {
		t.Errorf("%.0f allocations", allocs)
	}
}

func FuzzAListComesBack(f *testing.F) {
	f.Add("", "a", "\x00", byte(0))
	f.Add("long enough that its length takes more than one byte: long enough that its length takes more than one byte: long enough ...", "", "b", byte(3))
	c := codec.List(codec.String)
	f.Fuzz(func(t *testing.T, x, y, z string, n byte) {
		list := []string{x, y, z}[:n%4]
		b, err := c.Append(nil, list)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := c.Decode(b); err != nil || !slices.Equal(back, list) {
			t.Fatalf("%q came back as %q, %v", list, back, err)
		}
	})
}

func FuzzDecodingAnyBytesGivesAListOrAnError(f *testing.F) {
	for _, seed := range []string{"", "\x00", "\x01\x00", "\x02\x01a\x00", "\x80\x00", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\x01\x02\x01\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		settles(t, codec.List(codec.String), b)
		settles(t, codec.List(codec.List(codec.Int16)), b)
	})
}
