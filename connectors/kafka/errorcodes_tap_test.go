//go:build synctests

package kafka

import (
	"encoding/binary"
	"fmt"
	"net"
	"reflect"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// tap sees the requests of an application on their way, and answers one of them with an error code.
type tap struct {
	wrong *wrongAnswer // nil: none

	mu    sync.Mutex // guards the rest
	sent  map[kmsg.Key]int
	fits  int // requests that could have been answered so
	hits  int
	fault error // of the tap itself
}

// wrongAnswer is an error code that a request is answered with.
type wrongAnswer struct {
	key     kmsg.Key
	code    *kerr.Error
	inside  bool // of each of the topics, partitions and so on of the answer; otherwise of the whole
	applied bool // the broker did what was asked; otherwise it never heard of it
	at      int  // which of the requests, from 1 on
}

func (a wrongAnswer) String() string {
	where, done := "", ", not done"
	if a.inside {
		where = " inside"
	}
	if a.applied {
		done = ", done"
	}
	return fmt.Sprintf("%s:%s %s%s, number %d", kmsg.NameForKey(int16(a.key)), where, a.code.Message, done, a.at)
}

// tapped is a connection with a tap.
type tapped struct {
	net.Conn
	tap *tap
	out []byte // the beginning of a request

	raw []byte // the beginning of an answer
	in  []byte // what is left of an answer for the client

	mu    sync.Mutex // guards wrong
	wrong map[int32]kmsg.Response
}

func (t *tap) on(conn net.Conn) net.Conn {
	return &tapped{Conn: conn, tap: t, wrong: map[int32]kmsg.Response{}}
}

func (c *tapped) Write(b []byte) (int, error) {
	c.out = append(c.out, b...)
	for len(c.out) >= 4 {
		end := 4 + int(binary.BigEndian.Uint32(c.out))
		if len(c.out) < end {
			break
		}
		if _, err := c.Conn.Write(c.pass(c.out[:end])); err != nil {
			return 0, err
		}
		c.out = c.out[end:]
	}
	return len(b), nil
}

// pass looks at a request and returns what goes to the broker in its place.
func (c *tapped) pass(frame []byte) []byte {
	key, version := int16(binary.BigEndian.Uint16(frame[4:])), int16(binary.BigEndian.Uint16(frame[6:]))
	number := int32(binary.BigEndian.Uint32(frame[8:]))
	body := frame[12:]
	if n := int16(binary.BigEndian.Uint16(body)); n >= 0 {
		body = body[n:]
	}
	body = body[2:] // the client's name
	r := kmsg.RequestForKey(key)
	r.SetVersion(version)
	if r.IsFlexible() {
		body = body[1:] // no tags
	}
	if err := r.ReadFrom(body); err != nil {
		c.tap.failed(fmt.Errorf("read a request of kind %d, version %d: %w", key, version, err))
		return frame
	}
	answer := c.tap.see(r)
	if answer == nil {
		return frame
	}
	c.mu.Lock()
	c.wrong[number] = answer
	c.mu.Unlock()
	if c.tap.wrong.applied {
		return frame
	}
	return question(number)
}

// question is a request without effect, whose answer another one takes the place of.
func question(number int32) []byte {
	b := binary.BigEndian.AppendUint32(nil, 10)
	b = binary.BigEndian.AppendUint16(b, uint16(kmsg.ApiVersions))
	b = binary.BigEndian.AppendUint16(b, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(number))
	return binary.BigEndian.AppendUint16(b, 0xffff)
}

func (c *tapped) Read(b []byte) (int, error) {
	for len(c.in) == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, c.in)
	c.in = c.in[n:]
	return n, nil
}

// next reads some of an answer.
func (c *tapped) next() error {
	some := make([]byte, 64<<10)
	n, err := c.Conn.Read(some)
	if err != nil {
		return err
	}
	c.raw = append(c.raw, some[:n]...)
	for len(c.raw) >= 8 {
		end := 4 + int(binary.BigEndian.Uint32(c.raw))
		if len(c.raw) < end {
			break
		}
		number := int32(binary.BigEndian.Uint32(c.raw[4:]))
		c.mu.Lock()
		wrong, ok := c.wrong[number]
		delete(c.wrong, number)
		c.mu.Unlock()
		if ok {
			c.in = append(c.in, c.instead(wrong, number, c.raw[8:end])...)
		} else {
			c.in = append(c.in, c.raw[:end]...)
		}
		c.raw = c.raw[end:]
	}
	return nil
}

