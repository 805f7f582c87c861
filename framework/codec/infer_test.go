package codec_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"github.com/millrace/millrace/framework/codec"
)

type (
	celsius float64
	orderID string
	blob    []byte
	level   int8
	flag    bool
	letters []letter
	letter  byte
	endless []endless
	nested  map[string]nested
	order   struct {
		ID    orderID
		Items []item
		Paid  *bool `json:"paid,omitempty"`
		Next  *order
	}
	item struct {
		SKU string
		N   int
	}
)

func TestACodecIsInferredByKind(t *testing.T) {
	infers[string](t, "string")
	infers[bool](t, "bool")
	infers[int](t, "int")
	infers[int8](t, "int8")
	infers[int16](t, "int16")
	infers[int32](t, "int32")
	infers[int64](t, "int64")
	infers[uint](t, "uint")
	infers[uint8](t, "uint8")
	infers[uint16](t, "uint16")
	infers[uint32](t, "uint32")
	infers[uint64](t, "uint64")
	infers[float32](t, "float32")
	infers[float64](t, "float64")
	infers[[]byte](t, "bytes")
	infers[time.Time](t, "time")
	infers[codec.NoKey](t, "none")

	infers[celsius](t, "float64")
	infers[orderID](t, "string")
	infers[level](t, "int8")
	infers[flag](t, "bool")
	infers[blob](t, "bytes")
	infers[json.RawMessage](t, "bytes")
	infers[time.Duration](t, "int64")

	infers[order](t, "json(codec_test.order)")
	infers[*order](t, "json(*codec_test.order)")
	infers[map[string]int](t, "json(map[string]int)")
	infers[map[string][]string](t, "json(map[string][]string)")
	infers[http.Header](t, "json(http.Header)")
	infers[[]string](t, "json([]string)")
	infers[letters](t, "json(codec_test.letters)")
	infers[[4]byte](t, "json([4]uint8)")
	infers[struct{}](t, "json(struct {})")
	infers[map[string]any](t, "json(map[string]interface {})")
	infers[struct{ At time.Time }](t, "json(struct { At time.Time })")
	infers[*big.Int](t, "json(*big.Int)")
}

func infers[T any](t *testing.T, name string) {
	t.Helper()
	c, err := codec.Infer[T]()
	if err != nil {
		t.Errorf("no codec for %s: %v", reflect.TypeFor[T](), err)
	} else if c.Name() != name {
		t.Errorf("%s got the codec %s, want %s", reflect.TypeFor[T](), c.Name(), name)
	}
}

func TestANamedTypeIsTheBytesOfItsKind(t *testing.T) {
	same(t, inferred[celsius](t), celsius(1.5), "3ff8000000000000")
	same(t, inferred[orderID](t), orderID("o-1"), fmt.Sprintf("%x", "o-1"))
	same(t, inferred[blob](t), blob("ab"), "6162")
	same(t, inferred[level](t), level(-1), "ff")
	same(t, inferred[flag](t), flag(true), "01")
	same(t, inferred[time.Duration](t), time.Second, "000000003b9aca00")
	refuses(t, inferred[level](t), "ab", "int8: got 2 bytes, want 1")
}

func TestWhatHasNoBytesIsRefusedWithAWayOut(t *testing.T) {
	const nothing = ": it has no bytes that mean anything elsewhere: use another type, or name a codec, made by codec.New"
	const unknown = ": bytes do not tell which type to decode to: use a concrete type, or name a codec, made by codec.New"
	noCodec[chan int](t, "no codec for chan int"+nothing)
	noCodec[func()](t, "no codec for func()"+nothing)
	noCodec[complex128](t, "no codec for complex128"+nothing)
	noCodec[uintptr](t, "no codec for uintptr"+nothing)
	noCodec[unsafe.Pointer](t, "no codec for unsafe.Pointer"+nothing)
	noCodec[any](t, "no codec for the interface interface {}"+unknown)
	noCodec[error](t, "no codec for the interface error"+unknown)
}

