package codec_test

import (
	"strings"
	"testing"
	"time"

	"github.com/millrace/millrace/framework/codec"
)

type (
	side    int
	account struct {
		Bank   string
		Number int64
	}
	transfer struct {
		From, To account
		Tags     [2]string
		_        float64 // not compared
	}
	priced struct {
		Item  item
		Price float64
	}
	hidden struct {
		Name string
		rank int
	}
	omitting struct {
		Name string
		Rank int `json:"-"`
	}
	unexportedPart struct{ hiddenPart }
	hiddenPart     struct{ Name string }
	uuid           [2]byte // with methods, as such types have
)

func (u uuid) MarshalText() ([]byte, error)  { return []byte{'a' + u[0], 'a' + u[1]}, nil }
func (u *uuid) UnmarshalText(b []byte) error { u[0], u[1] = b[0]-'a', b[1]-'a'; return nil }

func TestWhatIsAKey(t *testing.T) {
	isKey[codec.NoKey](t)
	isKey[string](t)
	isKey[orderID](t)
	isKey[int](t)
	isKey[int64](t)
	isKey[uint8](t)
	isKey[bool](t)
	isKey[side](t)
	isKey[[2]string](t)
	isKey[uuid](t)
	isKey[account](t)
	isKey[transfer](t)
	isKey[unexportedPart](t)
	isKey[struct{ ID uuid }](t)
	isKey[struct{ D time.Duration }](t)
}

func isKey[K comparable](t *testing.T) {
	t.Helper()
	if err := codec.Key(inferred[K](t)); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNotAKeyIsRefusedAndTheFieldNamed(t *testing.T) {
	const (
		number   = "NaN does not equal itself, and 0 and −0 are equal: key by an integer, such as cents, or by a string"
		pointer  = "two pointers to equal values are not equal: key by the value itself"
		anything = "it can hold what does not compare: key by a concrete type"
		clock    = "equal instants differ by their location: key by UnixNano(), or by Format in UTC"
	)
	notAKey(t, codec.Float64, "key type float64: float64: "+number)
	notAKey(t, codec.JSON[celsius](), "key type codec_test.celsius: codec_test.celsius: "+number)
	notAKey(t, codec.JSON[priced](), "key type codec_test.priced: Price (float64): "+number)
	notAKey(t, codec.JSON[[3]priced](), "key type [3]codec_test.priced: element [].Price (float64): "+number)
	notAKey(t, codec.JSON[complex64](), "key type complex64: complex64: "+number)
	notAKey(t, codec.JSON[*item](), "key type *codec_test.item: *codec_test.item: "+pointer)
	notAKey(t, codec.JSON[struct{ A struct{ P *int } }](), "key type struct { A struct { P *int } }: A.P (*int): "+pointer)
	notAKey(t, codec.JSON[any](), "key type interface {}: interface {}: "+anything)
	notAKey(t, codec.JSON[struct{ V any }](), "key type struct { V interface {} }: V (interface {}): "+anything)
	notAKey(t, codec.JSON[chan int](), "key type chan int: chan int: a channel has no bytes: key by an integer or a string that names it")
	notAKey(t, codec.Time, "key type time.Time: time.Time: "+clock)
	notAKey(t, codec.JSON[struct{ At time.Time }](), "key type struct { At time.Time }: At (time.Time): "+clock)
	notAKey(t, codec.JSON[hidden](), "key type codec_test.hidden: rank (int): it is not exported, so JSON leaves it out, and keys which differ in it would become one: export it, or name a codec, made by codec.New")
	notAKey(t, codec.JSON[omitting](), "key type codec_test.omitting: Rank (int): JSON leaves it out, so that keys which differ in it would become one: remove its tag, or name a codec, made by codec.New")
	notAKey(t, codec.JSON[struct{ W writeOnly }](), "key type struct { W codec_test.writeOnly }: W (codec_test.writeOnly): it has methods for one direction only...")
	notAKey[string](t, nil, "key type string: it has no codec: name one")
}

func notAKey[K comparable](t *testing.T, c codec.Codec[K], message string) {
	t.Helper()
	err := codec.Key(c)
	if err == nil {
		t.Errorf("%T is accepted as a key, want %s", *new(K), message)
		return
	}
	checkMessage(t, err, message)
}

func TestAnOwnCodecMayWriteUnexportedFieldsOfAKeyButNoFloats(t *testing.T) {
	own := codec.New("own",
		func(dst []byte, k hidden) ([]byte, error) { return append(append(dst, byte(k.rank)), k.Name...), nil },
		func(b []byte) (hidden, error) { return hidden{string(b[1:]), int(b[0])}, nil })
	if err := codec.Key(own); err != nil {
		t.Error(err)
	}
	floats := codec.New("own",
		func(dst []byte, _ priced) ([]byte, error) { return dst, nil },
		func([]byte) (priced, error) { return priced{}, nil })
	if codec.Key(floats) == nil {
		t.Error("a float64 in a key is accepted")
	}
}

func TestAKeyInJSONWithInvalidUTF8IsRefusedAndTheFieldNamed(t *testing.T) {
	c := codec.KeyCodec(inferred[transfer](t))
	good := transfer{From: account{"a", 1}, To: account{"é\ufffd", 2}, Tags: [2]string{"", "x"}}
	b, err := c.Append([]byte("dst"), good)
	if want := `dst{"From":{"Bank":"a","Number":1},"To":{"Bank":"é` + "\ufffd" + `","Number":2},"Tags":["","x"]}`; err != nil || string(b) != want {
		t.Errorf("got  %s, %v\nwant %s", b, err, want)
	}
	if back, err := c.Decode(b[3:]); err != nil || back != good {
		t.Errorf("got %v, %v back", back, err)
	}
	for at, spoil := range map[string]func(*transfer){
		"From.Bank": func(k *transfer) { k.From.Bank = "\xff" },
		"To.Bank":   func(k *transfer) { k.To.Bank = "a\xc3" },
		"Tags[1]":   func(k *transfer) { k.Tags[1] = "\xed\xa0\x80" },
	} {
		bad := good
		spoil(&bad)
		b, err := c.Append([]byte("dst"), bad)
		want := "json(codec_test.transfer): " + at + " is not valid UTF-8, "
		if err == nil || string(b) != "dst" || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got  %s, %v\nwant %s", b, err, want)
		}
	}
	if _, err := codec.KeyCodec(codec.JSON[orderID]()).Append(nil, "\xff"); err == nil {
		t.Error("a string key in JSON with invalid UTF-8 is accepted")
	}
	if _, err := codec.KeyCodec(codec.String).Append(nil, "\xff"); err != nil {
		t.Errorf("a plain string key holds any bytes: %v", err)
	}
}
