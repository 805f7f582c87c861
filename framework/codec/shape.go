package codec

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// shape is what must be known of a type before its values are written as JSON. It is found once, by [shapeOf].
type shape struct {
	// crash is not nil where encoding a value would end the process: every use of the codec returns it instead.
	crash error
	// loss is not nil where a value would not come back from JSON as it was.
	loss error
	// floats: a value may hold a floating-point number.
	floats bool
	// durations: a value may hold a time.Duration.
	durations bool

	path []reflect.Type // the types from the root to the one that is looked at
	seen map[reflect.Type]bool
}

func shapeOf(t reflect.Type) *shape {
	s := &shape{seen: map[reflect.Type]bool{}}
	s.visit(t, "", true)
	s.path, s.seen = nil, nil
	return s
}

var (
	jsonMarshaler   = reflect.TypeFor[json.Marshaler]()
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// visit looks at t, which stands at the place at in the root ("" for the root itself). The encoder calls a method of *t
// only where addressable.
func (s *shape) visit(t reflect.Type, at string, addressable bool) {
	switch t {
	case reflect.TypeFor[time.Time]():
		return
	case reflect.TypeFor[time.Duration]():
		s.durations = true
		return
	case reflect.TypeFor[json.Number](), reflect.TypeFor[json.RawMessage](), reflect.TypeFor[any]():
		s.floats = true
		return
	}
	if s.ownMethods(t, at, addressable) {
		s.floats = true
		s.visitPromoted(t, at)
		return
	}
	if s.recurs(t, at) {
		return
	}
	s.path = append(s.path, t)
	s.visitKind(t, at, addressable)
	s.path = s.path[:len(s.path)-1]
}

func (s *shape) visitKind(t reflect.Type, at string, addressable bool) {
	switch t.Kind() {
	case reflect.Float32, reflect.Float64:
		s.floats = true
	case reflect.Slice:
		s.visit(t.Elem(), at+"[]", true)
	case reflect.Array:
		s.visit(t.Elem(), at+"[]", addressable)
	case reflect.Pointer:
		s.visit(t.Elem(), at, true)
	case reflect.Map:
		s.visitMap(t, at)
	case reflect.Struct:
		s.visitFields(t, at, addressable, map[string]string{})
	case reflect.Interface:
		s.loses(at, t, "JSON does not tell which type to decode to: use a concrete type, or any for what JSON itself can hold")
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer, reflect.Uintptr:
		s.loses(at, t, "JSON cannot hold it")
	}
}

// ownMethods says whether t is encoded by its own methods, and so not looked into.
func (s *shape) ownMethods(t reflect.Type, at string, addressable bool) bool {
	p := reflect.PointerTo(t)
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return false
	}
	marshals := func(m reflect.Type) bool { return t.Implements(m) || addressable && p.Implements(m) }
	asJSON, asText := marshals(jsonMarshaler), marshals(textMarshaler)
	fromJSON, fromText := p.Implements(jsonUnmarshaler), p.Implements(textUnmarshaler)
	switch {
	case asJSON && fromJSON:
		return true
	case !asJSON && !fromJSON && asText && fromText:
		return true
	case !asJSON && !fromJSON && !asText && !fromText:
		return false
	case !asJSON && p.Implements(jsonMarshaler), !asJSON && !asText && p.Implements(textMarshaler):
		s.loses(at, t, "a map's value has no address, so that methods of its pointer are not called: let the map hold *"+t.String())
	default:
		s.loses(at, t, "it has methods for one direction only: it needs both MarshalJSON and UnmarshalJSON, or both MarshalText and UnmarshalText")
	}
	return true
}

// visitPromoted looks for methods that t, which is encoded by its methods, has from an embedded field only: they know
// nothing of its other fields. Reflection does not tell them from methods that t overrides; JSON accepts both.
func (s *shape) visitPromoted(t reflect.Type, at string) {
	if t.Kind() != reflect.Struct || t.NumField() < 2 {
		return
	}
	for f := range t.Fields() {
		if f.Anonymous && (f.Type.Implements(jsonMarshaler) || f.Type.Implements(textMarshaler)) {
			s.loses(at+"."+f.Name, f.Type, "it is embedded, and its methods may encode it alone without the fields beside it: give the field a name")
		}
	}
}