type (
	embedsTime struct {
		time.Time
		Note string
	}
	writeOnly int
	clash     struct {
		A string `json:"B"`
		B string
	}
	shadow struct {
		item
		N int
	}
	tree struct {
		Children []*tree
		ByName   map[string]tree
		Owner    *owner
	}
	owner struct{ Trees []tree }
)

func (writeOnly) MarshalText() ([]byte, error) { return []byte("w"), nil }

func TestWhatJSONWouldLoseIsRefusedAndTheFieldNamed(t *testing.T) {
	incomplete[struct{ sum int }](t, "sum (int): it is not exported, so JSON leaves it out: export it, or tag it `json:\"-\"` if it need not be kept")
	incomplete[map[string][]struct{ A struct{ b bool } }](t, "element [][].A.b (bool): it is not exported, ...")
	incomplete[struct{ C chan int }](t, "C (chan int): JSON cannot hold it")
	incomplete[[]complex64](t, "element [] (complex64): JSON cannot hold it")
	incomplete[struct{ Err error }](t, "Err (error): JSON does not tell which type to decode to: use a concrete type, or any for what JSON itself can hold")
	incomplete[*url.URL](t, "User.username (string): it is not exported, ...")
	incomplete[map[[2]int]string](t, "element [key] ([2]int): a map's key in JSON is text: use a string or an integer, or give the type MarshalText and UnmarshalText")
	incomplete[struct{ W writeOnly }](t, "W (codec_test.writeOnly): it has methods for one direction only: it needs both MarshalJSON and UnmarshalJSON, or both MarshalText and UnmarshalText")
	incomplete[map[string]big.Int](t, "element [] (big.Int): a map's value has no address, so that methods of its pointer are not called: let the map hold *big.Int")
	incomplete[embedsTime](t, "Time (time.Time): it is embedded, and its methods may encode it alone without the fields beside it: give the field a name")
	incomplete[clash](t, `B (string): in JSON it has the name "B", as A has: give it another by a tag`)
	incomplete[shadow](t, `N (int): in JSON it has the name "N", as item.N has: give it another by a tag`)

	infers[tree](t, "json(codec_test.tree)")
	infers[struct {
		A int
		_ [0]func()
		b struct{} `json:"-"`
	}](t, "json(struct { A int; _ [0]func(); b struct {} \"json:\\\"-\\\"\" })")
}

func TestWhatWouldEndTheProcessIsRefusedByJSONToo(t *testing.T) {
	crashes[endless](t, "element [] (codec_test.endless): it holds itself with no struct between")
	crashes[nested](t, "element [] (codec_test.nested): it holds itself with no struct between")
	crashes[map[string][1]*int](t, "element [] ([1]*int): it is a single pointer, which the encoder does not see in a map: let the map hold *[1]*int")
	crashes[map[string]struct {
		_ struct{}
		P *int
	}](t, "element [] (struct { _ struct {}; P *int }): it is a single pointer, ...")
}

func noCodec[T any](t *testing.T, message string) {
	t.Helper()
	c, err := codec.Infer[T]()
	if err == nil {
		t.Errorf("%s got the codec %s, want an error", reflect.TypeFor[T](), c.Name())
		return
	}
	checkMessage(t, err, message)
}

func incomplete[T any](t *testing.T, reason string) {
	t.Helper()
	noCodec[T](t, fmt.Sprintf("no codec for %s, which is not fit for JSON: %s", reflect.TypeFor[T](), reason)+"...")
}

func crashes[T any](t *testing.T, reason string) {
	t.Helper()
	incomplete[T](t, reason)
	var v T
	dst, err := codec.JSON[T]().Append([]byte("dst"), v)
	if err == nil || string(dst) != "dst" {
		t.Errorf("JSON[%T] appended %s, %v", v, dst, err)
		return
	}
	checkMessage(t, err, fmt.Sprintf("json(%s): %s", reflect.TypeFor[T](), reason))
}

// checkMessage compares the message with the one wanted, of which a part from "..." on is not compared.
func checkMessage(t *testing.T, err error, want string) {
	t.Helper()
	got := err.Error()
	for i := range len(want) - 2 {
		if want[i:i+3] == "..." {
			want, got = want[:i], got[:min(i, len(got))]
			break
		}
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
