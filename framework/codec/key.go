package codec

import (
	"cmp"
	"fmt"
	"reflect"
	"time"
)

// Key returns an error where K, encoded by c, cannot be a key: two keys must be equal if and only if their bytes are,
// or a partition and a map would disagree on what belongs together.
//
// It refuses floating-point and complex numbers, pointers, interfaces, channels and time.Time, anywhere in K, whatever
// the codec. Where c is [JSON] it also refuses what JSON leaves out: unexported fields and those tagged "-". The error
// names the field, says why and what to do. NoKey is accepted: it is the absence of a key.
//
// A codec made by [New] is taken at its word: it must write different keys as different bytes.
func Key[K comparable](c Codec[K]) error {
	t := reflect.TypeFor[K]()
	if c == nil {
		return fmt.Errorf("key type %s: it has no codec: name one", t)
	}
	err := refuseKey(t, "")
	if j, isJSON := c.(*jsonCodec[K]); isJSON {
		err = cmp.Or(err, refuseOmitted(t, ""), j.shape.loss)
	}
	if err != nil {
		return fmt.Errorf("key type %s: %w", t, err)
	}
	return nil
}

// refuseKey says why t, which stands at the place at in a key, must not be there.
func refuseKey(t reflect.Type, at string) error {
	if t == reflect.TypeFor[time.Time]() {
		return fault(at, t, "equal instants differ by their location: key by UnixNano(), or by Format in UTC")
	}
	switch t.Kind() {
	case reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return fault(at, t, "NaN does not equal itself, and 0 and −0 are equal: key by an integer, such as cents, or by a string")
	case reflect.Pointer, reflect.UnsafePointer:
		return fault(at, t, "two pointers to equal values are not equal: key by the value itself")
	case reflect.Interface:
		return fault(at, t, "it can hold what does not compare: key by a concrete type")
	case reflect.Chan:
		return fault(at, t, "a channel has no bytes: key by an integer or a string that names it")
	case reflect.Array:
		return refuseKey(t.Elem(), at+"[]")
	case reflect.Struct:
		for f := range t.Fields() {
			if f.Name == "_" {
				continue // comparing leaves it out
			}
			if err := refuseKey(f.Type, at+"."+f.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// refuseOmitted finds the field of a key that JSON leaves out though it counts when keys are compared.
func refuseOmitted(t reflect.Type, at string) error {
	switch t.Kind() {
	case reflect.Array:
		return refuseOmitted(t.Elem(), at+"[]")
	case reflect.Struct:
		if p := reflect.PointerTo(t); p.Implements(jsonUnmarshaler) || p.Implements(textUnmarshaler) {
			return nil // its own methods say what is written
		}
		for f := range t.Fields() {
			place := at + "." + f.Name
			if f.Name == "_" {
				continue
			}
			if f.Tag.Get("json") == "-" {
				return fault(place, f.Type, "JSON leaves it out, so that keys which differ in it would become one: remove its tag, or name a codec, made by codec.New")
			}
			if !f.IsExported() && embeddedStruct(f) == nil {
				return fault(place, f.Type, "it is not exported, so JSON leaves it out, and keys which differ in it would become one: export it, or name a codec, made by codec.New")
			}
			if err := refuseOmitted(f.Type, place); err != nil {
				return err
			}
		}
	}
	return nil
}
