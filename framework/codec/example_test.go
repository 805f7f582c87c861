package codec_test

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/millrace/millrace/framework/codec"
)

func ExampleCodec() {
	b, err := codec.Int64.Append(nil, 258)
	fmt.Printf("%x %v\n", b, err)

	v, err := codec.Int64.Decode(b)
	fmt.Println(v, err)

	_, err = codec.Int64.Decode(b[:3])
	fmt.Println(err)
	// Output:
	// 0000000000000102 <nil>
	// 258 <nil>
	// int64: got 3 bytes, want 8
}

func ExampleNew() {
	type point struct{ x, y uint16 }
	points := codec.New("point",
		func(dst []byte, p point) ([]byte, error) {
			return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(dst, p.x), p.y), nil
		},
		func(b []byte) (point, error) {
			if len(b) != 4 {
				return point{}, fmt.Errorf("point: got %d bytes, want 4", len(b))
			}
			return point{binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])}, nil
		})

	b, _ := points.Append(nil, point{3, 4})
	p, _ := points.Decode(b)
	fmt.Printf("%s %x %v\n", points.Name(), b, p)
	// Output: point 00030004 {3 4}
}

func ExampleJSON() {
	type Order struct {
		ID    string         `json:"id"`
		Lines map[string]int `json:"lines"`
	}
	orders := codec.JSON[Order]()
	b, _ := orders.Append(nil, Order{ID: "o-1", Lines: map[string]int{"tea": 2, "milk": 1}})
	fmt.Println(orders.Name(), string(b))

	_, err := orders.Decode([]byte(`{"id":"o-2"} and more`))
	fmt.Println(err)
	// Output:
	// json(codec_test.Order) {"id":"o-1","lines":{"milk":1,"tea":2}}
	// json(codec_test.Order): invalid character 'a' after top-level value
}

func ExampleInfer() {
	type Celsius float64
	c, err := codec.Infer[Celsius]()
	fmt.Println(c.Name(), err)

	_, err = codec.Infer[struct{ sum float64 }]()
	fmt.Println(err)
	// Output:
	// float64 <nil>
	// no codec for struct { sum float64 }, which is not fit for JSON: sum (float64): it is not exported, so JSON leaves it out: export it, or tag it `json:"-"` if it need not be kept; or name a codec, made by codec.New
}

func ExampleKey() {
	type Price struct {
		SKU   string
		Value float64
	}
	fmt.Println(codec.Key(codec.String))
	fmt.Println(codec.Key(codec.JSON[Price]()))
	// Output:
	// <nil>
	// key type codec_test.Price: Value (float64): NaN does not equal itself, and 0 and −0 are equal: key by an integer, such as cents, or by a string
}

func ExampleKeyCodec() {
	type Account struct{ Bank, Number string }
	c := codec.KeyCodec(codec.JSON[Account]())
	_, err := c.Append(nil, Account{Bank: "X", Number: "\xff1"})
	fmt.Println(err)
	// Output: json(codec_test.Account): Number is not valid UTF-8, "\xff1": a key in JSON must be: hex or base64 can hold any bytes
}

func Example_float() {
	zero, _ := codec.Float64.Append(nil, math.Copysign(0, -1))
	fmt.Printf("%x\n", zero)
	// Output: 0000000000000000
}