// instead returns an answer in the place of what the broker said.
func (c *tapped) instead(answer kmsg.Response, number int32, said []byte) []byte {
	whole := binary.BigEndian.AppendUint32(nil, 0)
	whole = binary.BigEndian.AppendUint32(whole, uint32(number))
	if answer.IsFlexible() && kmsg.Key(answer.Key()) != kmsg.ApiVersions {
		whole = append(whole, 0)
		said = said[1:]
	}
	if m, ok := answer.(*kmsg.MetadataResponse); ok { // whatever is wrong with a topic, the brokers are named
		right := &kmsg.MetadataResponse{Version: m.Version}
		if err := right.ReadFrom(said); err != nil {
			c.tap.failed(fmt.Errorf("read metadata: %w", err))
		}
		m.Brokers, m.ControllerID, m.ClusterID = right.Brokers, right.ControllerID, right.ClusterID
	}
	whole = answer.AppendTo(whole)
	binary.BigEndian.PutUint32(whole, uint32(len(whole)-4))
	return whole
}

func (t *tap) failed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fault = err
}

// see notes a request and returns the wrong answer to it, if it is the one that gets it.
func (t *tap) see(r kmsg.Request) kmsg.Response {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent[kmsg.Key(r.Key())]++
	if t.wrong == nil || kmsg.Key(r.Key()) != t.wrong.key {
		return nil
	}
	answer := t.wrong.answer(r)
	if answer == nil {
		return nil
	}
	if t.fits++; t.fits != t.wrong.at {
		return nil
	}
	t.hits++
	return answer
}

// answer makes the answer to a request out of it, nil where that has nothing of which the code can be.
func (a *wrongAnswer) answer(r kmsg.Request) kmsg.Response {
	answer := r.ResponseKind()
	if v, ok := answer.(*kmsg.ApiVersionsResponse); ok { // so that every client can read it
		v.Version = 0
		v.ApiKeys = []kmsg.ApiVersionsResponseApiKey{{ApiKey: int16(kmsg.ApiVersions), MaxVersion: r.GetVersion() - 1}}
	}
	of := reflect.ValueOf(answer).Elem()
	mirror(reflect.ValueOf(r).Elem(), of)
	if !a.inside {
		code := of.FieldByName("ErrorCode")
		if !code.IsValid() {
			return nil
		}
		code.SetInt(int64(a.code.Code))
		return answer
	}
	n := 0
	for i := range of.NumField() {
		n += spoil(of.Field(i), a.code.Code)
	}
	if n == 0 {
		return nil
	}
	return answer
}

// otherwise is what lists are called in requests that have another name in answers.
var otherwise = map[string]string{"Coordinators": "CoordinatorKeys"}

// mirror fills an answer, or a part of it, with what it has in common with the request.
func mirror(request, answer reflect.Value) {
	for i := range answer.NumField() {
		field := answer.Type().Field(i)
		name := field.Name
		if other, ok := otherwise[name]; ok {
			name = other
		}
		from, to := request.FieldByName(name), answer.Field(i)
		switch {
		case !from.IsValid() || name == "Version" || name == "UnknownTags":
		case from.Type().AssignableTo(to.Type()):
			to.Set(from)
		case from.Kind() == reflect.Slice && to.Kind() == reflect.Slice && to.Type().Elem().Kind() == reflect.Struct:
			list := reflect.MakeSlice(to.Type(), from.Len(), from.Len())
			for j := range from.Len() {
				entry := list.Index(j)
				entry.Addr().Interface().(interface{ Default() }).Default()
				if from.Type().Elem().Kind() == reflect.Struct {
					mirror(from.Index(j), entry)
				} else {
					entry.Field(index(entry, from.Index(j))).Set(from.Index(j))
				}
			}
			to.Set(list)
		}
	}
}

// index returns which field of an entry its name is in: the first of its type.
func index(entry, name reflect.Value) int {
	for i := range entry.NumField() {
		if entry.Field(i).Type() == name.Type() {
			return i
		}
	}
	panic(fmt.Sprintf("%s has no field for a %s", entry.Type(), name.Type()))
}

// spoil sets the code of each innermost part of an answer that has one, and returns how many there are.
func spoil(v reflect.Value, code int16) (n int) {
	switch v.Kind() {
	case reflect.Slice:
		if v.Type().Elem().Kind() != reflect.Struct {
			return 0
		}
		for i := range v.Len() {
			n += spoil(v.Index(i), code)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			n += spoil(v.Field(i), code)
		}
		if c := v.FieldByName("ErrorCode"); c.IsValid() && n == 0 {
			c.SetInt(int64(code))
			n++
		}
	}
	return n
}
