package codec_test

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/millrace/millrace/framework/codec"
)

func FuzzScalarsComeBack(f *testing.F) {
	f.Add(int64(0), uint64(0), 0.0, float32(0), "", false)
	f.Add(int64(math.MinInt64), uint64(math.MaxUint64), math.NaN(), float32(math.Copysign(0, -1)), "\xff", true)
	f.Fuzz(func(t *testing.T, i int64, u uint64, d float64, s float32, text string, b bool) {
		exact(t, codec.Bool, b)
		exact(t, codec.Int, int(i))
		exact(t, codec.Int8, int8(i))
		exact(t, codec.Int16, int16(i))
		exact(t, codec.Int32, int32(i))
		exact(t, codec.Int64, i)
		exact(t, codec.Uint, uint(u))
		exact(t, codec.Uint8, uint8(u))
		exact(t, codec.Uint16, uint16(u))
		exact(t, codec.Uint32, uint32(u))
		exact(t, codec.Uint64, u)
		exact(t, codec.String, text)
		if d == d {
			exact(t, codec.Float64, d)
		}
		if s == s {
			exact(t, codec.Float32, s)
		}
	})
}

// exact checks that v comes back from its bytes, and its bytes from what came back.
func exact[T comparable](t *testing.T, c codec.Codec[T], v T) {
	t.Helper()
	b, err := c.Append(nil, v)
	if err != nil {
		t.Fatalf("%s: append %#v: %v", c.Name(), v, err)
	}
	back, err := c.Decode(b)
	if err != nil || back != v {
		t.Fatalf("%s: %#v came back as %#v, %v", c.Name(), v, back, err)
	}
	if again, err := c.Append(nil, back); err != nil || !bytes.Equal(again, b) {
		t.Fatalf("%s: %#v was %x and is %x, %v", c.Name(), v, b, again, err)
	}
}

func FuzzAnInstantComesBackAndSorts(f *testing.F) {
	f.Add(int64(0), int64(0), int64(-1), int64(999_999_999))
	f.Add(int64(-62167219200), int64(0), int64(253402300799), int64(999_999_999))
	f.Fuzz(func(t *testing.T, s1, n1, s2, n2 int64) {
		v, w := time.Unix(s1%1e12, n1%1e9), time.Unix(s2%1e12, n2%1e9)
		a, err := codec.Time.Append(nil, v)
		if err != nil {
			return
		}
		back, err := codec.Time.Decode(a)
		if err != nil || !back.Equal(v) || back.Location() != time.UTC {
			t.Fatalf("%v is %s and came back as %v, %v", v, a, back, err)
		}
		if b, err := codec.Time.Append(nil, w); err == nil && bytes.Compare(a, b) != v.Compare(w) {
			t.Fatalf("%s and %s do not sort as their instants", a, b)
		}
	})
}

type everything struct {
	S  string
	I  int64 `json:"i,omitempty"`
	U  uint32
	F  float64 `json:",omitempty"`
	G  float32
	B  []byte
	L  []string
	M  map[string]string
	N  map[int8]item
	P  *item
	T  time.Time
	A  [2]uint8
	Q  string  `json:",string"`
	R  float64 `json:",string"`
	Kg any
	item
}

