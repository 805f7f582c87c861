package embedded

import (
	"errors"
	"net"
	"sync"
)

var errShut = errors.New("embedded broker: stopped")

// gate stands between the broker and its clients: once shut, not one more answer gets out.
type gate struct {
	open func(network, address string) (net.Listener, error)

	mu        sync.Mutex // guards the rest; never held over a write
	isShut    bool
	listeners []net.Listener
	conns     map[*gatedConn]struct{}
}

// shut closes the listeners and all connections. It does not wait for anything.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.isShut = true
	for _, l := range g.listeners {
		l.Close()
	}
	for c := range g.conns {
		c.Conn.Close()
	}
	g.listeners, g.conns = nil, nil
}

func (g *gate) listen(network, address string) (net.Listener, error) {
	l, err := g.open(network, address)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listeners = append(g.listeners, l)
	return gatedListener{Listener: l, gate: g}, nil
}

type gatedListener struct {
	net.Listener
	gate *gate
}

func (l gatedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	g := l.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.isShut {
		c.Close()
		return nil, errShut
	}
	if g.conns == nil {
		g.conns = make(map[*gatedConn]struct{})
	}
	gated := &gatedConn{Conn: c, gate: g}
	g.conns[gated] = struct{}{}
	return gated, nil
}

type gatedConn struct {
	net.Conn
	gate *gate
}

// Write refuses once the gate is shut. An answer that was made before, and is being written, may still get out.
func (c *gatedConn) Write(b []byte) (int, error) {
	c.gate.mu.Lock()
	isShut := c.gate.isShut
	c.gate.mu.Unlock()
	if isShut {
		return 0, errShut
	}
	return c.Conn.Write(b)
}

func (c *gatedConn) Close() error {
	c.gate.mu.Lock()
	delete(c.gate.conns, c)
	c.gate.mu.Unlock()
	return c.Conn.Close()
}
