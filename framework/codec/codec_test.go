package codec_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework/codec"
)

func TestScalarsAreTheBytesOfKafkasSerializers(t *testing.T) {
	// The wanted bytes are those of org.apache.kafka.common.serialization.
	same(t, codec.Bool, true, "01")
	same(t, codec.Bool, false, "00")
	same(t, codec.Int8, -2, "fe")
	same(t, codec.Int16, -2, "fffe")
	same(t, codec.Int32, 1<<24+1, "01000001")
	same(t, codec.Int64, math.MinInt64, "8000000000000000")
	same(t, codec.Int64, 258, "0000000000000102")
	same(t, codec.Int, -1, "ffffffffffffffff")
	same(t, codec.Uint8, 255, "ff")
	same(t, codec.Uint16, 258, "0102")
	same(t, codec.Uint32, math.MaxUint32, "ffffffff")
	same(t, codec.Uint64, math.MaxUint64, "ffffffffffffffff")
	same(t, codec.Uint, 258, "0000000000000102")
	same(t, codec.Float32, 1.5, "3fc00000")
	same(t, codec.Float64, -1.5, "bff8000000000000")
	same(t, codec.Float64, math.Inf(-1), "fff0000000000000")
	same(t, codec.String, "é\xff", "c3a9ff")
	same(t, codec.Bytes, []byte{0, 1}, "0001")
	same(t, codec.Bytes, []byte{}, "")
	same(t, codec.None, codec.NoKey{}, "")
	same(t, codec.Time, time.Date(2026, 3, 1, 12, 0, 0, 1, time.UTC), fmt.Sprintf("%x", "2026-03-01T12:00:00.000000001Z"))
}

// same checks that v is the bytes, given in hex, appended to what is there already, and comes back from them.
func same[T any](t *testing.T, c codec.Codec[T], v T, hex string) {
	t.Helper()
	b, err := c.Append([]byte("before"), v)
	if err != nil {
		t.Errorf("%s: append %v: %v", c.Name(), v, err)
		return
	}
	tail, found := bytes.CutPrefix(b, []byte("before"))
	if got := fmt.Sprintf("%x", tail); !found || got != hex {
		t.Errorf("%s: %v is %s, want %s", c.Name(), v, got, hex)
	}
	back, err := c.Decode(tail)
	if err != nil || fmt.Sprintf("%#v", back) != fmt.Sprintf("%#v", v) {
		t.Errorf("%s: %#v came back as %#v, %v", c.Name(), v, back, err)
	}
}

func TestFloatsThatCompareOrPrintAlikeAreTheSameBytes(t *testing.T) {
	for _, v := range []float64{0, math.Copysign(0, -1)} {
		equalBytes(t, codec.Float64, v, "0000000000000000")
		equalBytes(t, codec.Float32, float32(v), "00000000")
	}
	for _, bits := range []uint64{0x7ff8000000000000, 0x7ff8000000000001, 0xfff8000000000000, 0x7ff0000000000001} {
		equalBytes(t, codec.Float64, math.Float64frombits(bits), "7ff8000000000000")
	}
	for _, bits := range []uint32{0x7fc00000, 0xffc00000, 0x7f800001} {
		equalBytes(t, codec.Float32, math.Float32frombits(bits), "7fc00000")
	}
}

func equalBytes[T any](t *testing.T, c codec.Codec[T], v T, hex string) {
	t.Helper()
	b, err := c.Append(nil, v)
	if got := fmt.Sprintf("%x", b); err != nil || got != hex {
		t.Errorf("%s: %v is %s, %v, want %s", c.Name(), v, got, err, hex)
	}
}

func TestAWrongLengthIsAnErrorThatSaysBoth(t *testing.T) {
	refuses(t, codec.Bool, "", "bool: got 0 bytes, want 1")
	refuses(t, codec.Bool, "\x02", "bool: got the byte 0x02, want 0x00 or 0x01")
	refuses(t, codec.Int8, "ab", "int8: got 2 bytes, want 1")
	refuses(t, codec.Int16, "a", "int16: got 1 bytes, want 2")
	refuses(t, codec.Int32, "12345678", "int32: got 8 bytes, want 4")
	refuses(t, codec.Int64, "1234", "int64: got 4 bytes, want 8")
	refuses(t, codec.Int, "1", "int: got 1 bytes, want 8")
	refuses(t, codec.Uint64, "", "uint64: got 0 bytes, want 8")
	refuses(t, codec.Float32, "12345", "float32: got 5 bytes, want 4")
	refuses(t, codec.Float64, "1.5", "float64: got 3 bytes, want 8")
	refuses(t, codec.Time, "yesterday", `time: got "yesterday", want RFC 3339, such as 2026-03-01T12:00:00Z`)
	refuses(t, codec.Time, "", `time: got "", want RFC 3339, such as 2026-03-01T12:00:00Z`)
	refuses(t, codec.Time, "0000-01-01T00:00:00+01:00", "time: the year -1 in UTC is outside 0 to 9999: use codec.New for such times")
}

