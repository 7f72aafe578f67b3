package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// loadSpec says what to deliver.
type loadSpec struct {
	Address     string
	Kind        string
	Connections int
	Warm, Span  time.Duration
	At          time.Time // of the calls
	First       int       // number of the first delivery
	Pool        int       // how many are signed ahead
}

// loadResult is what came of it.
type loadResult struct {
	// Counted deliveries were answered 202 within Took; Accepted is all that
	// were, before and after it too.
	Counted, Accepted int
	Took              time.Duration
	P50, P99          time.Duration
}

// Rate is deliveries per second.
func (r loadResult) Rate() float64 { return float64(r.Counted) / r.Took.Seconds() }

// errAnswer: the server said something else than 202.
var errAnswer = errors.New("a delivery was not answered 202")

// loadRole delivers. It takes one core at most, and all but sending and
// looking at the answer's first line is done before it begins.
func loadRole(ctx context.Context, text []byte, _ io.Reader, out *json.Encoder) error {
	s, err := spec[loadSpec](text)
	if err != nil {
		return err
	}
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(-1) // what it holds is made at the start
	l := newLoad(s)
	if err := l.connect(ctx); err != nil {
		return err
	}
	result, err := l.run()
	if err != nil {
		return err
	}
	return out.Encode(result) //nolint:wrapcheck // to the process that started this one
}

// load is one round of deliveries under way.
type load struct {
	spec        loadSpec
	template    *template
	signatures  []signature
	next        atomic.Int64 // the next delivery of the pool
	from, until time.Time    // what ends between them counts
	clients     []*client
}

func newLoad(s loadSpec) *load {
	l := &load{spec: s, template: newTemplate(s.Kind, s.At)}
	l.signatures = l.template.sign(s.First, s.Pool)
	return l
}

func (l *load) connect(ctx context.Context) error {
	each := max(1024, 4*len(l.signatures)/l.spec.Connections)
	for range l.spec.Connections {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", l.spec.Address)
		if err != nil {
			return fmt.Errorf("connect to server: %w", err)
		}
		l.clients = append(l.clients, &client{
			load: l, conn: conn, request: l.template.request(l.spec.Kind),
			answer: make([]byte, 4096), times: make([]time.Duration, 0, min(each, len(l.signatures))),
		})
	}
	return nil
}

func (l *load) run() (loadResult, error) {
	begin := time.Now()
	l.from = begin.Add(l.spec.Warm)
	l.until = l.from.Add(l.spec.Span)
	var wg sync.WaitGroup
	for _, c := range l.clients {
		wg.Go(c.run)
	}
	wg.Wait()
	return l.result()
}

func (l *load) result() (loadResult, error) {
	r := loadResult{Took: l.spec.Span}
	var times []time.Duration
	for _, c := range l.clients {
		if c.err != nil {
			return r, c.err
		}
		r.Accepted += c.accepted
		times = append(times, c.times...)
	}
	if l.next.Load() > int64(len(l.signatures)) {
		return r, fmt.Errorf("all %d deliveries were sent before the round was over", len(l.signatures))
	}
	slices.Sort(times)
	if r.Counted = len(times); r.Counted == 0 {
		return r, errors.New("no delivery was answered within the round")
	}
	r.P50, r.P99 = times[len(times)/2], times[len(times)*99/100]
	return r, nil
}

// client is one connection: it sends, waits for the answer, and sends again.
type client struct {
	load     *load
	conn     net.Conn
	request  *request
	answer   []byte
	times    []time.Duration
	accepted int
	err      error
}

func (c *client) run() {
	defer c.conn.Close()
	for now := time.Now(); now.Before(c.load.until); {
		i := int(c.load.next.Add(1)) - 1
		if i >= len(c.load.signatures) {
			return // result tells
		}
		c.request.become(c.load.spec.First+i, &c.load.signatures[i])
		sent := time.Now()
		if c.err = c.deliver(); c.err != nil {
			return
		}
		now = time.Now()
		c.accepted++
		if now.After(c.load.from) && now.Before(c.load.until) {
			c.times = append(c.times, now.Sub(sent))
		}
	}
}

func (c *client) deliver() error {
	if _, err := c.conn.Write(c.request.text); err != nil {
		return fmt.Errorf("send delivery: %w", err)
	}
	for n := 0; ; {
		more, err := c.conn.Read(c.answer[n:])
		if err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		n += more
		if whole(c.answer[:n]) {
			break
		}
		if n == len(c.answer) {
			return errAnswer
		}
	}
	if !bytes.HasPrefix(c.answer, []byte("HTTP/1.1 202 ")) {
		return fmt.Errorf("%w: %s", errAnswer, c.answer[:min(len(c.answer), len("HTTP/1.1 202"))])
	}
	return nil
}

// whole reports whether an answer has come to its end.
func whole(answer []byte) bool {
	head, body, found := bytes.Cut(answer, []byte("\r\n\r\n"))
	if !found {
		return false
	}
	_, rest, given := bytes.Cut(head, []byte("Content-Length: "))
	if !given {
		return true
	}
	text, _, _ := bytes.Cut(rest, []byte("\r\n"))
	length, err := strconv.Atoi(string(text))
	return err != nil || len(body) >= length
}
