package codec_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework/codec"
)

func TestJSONIsDeterministicAndPlain(t *testing.T) {
	many := map[int]string{}
	for i := range 12 {
		many[i] = ""
	}
	writes(t, map[string]int{"b": 1, "a": 2, "C": 3}, `{"C":3,"a":2,"b":1}`)
	writes(t, map[string]any{"b": nil, "a": []any{1, "x", true}}, `{"a":[1,"x",true],"b":null}`)
	writes(t, many, `{"0":"","1":"","10":"","11":"","2":"","3":"","4":"","5":"","6":"","7":"","8":"","9":""}`)
	writes(t, []string{"<a href='x'>&</a>", "é\u2028\x01\n\"\\"}, `["<a href='x'>&</a>","é\u2028\u0001\n\"\\"]`)
	writes(t, []float64{0, math.Copysign(0, -1), -0.5, 1e-7, 1e21, 123456789}, `[0,0,-0.5,1e-7,1e+21,123456789]`)
	writes(t, struct{ F float32 }{float32(math.Copysign(0, -1))}, `{"F":0}`)
	writes(t, map[string]any{`-0,"-0`: math.Copysign(0, -1), "b": "-0"}, `{"-0,\"-0":0,"b":"-0"}`)
	writes(t, map[string]json.RawMessage{"a": json.RawMessage(`[-0,1e-05,1e-0,-0.0,"\"-0"]`)}, `{"a":[0,1e-05,1e-0,-0.0,"\"-0"]}`)
	writes(t, struct{ D []time.Duration }{[]time.Duration{90 * time.Minute, -1}}, `{"D":["1h30m0s","-1ns"]}`)
	writes(t, struct{ B [2]byte }{[2]byte{1, 2}}, `{"B":[1,2]}`)
	writes(t, struct{ B []byte }{[]byte{1, 2}}, `{"B":"AQI="}`)
	writes[*int](t, nil, `null`)
	writes(t, "\xff", `"\ufffd"`)
}

func writes[T any](t *testing.T, v T, want string) {
	t.Helper()
	c := codec.JSON[T]()
	b, err := c.Append([]byte("e"), v)
	if got := string(b); err != nil || got != "e"+want {
		t.Errorf("%#v is\n     %s, %v\nwant %s", v, got, err, want)
	}
}

func TestAJSONValueComesBack(t *testing.T) {
	paid := true
	comesBack(t, order{ID: "o-1", Items: []item{{"a", 1}, {"b", 2}}, Paid: &paid, Next: &order{ID: "o-2"}})
	comesBack(t, map[string][]string{"a": {"x", "y"}, "b": {}, "c": nil})
	comesBack(t, http.Header{"Accept": {"text/html"}})
	comesBack(t, map[int64]bool{math.MinInt64: true, math.MaxInt64: false})
	comesBack(t, []uint64{0, math.MaxUint64})
	comesBack(t, [3]int8{-128, 0, 127})
	comesBack(t, []float64{math.MaxFloat64, math.SmallestNonzeroFloat64, 0.1})
	comesBack(t, letters("letters"))
	comesBack(t, [][]byte{{}, {0xff}, nil})
	comesBack(t, []string(nil))
	comesBack(t, []string{})
	comesBack(t, big.NewInt(0).Lsh(big.NewInt(1), 100))
	comesBack(t, map[string]*big.Int{"x": big.NewInt(7)})
	comesBack(t, struct {
		D  time.Duration
		P  *time.Duration
		S  time.Duration              `json:",string"`
		M  map[time.Duration]int      // its keys are text in text
		A  any                        // text, not a duration
		At time.Time                  `json:"at,omitzero"`
		N  int64                      `json:",string"`
		T  string                     `json:",string"`
		R  json.RawMessage            // any JSON
		E  map[string]struct{ X int } // a struct in a map
	}{
		D: -math.MaxInt64, P: new(time.Duration), S: time.Second, M: map[time.Duration]int{time.Hour: 1}, A: "1h",
		At: time.Date(2026, 3, 1, 0, 0, 0, 1, time.UTC), N: -5, T: `"`, R: json.RawMessage(`{"a":[1]}`),
		E: map[string]struct{ X int }{"a": {1}},
	})
}