// refuses checks that decoding fails with the message, whole or its start where it ends in "...".
func refuses[T any](t *testing.T, c codec.Codec[T], input, message string) {
	t.Helper()
	v, err := c.Decode([]byte(input))
	if err == nil {
		t.Errorf("%s: decoding %q gave %v, want an error", c.Name(), input, v)
		return
	}
	start, open := strings.CutSuffix(message, "...")
	if got := err.Error(); got != message && !(open && strings.HasPrefix(got, start)) {
		t.Errorf("%s: decoding %q: got  %s\nwant %s", c.Name(), input, got, message)
	}
	if got, zero := fmt.Sprintf("%#v", v), fmt.Sprintf("%#v", *new(T)); got != zero {
		t.Errorf("%s: a failed decode returned %s", c.Name(), got)
	}
}

func TestEveryInstantOfTheYears0To9999ComesBackInUTC(t *testing.T) {
	east := time.FixedZone("east", 5*3600+1800+7)
	for _, v := range []time.Time{
		{},
		time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Date(1969, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		time.Date(1600, 2, 29, 1, 2, 3, 4, east),
		time.Date(2262, 4, 12, 0, 0, 0, 1, time.UTC), // past what an int64 of nanoseconds holds
		time.Now(),
	} {
		b, err := codec.Time.Append(nil, v)
		if err != nil {
			t.Errorf("append %v: %v", v, err)
			continue
		}
		back, err := codec.Time.Decode(b)
		if err != nil || back != v.Round(0).UTC() {
			t.Errorf("%v is %s and came back as %v, %v", v, b, back, err)
		}
	}
	for _, v := range []time.Time{
		time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(-1, 12, 31, 0, 0, 0, 0, time.UTC),
		time.Date(0, 1, 1, 0, 0, 0, 0, east),
	} {
		if b, err := codec.Time.Append([]byte("x"), v); err == nil || string(b) != "x" {
			t.Errorf("append %v gave %s, %v, want dst as it was and an error", v, b, err)
		}
	}
}

func TestBytesDecodesACopy(t *testing.T) {
	input := []byte("abc")
	v, err := codec.Bytes.Decode(input)
	clear(input)
	if err != nil || string(v) != "abc" {
		t.Errorf("got %q, %v after the input was used again", v, err)
	}
	if v, _ := codec.Bytes.Decode(nil); v == nil {
		t.Error("no bytes came back as nil, want an empty slice")
	}
}

func TestNoKeyIsDecodedFromAnything(t *testing.T) {
	if _, err := codec.None.Decode([]byte("whatever")); err != nil {
		t.Error(err)
	}
}

func TestACodecOfTwoFunctionsReturnsDstWhereTheyFail(t *testing.T) {
	full := errors.New("full")
	c := codec.New("half",
		func(dst []byte, v int) ([]byte, error) { return append(dst, 'x'), full },
		func([]byte) (int, error) { return 0, full })
	if b, err := c.Append([]byte("ab"), 1); !errors.Is(err, full) || string(b) != "ab" {
		t.Errorf("got %q, %v", b, err)
	}
	if c.Name() != "half" {
		t.Errorf("got the name %q", c.Name())
	}
}

func TestAppendDoesNotAllocateForScalarsAndStrings(t *testing.T) {
	type celsius float64
	type id string
	noAllocation(t, codec.Bool, true)
	noAllocation(t, codec.Int, 1<<20)
	noAllocation(t, codec.Int8, 1)
	noAllocation(t, codec.Int16, 1)
	noAllocation(t, codec.Int32, 1<<20)
	noAllocation(t, codec.Int64, 1<<40)
	noAllocation(t, codec.Uint, 1)
	noAllocation(t, codec.Uint8, 1)
	noAllocation(t, codec.Uint16, 1)
	noAllocation(t, codec.Uint32, 1)
	noAllocation(t, codec.Uint64, 1)
	noAllocation(t, codec.Float32, 1.5)
	noAllocation(t, codec.Float64, 1.5)
	noAllocation(t, codec.String, "some text")
	noAllocation(t, codec.Bytes, []byte("some bytes"))
	noAllocation(t, codec.Time, time.Date(2026, 3, 1, 12, 0, 0, 1, time.UTC))
	noAllocation(t, codec.None, codec.NoKey{})
	noAllocation(t, inferred[celsius](t), 36.6)
	noAllocation(t, inferred[id](t), "o-17")
}

func noAllocation[T any](t *testing.T, c codec.Codec[T], v T) {
	t.Helper()
	dst := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() { _, _ = c.Append(dst, v) }); n > 0 {
		t.Errorf("%s: %v allocations an Append of a %T, want none", c.Name(), n, v)
	}
}

func inferred[T any](t testing.TB) codec.Codec[T] {
	t.Helper()
	c, err := codec.Infer[T]()
	if err != nil {
		t.Fatal(err)
	}
	return c
}
