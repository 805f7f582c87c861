package codec

import (
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// KeyCodec returns c as a codec for keys that [Key] has accepted: one that gives different keys different bytes.
//
// JSON writes every invalid UTF-8 sequence as U+FFFD, so that keys which differ in it would become one; where c is
// [JSON], Append of the returned codec refuses such a string and names the field. Any other codec is returned as it is:
// [String] writes the bytes as they are.
func KeyCodec[K comparable](c Codec[K]) Codec[K] {
	j, isJSON := c.(*jsonCodec[K])
	if !isJSON {
		return c
	}
	places := stringsIn(nil, reflect.TypeFor[K](), 0, "")
	if len(places) == 0 {
		return c
	}
	return &jsonKey[K]{jsonCodec: j, strings: places}
}

type jsonKey[K comparable] struct {
	*jsonCodec[K]
	strings []stringPlace // invariant: every string in a K, blank fields aside
}

func (c *jsonKey[K]) Append(dst []byte, key K) ([]byte, error) {
	for _, p := range c.strings {
		s := *(*string)(unsafe.Add(unsafe.Pointer(&key), p.offset))
		if !utf8.ValidString(s) {
			return dst, fmt.Errorf("%s: %s is not valid UTF-8, %q: a key in JSON must be: hex or base64 can hold any bytes", c.name, p.at, s)
		}
	}
	return c.jsonCodec.Append(dst, key)
}

// stringPlace is where in a key a string lies.
type stringPlace struct {
	offset uintptr // bytes from the start of the key
	at     string  // the field, for messages
}

// stringsIn appends the strings in t, which lies offset bytes into the key, at the place at.
func stringsIn(places []stringPlace, t reflect.Type, offset uintptr, at string) []stringPlace {
	switch t.Kind() {
	case reflect.String:
		places = append(places, stringPlace{offset, strings.TrimPrefix(at, ".")})
	case reflect.Array:
		for i := range t.Len() {
			places = stringsIn(places, t.Elem(), offset+uintptr(i)*t.Elem().Size(), fmt.Sprintf("%s[%d]", at, i))
		}
	case reflect.Struct:
		for f := range t.Fields() {
			if f.Name != "_" {
				places = stringsIn(places, f.Type, offset+f.Offset, at+"."+f.Name)
			}
		}
	}
	return places
}
