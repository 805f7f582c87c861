package integration

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// wire is the network of one instance. Cut, it stays so: for the brokers and all others that is a process killed, whatever the
// instance still does. At a request of a kind it can be cut, or the request go wrong.
type wire struct {
	mu         sync.Mutex // guards all below
	conns      map[*wireConn]bool
	cut        bool
	fault      *fault        // what comes next; nil: nothing
	fired      chan struct{} // closed when the fault has come
	faults     int           // that have come
	generation int32         // of the group, the highest that was told
}

// fault is what happens at the next request of a kind.
type fault struct {
	key kmsg.Key
	way way
}

type way int8

const (
	cutBefore way = iota // the instance dies, and the request is not sent
	cutAfter             // the instance dies before the answer
	refused              // the request is not sent, and answered by an error
	applied              // the request is done, and answered by an error
	hungUp               // the request is done, and its connection closed before the answer
)

// errCut is an error of the network, as those are that a process gets whose brokers are gone.
var errCut = &net.OpError{Op: "send", Net: "wire", Err: errors.New("the wire is cut")}

func newWire() *wire { return &wire{conns: map[*wireConn]bool{}} }

// option puts an instance's client on the wire.
func (w *wire) option() kgo.Opt {
	return kgo.Dialer(func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := &wireConn{Conn: conn, wire: w, asked: map[int32]request{}}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.cut {
			return nil, errors.Join(errCut, conn.Close())
		}
		w.conns[c] = true
		return c, nil
	})
}

// arm sets what happens next.
func (w *wire) arm(f fault) (fired <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fault, w.fired = &f, make(chan struct{})
	return w.fired
}

// kill cuts the wire.
func (w *wire) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.killed()
}

func (w *wire) killed() {
	w.cut = true
	for c := range w.conns {
		_ = c.Conn.Close() // what it says of its end is nobody's concern
	}
	clear(w.conns)
}

// due returns the fault where it is one of that request.
func (w *wire) due(key int16) *fault {
	f := w.fault
	if f == nil || f.key.Int16() != key {
		return nil
	}
	w.fault = nil
	w.faults++
	close(w.fired)
	return f
}

func (w *wire) hit() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.faults
}

// request is one that was sent and not answered yet.
type request struct {
	key, version int16
	fault        *fault
}

// wireConn is a connection on the wire. The client writes a request by one call.
type wireConn struct {
	net.Conn
	wire  *wire
	asked map[int32]request // by correlation id; guarded by the wire's lock

	// Only the client's reader has these.
	partial []byte // of an answer that is not whole yet
	answer  []byte // not handed over yet
}

const (
	sizeBytes   = 4
	headerBytes = sizeBytes + 8 // size, key, version, correlation id
)

func (c *wireConn) Write(b []byte) (int, error) {
	sent, after, err := c.sent(b)
	if err != nil {
		return 0, err
	}
	if n, err := c.Conn.Write(sent); err != nil {
		return min(n, len(b)), err
	}
	if after {
		c.wire.kill()
		return 0, errCut
	}
	return len(b), nil
}

// sent returns what goes to the broker for a request, and whether the wire is cut after that.
func (c *wireConn) sent(b []byte) (instead []byte, after bool, err error) {
	w := c.wire
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		return nil, false, errCut
	}
	if len(b) < headerBytes || int(binary.BigEndian.Uint32(b)) != len(b)-sizeBytes {
		return nil, false, errors.New("the client does not write a request by one call: the wire cannot tell what it is")
	}
	key, version, id := int16(binary.BigEndian.Uint16(b[4:])), int16(binary.BigEndian.Uint16(b[6:])), int32(binary.BigEndian.Uint32(b[8:]))
	f := w.due(key)
	c.asked[id] = request{key, version, f}
	if f == nil {
		return b, false, nil
	}
	switch f.way {
	case cutBefore:
		w.killed()
		return nil, false, errCut
	case refused: // a request without consequences is sent for it
		harmless := kbin.AppendInt32(nil, 10)
		harmless = kbin.AppendInt16(harmless, kmsg.ApiVersions.Int16())
		harmless = kbin.AppendInt16(harmless, 0)
		harmless = kbin.AppendInt32(harmless, id)
		return kbin.AppendInt16(harmless, -1), false, nil // no client id
	}
	return b, f.way == cutAfter, nil
}

func (c *wireConn) Read(b []byte) (int, error) {
	for len(c.answer) == 0 {
		buf := make([]byte, 64<<10)
		n, err := c.Conn.Read(buf)
		c.partial = append(c.partial, buf[:n]...)
		for {
			whole := sizeBytes
			if len(c.partial) >= sizeBytes {
				whole += int(binary.BigEndian.Uint32(c.partial))
			}
			if len(c.partial) < sizeBytes || len(c.partial) < whole {
				break
			}
			answer, hungUp := c.answered(c.partial[:whole])
			c.partial = c.partial[whole:]
			if hungUp {
				return 0, errors.Join(errCut, c.Conn.Close())
			}
			c.answer = append(c.answer, answer...)
		}
		if err != nil && len(c.answer) == 0 {
			return 0, err
		}
	}
	n := copy(b, c.answer)
	c.answer = c.answer[n:]
	return n, nil
}

// answered returns what the client gets for an answer.
func (c *wireConn) answered(b []byte) (instead []byte, closes bool) {
	w := c.wire
	w.mu.Lock()
	defer w.mu.Unlock()
	id := int32(binary.BigEndian.Uint32(b[sizeBytes:]))
	asked := c.asked[id]
	delete(c.asked, id)
	if asked.fault == nil {
		if asked.key == kmsg.JoinGroup.Int16() {
			w.joined(asked.version, b[sizeBytes+4:])
		}
		return b, false
	}
	if asked.fault.way == hungUp {
		delete(w.conns, c)
		return nil, true
	}
	end := kmsg.NewPtrEndTxnResponse()
	end.Version, end.ErrorCode = asked.version, kerr.UnknownServerError.Code
	instead = kbin.AppendInt32(make([]byte, sizeBytes), id)
	if end.IsFlexible() {
		instead = append(instead, 0) // no tags in the header
	}
	instead = end.AppendTo(instead)
	binary.BigEndian.PutUint32(instead, uint32(len(instead)-sizeBytes))
	return instead, false
}

// joined notes the generation that a member was told of.
func (w *wire) joined(version int16, body []byte) {
	r := kmsg.NewPtrJoinGroupResponse()
	r.Version = version
	if r.IsFlexible() {
		body = body[1:] // no tags in the header
	}
	if r.ReadFrom(body) == nil {
		w.generation = max(w.generation, r.Generation)
	}
}

func (c *wireConn) Close() error {
	c.wire.mu.Lock()
	delete(c.wire.conns, c)
	c.wire.mu.Unlock()
	return c.Conn.Close()
}

// told returns the generation of the group that the instance was told last.
func (w *wire) told() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return int(w.generation)
}
