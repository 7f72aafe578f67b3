package sandbox

import (
	"context"
	"net"
	"sync"

	"google.golang.org/grpc/peer"
)

// connections knows the open gRPC connections by the address of their other end, so that a fault can cut one.
type connections struct {
	mu   sync.Mutex
	open map[string]net.Conn
}

func (c *connections) track(l net.Listener) net.Listener {
	return &trackedListener{Listener: l, conns: c}
}

// cut closes the connection the call of ctx came on.
func (c *connections) cut(ctx context.Context) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return
	}
	c.mu.Lock()
	conn := c.open[p.Addr.String()]
	c.mu.Unlock()
	if conn != nil {
		_ = conn.Close() // a connection the client closed first is cut all the same
	}
}

type trackedListener struct {
	net.Listener
	conns *connections
}

func (l *trackedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // grpc asks this very error whether it is temporary
	}
	t := &trackedConn{Conn: conn, conns: l.conns}
	l.conns.mu.Lock()
	defer l.conns.mu.Unlock()
	if l.conns.open == nil {
		l.conns.open = map[string]net.Conn{}
	}
	l.conns.open[conn.RemoteAddr().String()] = t
	return t, nil
}

type trackedConn struct {
	net.Conn
	conns *connections
}

func (c *trackedConn) Close() error {
	c.conns.mu.Lock()
	if addr := c.RemoteAddr().String(); c.conns.open[addr] == net.Conn(c) {
		delete(c.conns.open, addr) // the port may belong to a newer connection already
	}
	c.conns.mu.Unlock()
	return c.Conn.Close() //nolint:wrapcheck // the wrapped connection's own error, for grpc
}