func FuzzJSONIsThatOfTheStandardLibraryAndComesBack(f *testing.F) {
	f.Add("", int64(0), 0.0, []byte(nil), true)
	f.Add("a<b>&\u2028\x7f\x00\"\\", int64(-1), math.Copysign(0, -1), []byte{0xff}, true)
	f.Add("\xff\xed\xa0\x80é", int64(math.MaxInt64), 1e300, []byte("x"), false)
	c := codec.JSON[everything]()
	f.Fuzz(func(t *testing.T, s string, i int64, d float64, b []byte, full bool) {
		v := everything{S: s, I: i, U: uint32(i), F: d, G: float32(d), T: time.Unix(i%1e10, i%1e9).UTC(), A: [2]uint8{uint8(i), 1}, R: d + 1}
		if full {
			v.Q, v.B, v.L, v.M, v.N = s, b, []string{s, ""}, map[string]string{s: s, "k": ""}, map[int8]item{int8(i): {s, 1}, 1: {}}
			v.P, v.Kg, v.item = &item{s, int(i)}, []any{s, d, nil, map[string]any{s: b}}, item{s, 2}
		}
		got, err := c.Append(nil, v)
		want, wantErr := standard(v)
		if err != nil || wantErr != nil {
			if (err == nil) != (wantErr == nil) {
				t.Fatalf("got %v, the standard library %v", err, wantErr)
			}
			return
		}
		if !utf8.ValidString(s) {
			return // both write U+FFFD, one escapes it; and two names in one object may become the same
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
		back, err := c.Decode(got)
		var other everything
		if wantErr = json.Unmarshal(got, &other); err != nil || wantErr != nil || !reflect.DeepEqual(back, other) {
			t.Fatalf("%s\ngot  %#v, %v\nwant %#v, %v", got, back, err, other, wantErr)
		}
	})
}

// standard is v by encoding/json, without what it does for HTML, and with 0 for −0.
func standard(v everything) ([]byte, error) {
	v.F, v.G, v.R = v.F+0, v.G+0, v.R+0
	if list, ok := v.Kg.([]any); ok {
		list[1] = list[1].(float64) + 0
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func FuzzDecodingAnyBytesGivesAValueOrAnError(f *testing.F) {
	for _, seed := range []string{``, `{}`, `null`, `[`, `{"S":"\ud800"}`, `{"M":{"a":null}}`, `{"T":"0000-01-01T00:00:00Z"}`, `{"Q":"\"x\""}`, `{"Kg":[1e5]}`, "2026-03-01T12:00:00.5+01:00"} {
		f.Add([]byte(seed))
	}
	values, keys := codec.JSON[everything](), codec.KeyCodec(codec.JSON[transfer]())
	f.Fuzz(func(t *testing.T, b []byte) {
		settles(t, values, b)
		settles(t, keys, b)
		settles(t, codec.Time, b)
		settles(t, codec.Bool, b)
		settles(t, codec.Float32, b)
		settles(t, codec.Float64, b)
		settles(t, codec.Int16, b)
	})
}

// settles checks that what is decoded is written, and that what is written comes back as the same bytes.
func settles[T any](t *testing.T, c codec.Codec[T], input []byte) {
	t.Helper()
	v, err := c.Decode(input)
	if err != nil {
		return
	}
	first, err := c.Append(nil, v)
	if err != nil {
		t.Fatalf("%s: %q was decoded and cannot be written: %v", c.Name(), input, err)
	}
	v, err = c.Decode(first)
	if err != nil {
		t.Fatalf("%s: %q was written and cannot be decoded: %v", c.Name(), first, err)
	}
	if again, err := c.Append(nil, v); err != nil || !bytes.Equal(again, first) {
		t.Fatalf("%s: %q became %q, %v", c.Name(), first, again, err)
	}
}

func FuzzKeysAreEqualWhereTheirBytesAre(f *testing.F) {
	f.Add("a", "b", "c", int64(0), "a", "b", "c", int64(0))
	f.Add("", "\u2028", "\"", int64(1), "", "\\u2028", "\\\"", int64(1))
	f.Add("\xff", "", "", int64(1), "\xfe", "", "", int64(1))
	c := codec.KeyCodec(codec.JSON[transfer]())
	f.Fuzz(func(t *testing.T, a, b, d string, n int64, e, g, h string, m int64) {
		k := transfer{From: account{a, n}, To: account{b, -n}, Tags: [2]string{d, a}}
		l := transfer{From: account{e, m}, To: account{g, -m}, Tags: [2]string{h, e}}
		x, err1 := c.Append(nil, k)
		y, err2 := c.Append(nil, l)
		if err1 == nil && err2 == nil && (k == l) != bytes.Equal(x, y) {
			t.Fatalf("%#v is %s\n%#v is %s", k, x, l, y)
		}
	})
}