func comesBack[T any](t *testing.T, v T) {
	t.Helper()
	c := inferred[T](t)
	b, err := c.Append(nil, v)
	if err != nil {
		t.Errorf("append %#v: %v", v, err)
		return
	}
	input := []byte(string(b))
	back, err := c.Decode(input)
	for i := range input {
		input[i] = '!' // the caller uses the bytes again; a value that points into them changes
	}
	if err != nil || !reflect.DeepEqual(back, v) {
		t.Errorf("%s: got  %#v, %v\nwant %#v", b, back, err, v)
	}
}

func TestWhatIsNotOneJSONValueIsRefused(t *testing.T) {
	type numbers struct {
		U uint64
		I int8
		S string
	}
	c := codec.JSON[numbers]()
	const name = "json(codec_test.numbers): "
	refuses(t, c, ``, name+"unexpected end of JSON input")
	refuses(t, c, `{"U":1`, name+"unexpected end of JSON input")
	refuses(t, c, `{"U":1}}`, name+"invalid character '}' after top-level value")
	refuses(t, c, `{"U":1} {}`, name+"invalid character '{' after top-level value")
	refuses(t, c, `{"U":1,}`, name+"invalid character ...")
	refuses(t, c, `{"U":30000000000000000000}`, name+"json: cannot unmarshal number 30000000000000000000 into Go struct field numbers.U of type uint64")
	refuses(t, c, `{"U":-1}`, name+"json: cannot unmarshal number ...")
	refuses(t, c, `{"I":128}`, name+"json: cannot unmarshal number 128 ...")
	refuses(t, c, `{"I":1.5}`, name+"json: cannot unmarshal number 1.5 ...")
	refuses(t, c, `{"S":1}`, name+"json: cannot unmarshal number into Go struct field numbers.S of type string")
	refuses(t, c, "{\"S\":\"\xff\"}", name+"...")
	refuses(t, c, `{"U":1,"U":2}`, name+"...")
	refuses(t, codec.JSON[struct{ D time.Duration }](), `{"D":"soon"}`, "json(struct { D time.Duration }): ...")
	refuses(t, codec.JSON[any](), strings.Repeat("[", 1e6), "json(interface {}): ...")

	if v, err := c.Decode([]byte(" {\"u\":1, \"more\":[{}]}\n")); err != nil || v.U != 1 {
		t.Errorf("space, case and unknown names matter: got %v, %v", v, err)
	}
	if v, err := codec.JSON[struct{ D time.Duration }]().Decode([]byte(`{"D":1000}`)); err != nil || v.D != time.Microsecond {
		t.Errorf("nanoseconds of a duration, as encoding/json writes them: got %v, %v", v, err)
	}
}

func TestJSONRefusesToAppendWhatItCannotSay(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		b, err := codec.JSON[[]float64]().Append([]byte("dst"), []float64{1, v})
		if err == nil || string(b) != "dst" || !strings.HasPrefix(err.Error(), "json([]float64): ") {
			t.Errorf("%v is %s, %v, want dst as it was and an error", v, b, err)
		}
	}
}

// A decoder that hands the collector memory of a wrong type ends the process here.
func TestDecodingStandsAGarbageCollection(t *testing.T) {
	c := inferred[map[string][]string](t)
	want := map[string][]string{}
	for i := range 2000 {
		want["a"] = append(want["a"], fmt.Sprintf("%050d", i))
	}
	b, err := c.Append(nil, want)
	if err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				runtime.GC()
			}
		}
	}()
	for range 50 {
		if got, err := c.Decode(b); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got another value, %v", err)
			break
		}
	}
	close(stop)
	<-stopped
}

func TestJSONOfAStructAppendsWithoutAllocation(t *testing.T) {
	noAllocation(t, codec.JSON[item](), item{"sku-1", 2})
	noAllocation(t, codec.JSON[struct{ Sum, N float64 }](), struct{ Sum, N float64 }{1.5, 2})
	noAllocation(t, codec.KeyCodec(codec.JSON[item]()), item{"sku-1", 2})
}

func BenchmarkJSON(b *testing.B) {
	c := codec.JSON[item]()
	v := item{"sku-1", 2}
	text, err := c.Append(nil, v)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		dst := make([]byte, 0, 64)
		for b.Loop() {
			_, _ = c.Append(dst, v)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = c.Decode(text)
		}
	})
}
