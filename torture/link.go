package main

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// weather is how a link behaves.
type weather int

const (
	fine      weather = iota
	refused           // nobody answers
	swallowed         // connections stay open and nothing arrives: half open
	slow              // every piece takes its time
	cutBefore         // the next request is cut off before anybody has read it
	cutAfter          // the next answer is cut off, the work being done
)

func (w weather) String() string {
	return [...]string{"fine", "refused", "half open", "slow", "cut before the work", "cut after the work"}[w]
}

// link is a stretch of network that a replica's connections to one server go
// through.
type link struct {
	target   string
	listener net.Listener
	crossing *sync.RWMutex // held while a piece crosses; whoever locks it stops the network
	served   sync.WaitGroup

	mu    sync.Mutex // guards the rest
	state weather
	lag   time.Duration
	ill   time.Time // when the weather last was not fine
	open  map[*pair]bool
}

// pair is one connection: its two ends.
type pair struct {
	near, far net.Conn
	once      sync.Once
	closed    chan struct{}
}

func (p *pair) cut() {
	p.once.Do(func() {
		close(p.closed)
		_ = p.near.Close()
		_ = p.far.Close()
	})
}

func newLink(ctx context.Context, target string, crossing *sync.RWMutex) (*link, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("make link to %s: %w", target, err)
	}
	k := &link{target: target, listener: l, crossing: crossing, open: map[*pair]bool{}}
	k.served.Go(k.accept)
	return k, nil
}

func (k *link) address() string { return k.listener.Addr().String() }

func (k *link) close() {
	_ = k.listener.Close()
	k.cut()
	k.served.Wait()
}

// becomes changes the weather. What was half open ends: it could not go on.
func (k *link) becomes(w weather, lag time.Duration) {
	k.mu.Lock()
	was := k.state
	k.state, k.lag, k.ill = w, lag, time.Now()
	k.mu.Unlock()
	if was == swallowed || w == refused {
		k.cut()
	}
}

// disturbed reports whether the weather was not fine at any moment of the last
// while.
func (k *link) disturbed(while time.Duration) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state != fine || time.Since(k.ill) < while
}

// cut ends every connection; what is under way in them never arrives.
func (k *link) cut() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for p := range k.open {
		p.cut()
	}
	k.open = map[*pair]bool{}
}

func (k *link) accept() {
	for {
		near, err := k.listener.Accept()
		if err != nil {
			return // closed
		}
		p := k.connect(near)
		if p == nil {
			_ = near.Close()
			continue
		}
		k.served.Go(func() { defer p.cut(); k.carry(p, p.far, p.near, false) })
		k.served.Go(func() { defer p.cut(); k.carry(p, p.near, p.far, true) })
	}
}

func (k *link) connect(near net.Conn) *pair {
	if w, _ := k.weather(); w == refused {
		return nil
	}
	far, err := net.DialTimeout("tcp", k.target, time.Second) //nolint:noctx // bounded, and on this machine
	if err != nil {
		return nil
	}
	p := &pair{near: near, far: far, closed: make(chan struct{})}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.open[p] = true
	return p
}

func (k *link) weather() (weather, time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state, k.lag
}

// carry takes what comes from one end to the other; request says which way.
func (k *link) carry(p *pair, to, from net.Conn, request bool) {
	piece := make([]byte, 32<<10)
	for {
		n, err := from.Read(piece)
		if n > 0 && !k.cross(p, to, piece[:n], request) {
			return
		}
		if err != nil {
			return
		}
	}
}

// cross reports whether a piece arrived, or the connection lives on without.
func (k *link) cross(p *pair, to net.Conn, piece []byte, request bool) bool {
	w, lag := k.weather()
	switch {
	case w == swallowed:
		return true
	case w == cutBefore && request, w == cutAfter && !request, w == refused:
		return false
	case w == slow:
		select {
		case <-time.After(lag):
		case <-p.closed:
			return false
		}
	}
	k.crossing.RLock()
	defer k.crossing.RUnlock()
	select {
	case <-p.closed:
		return false
	default:
	}
	_, err := to.Write(piece)
	return err == nil
}
