package webhook_test

import (
	"bufio"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"closeloop/webhook"
)

func TestServerLimits(t *testing.T) {
	t.Parallel()
	s := webhook.Server(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	if s.ReadHeaderTimeout <= 0 || s.ReadTimeout <= 0 || s.IdleTimeout <= 0 || s.MaxHeaderBytes <= 0 || s.ErrorLog == nil {
		t.Errorf("a limit is missing: %+v", s)
	}
	if s.WriteTimeout <= s.ReadTimeout+webhook.DefaultStoreWait {
		t.Errorf("got a write timeout of %v, too short for reading (%v) and the store (%v)",
			s.WriteTimeout, s.ReadTimeout, webhook.DefaultStoreWait)
	}
}

// TestServerStopsGreedyHeaders sends a header over the limit to the real
// server.
func TestServerStopsGreedyHeaders(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	server := httptest.NewUnstartedServer(b.handler)
	server.Config = webhook.Server(b.handler, slog.New(slog.DiscardHandler))
	server.Start()
	t.Cleanup(server.Close)

	r := post(t.Context(), server.URL+"/webhooks/main", sample)
	r.Header.Set("X-Varda-Delivery", strings.Repeat("x", 64<<10))
	if status, _ := roundTrip(t, server.Client(), r); status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %d, want 431", status)
	}
	if status, _ := roundTrip(t, server.Client(), post(t.Context(), server.URL+"/webhooks/main", sample)); status != http.StatusAccepted {
		t.Errorf("got %d for the next delivery, want 202", status)
	}
}

// TestExpectContinue: a sender that asks first is told 413 without sending
// its body.
func TestExpectContinue(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(newBench(t).handler)
	t.Cleanup(server.Close)
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = conn.Write([]byte("POST /webhooks/main HTTP/1.1\r\nHost: example.com\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusRequestEntityTooLarge || !answer.Close {
		t.Errorf("got %d, close %v; want 413 and the connection closed", answer.StatusCode, answer.Close)
	}
}
