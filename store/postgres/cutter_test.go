package postgres_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// cutter is a proxy before the test's server that can lose an answer: it
// passes a statement on, waits until the server has answered, and cuts the
// connection instead of passing that on.
type cutter struct {
	dsn string

	mu   sync.Mutex
	mark []byte
	n    int
}

func newCutter(t *testing.T, dsn string) *cutter {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	network, address := "tcp", u.Host
	if dir := u.Query().Get("host"); dir != "" {
		network, address = "unix", dir+"/.s.PGSQL."+u.Query().Get("port")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	c := &cutter{}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(network, address)
			if err != nil {
				_ = client.Close()
				continue
			}
			go c.carry(client, server)
		}
	}()
	q := u.Query()
	host, port, _ := net.SplitHostPort(l.Addr().String())
	q.Set("host", host)
	q.Set("port", port)
	q.Set("default_query_exec_mode", "exec") // every statement goes with its text
	q.Set("sslmode", "disable")
	u.Host, u.RawQuery = "", q.Encode()
	c.dsn = u.String()
	return c
}

// cutAfter has the next answer to a statement with the text lost.
func (c *cutter) cutAfter(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mark = []byte(text)
}

func (c *cutter) cuts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// carry passes bytes both ways.
func (c *cutter) carry(client, server net.Conn) {
	defer client.Close()
	defer server.Close()
	cut := make(chan struct{})
	go func() {
		defer server.Close()
		buf := make([]byte, 1<<20)
		for {
			n, err := client.Read(buf)
			if err != nil {
				return
			}
			if c.marked(buf[:n]) {
				close(cut)
			}
			if _, err := server.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 1<<16)
	for {
		n, err := server.Read(buf)
		select {
		case <-cut:
			// The server has answered, so it has committed.
			return
		default:
		}
		if err != nil {
			return
		}
		if _, err := io.Copy(client, bytes.NewReader(buf[:n])); err != nil {
			return
		}
	}
}

func (c *cutter) marked(sent []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mark == nil || !bytes.Contains(sent, c.mark) {
		return false
	}
	c.mark = nil
	c.n++
	return true
}
