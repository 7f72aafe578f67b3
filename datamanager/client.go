package datamanager

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"closeloop/conversions"
	"closeloop/googleauth"
)

const (
	// maxReceive bounds an answer. The largest, the status of 2,000 rows that all failed, has a few hundred kilobytes.
	maxReceive = 16 << 20
	// idleAfter closes a connection before the firewalls between forget it; a silent one in use is tested after pingAfter:
	// else a call would run into the void, and nobody would know whether it was done.
	idleAfter   = 4 * time.Minute
	pingAfter   = 10 * time.Second
	pingTimeout = 5 * time.Second
)

// Client is the connection of one account. Safe for concurrent use.
type Client struct {
	config    Config
	tokens    *googleauth.Tokens
	transport *http.Transport
	http      *http.Client
}

// Dial returns a client. It does not connect yet: that an endpoint cannot be reached shows with the first call.
// Errors: [ErrConfig], [googleauth.ErrPlaintext].
func Dial(cfg Config, tokens *googleauth.Tokens) (*Client, error) {
	cfg, err := cfg.normalised()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:             http.ProxyFromEnvironment,
		DialContext:       (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 16, IdleConnTimeout: idleAfter, TLSHandshakeTimeout: 10 * time.Second,
		HTTP2: &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
	}
	return &Client{
		config: cfg, tokens: tokens, transport: transport,
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close closes the connections that are not in use. The error is always nil.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	return nil
}

// request is one call, made ready to be sent.
type request struct {
	method, path string
	body         []byte // nil for none
	share        func(*Limiter) *share
}

// response is what came back. Without an answer status is 0.
type response struct {
	status int
	header http.Header
	body   []byte
	// err is why there is no whole answer; nil when there is one.
	err error
	// sent is true when the request may have reached the server.
	sent bool
}

// call makes the call, once more with a new access token when the server rejects the first. The answer returned is not nil
// when no call was made.
func (c *Client) call(ctx context.Context, r request) (response, *conversions.Answer) {
	token, err := c.tokens.Token(ctx)
	if err != nil {
		return response{}, tokenFailed(err)
	}
	resp, refused := c.once(ctx, token, r)
	if refused != nil || resp.status != http.StatusUnauthorized {
		return resp, refused
	}
	if token, err = c.tokens.Refresh(ctx, token); err != nil {
		return response{}, tokenFailed(err)
	}
	return c.once(ctx, token, r)
}

// once makes the call if the project's quota allows it soon enough to leave time for the answer.
func (c *Client) once(ctx context.Context, token string, r request) (response, *conversions.Answer) {
	if c.config.Limiter != nil {
		wait, ok := r.share(c.config.Limiter).take(ctx, c.config.Timeout/3)
		if !ok && ctx.Err() == nil {
			a := shareUsedUp(wait)
			return response{}, &a
		}
	}
	return c.send(ctx, token, r), nil
}

// send sends the request. It is a send only once the request line and headers are written: until then no server has
// anything it could act on.
func (c *Client) send(ctx context.Context, token string, r request) response {
	var sent atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { sent.Store(true) },
		WroteRequest: func(httptrace.WroteRequestInfo) { sent.Store(true) },
	})
	req, err := http.NewRequestWithContext(traced, r.method, c.config.Endpoint+r.path, bytes.NewReader(r.body))
	if err != nil {
		return response{err: errUnsendable}
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("User-Agent", c.config.UserAgent)
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.config.QuotaProject != "" {
		req.Header.Set("X-Goog-User-Project", c.config.QuotaProject)
	}
	got, err := c.http.Do(req)
	if err != nil {
		return response{err: cause(ctx, err), sent: sent.Load()}
	}
	defer got.Body.Close()
	resp := response{status: got.StatusCode, header: got.Header, sent: true}
	resp.body, err = io.ReadAll(io.LimitReader(got.Body, maxReceive+1))
	switch {
	case err != nil:
		resp.err = cause(ctx, err)
	case len(resp.body) > maxReceive:
		resp.err = errTooLarge
	}
	return resp
}

var (
	errTooLarge   = errors.New("the answer is too large")
	errUnsendable = errors.New("the request cannot be made")
)

// cause is why there is no answer: the end of the context where that was it.
func cause(ctx context.Context, err error) error {
	if over := ctx.Err(); over != nil {
		return over //nolint:wrapcheck // only asked for with errors.Is
	}
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	return err
}

// tokenFailed is the answer to a call that was not made for want of an access token.
func tokenFailed(err error) *conversions.Answer {
	te := (*googleauth.TokenError)(nil)
	if !errors.As(err, &te) {
		te = &googleauth.TokenError{Err: err}
	}
	a := te.Answer()
	return &a
}