// recurs says whether t has been looked at. A type that holds itself without a struct between them, such as
// type T []T, makes the encoder recurse without end.
func (s *shape) recurs(t reflect.Type, at string) bool {
	for i := len(s.path) - 1; i >= 0; i-- {
		if s.path[i] == t {
			if t.Kind() != reflect.Struct {
				s.crashes(at, t, "it holds itself with no struct between")
			}
			return true
		}
		if s.path[i].Kind() == reflect.Struct {
			break
		}
	}
	if t.Kind() != reflect.Struct {
		return false
	}
	again := s.seen[t]
	s.seen[t] = true
	return again
}

func (s *shape) visitMap(t reflect.Type, at string) {
	key, elem := t.Key(), t.Elem()
	switch k := key.Kind(); {
	case key.Implements(textMarshaler) && reflect.PointerTo(key).Implements(textUnmarshaler) && !oneWord(key):
	case key.Implements(textMarshaler) || reflect.PointerTo(key).Implements(textUnmarshaler):
		s.crashes(at+"[key]", key, "as a map's key it needs MarshalText on the value and UnmarshalText on the pointer")
	case k == reflect.String, k >= reflect.Int && k <= reflect.Uint64:
		s.durations = s.durations || key == reflect.TypeFor[time.Duration]()
	default:
		s.loses(at+"[key]", key, "a map's key in JSON is text: use a string or an integer, or give the type MarshalText and UnmarshalText")
	}
	// A value of one word that is a pointer lies in the map's slot itself. The encoder knows that of pointers, maps and
	// structs of one field, and takes the others for the address of a value.
	if k := elem.Kind(); oneWord(elem) && (k == reflect.Array || k == reflect.Struct && elem.NumField() > 1) {
		s.crashes(at+"[]", elem, "it is a single pointer, which the encoder does not see in a map: let the map hold *"+elem.String())
	}
	s.visit(elem, at+"[]", false)
}

// oneWord says whether a value of type t may be held in an interface or a map as a bare pointer.
func oneWord(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return true
	case reflect.Array:
		return t.Len() == 1 && oneWord(t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			if oneWord(f.Type) {
				return t.Size() == f.Type.Size()
			}
		}
	}
	return false
}

// visitFields looks at the fields of t. Those of an embedded struct are written as fields of t; names holds the place
// of each field by its name in JSON.
func (s *shape) visitFields(t reflect.Type, at string, addressable bool, names map[string]string) {
	for f := range t.Fields() {
		place, tag := at+"."+f.Name, f.Tag.Get("json")
		name, _, _ := strings.Cut(tag, ",")
		promoted := embeddedStruct(f)
		switch {
		case f.Name == "_" || tag == "-":
			continue
		case promoted != nil && name == "":
			if !slices.Contains(s.path, promoted) {
				s.path = append(s.path, promoted)
				s.visitFields(promoted, place, addressable || f.Type != promoted, names)
				s.path = s.path[:len(s.path)-1]
			}
			continue
		case !f.IsExported():
			s.loses(place, f.Type, "it is not exported, so JSON leaves it out: export it, or tag it `json:\"-\"` if it need not be kept")
			continue
		}
		if name == "" {
			name = f.Name
		}
		if other, taken := names[name]; taken {
			s.loses(place, f.Type, fmt.Sprintf("in JSON it has the name %q, as %s has: give it another by a tag", name, strings.TrimPrefix(other, ".")))
		}
		names[name] = place
		s.visit(f.Type, place, addressable)
	}
}

// embeddedStruct returns the struct that f embeds, also by an exported pointer, or nil. A pointer to an unexported
// struct cannot be set from outside its package.
func embeddedStruct(f reflect.StructField) reflect.Type {
	t := f.Type
	if f.Anonymous && f.IsExported() && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if !f.Anonymous || t.Kind() != reflect.Struct {
		return nil
	}
	return t
}

// loses records the first reason why a value does not come back.
func (s *shape) loses(at string, t reflect.Type, why string) {
	if s.loss == nil {
		s.loss = fault(at, t, why)
	}
}

// crashes records the first reason why a value must not be encoded.
func (s *shape) crashes(at string, t reflect.Type, why string) {
	if s.crash == nil {
		s.crash = fault(at, t, why)
	}
	s.loses(at, t, why)
}

// fault names the place and the type there, and says why it is refused.
func fault(at string, t reflect.Type, why string) error {
	switch {
	case at == "":
		return fmt.Errorf("%s: %s", t, why)
	case at[0] == '[':
		at = "element " + at
	}
	return fmt.Errorf("%s (%s): %s", strings.TrimPrefix(at, "."), t, why)
}
