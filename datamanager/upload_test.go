package datamanager_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/datamanager"
)

func TestUploadIsTaken(t *testing.T) {
	t.Parallel()
	c := to(t, serve(t, respond(200, `{"requestId":"r-1","fieldWarnings":[{"reason":"WARNING_REASON_GENERIC"}]}`)))
	r := c.Upload(t.Context(), mixed(t, 5), false)
	diff(t, verdicts(r), slices.Repeat([]conversions.Verdict{conversions.Submitted}, 5))
	if r.RequestID != "r-1" || r.Call != nil || r.Unknown || r.Named {
		t.Errorf("reply = %+v", r)
	}
}

func TestUploadValidateOnly(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`{"requestId":"r-1"}`, `{}`} {
		r := to(t, serve(t, respond(200, body))).Upload(t.Context(), batch(t, 2), true)
		diff(t, verdicts(r), []conversions.Verdict{conversions.Done, conversions.Done})
	}
}

func TestUploadEmpty(t *testing.T) {
	t.Parallel()
	g := serve(t, respond(200, `{"requestId":"r-1"}`))
	if r := to(t, g).Upload(t.Context(), batch(t, 0), false); len(r.Answers) != 0 || r.Call != nil || len(g.calls()) != 0 {
		t.Errorf("reply = %+v, %d calls", r, len(g.calls()))
	}
}

// What was taken without an id to ask with may have been done.
func TestUploadUnreadableAnswer(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"no JSON": "<html>", "no id": `{}`, "cut": `{"requestId":"r-`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := to(t, serve(t, respond(200, body))).Upload(t.Context(), batch(t, 2), false)
			if r.Call == nil || !r.Unknown || r.Call.Verdict != conversions.Retry || len(r.Answers) != 2 {
				t.Errorf("reply = %+v", r)
			}
		})
	}
}

func TestUploadLostAnswer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		handle  http.HandlerFunc
		code    string
		timeout time.Duration
	}{
		{"cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "HTTP.CONNECTION_LOST", 0},
		{"cut within the answer", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"requestId":`)
		}, "HTTP.CONNECTION_LOST", 0},
		{"too large", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"requestId":"r-1"}`+strings.Repeat(" ", 16<<20))
		}, "HTTP.UNREADABLE", 0},
		{"too late", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "HTTP.DEADLINE_EXCEEDED", time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := serve(t, tt.handle)
			r := to(t, g, func(c *datamanager.Config) { c.Timeout = tt.timeout }).Upload(t.Context(), batch(t, 2), false)
			if r.Call == nil || !r.Unknown || r.Call.Code != tt.code || r.Call.Verdict != conversions.Retry || r.Call.Counts {
				t.Errorf("unknown %t, call %+v", r.Unknown, r.Call)
			}
			if n := len(g.calls()); n != 1 {
				t.Errorf("%d calls, want 1", n)
			}
		})
	}
}

// A call that surely never reached Google is not unknown.
func TestUploadNeverSent(t *testing.T) {
	t.Parallel()
	g := serve(t, respond(200, `{"requestId":"r-1"}`))
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		r := connect(t, "http://"+closed, g.URL+"/token").Upload(t.Context(), batch(t, 1), false)
		if r.Call == nil || r.Unknown || r.Call.Code != "HTTP.UNREACHABLE" || r.Call.Verdict != conversions.Retry {
			t.Errorf("unknown %t, call %+v", r.Unknown, r.Call)
		}
	})
	t.Run("no TLS", func(t *testing.T) {
		t.Parallel()
		r := connect(t, strings.Replace(g.URL, "http://", "https://", 1), g.URL+"/token").Upload(t.Context(), batch(t, 1), false)
		if r.Call == nil || r.Unknown || r.Call.Code != "HTTP.UNREACHABLE" {
			t.Errorf("unknown %t, call %+v", r.Unknown, r.Call)
		}
	})
	t.Run("no token", func(t *testing.T) {
		t.Parallel()
		r := connect(t, g.URL, "http://"+closed+"/token").Upload(t.Context(), batch(t, 1), false)
		if r.Call == nil || r.Unknown || r.Call.Code != "OAuth.unreachable" {
			t.Errorf("unknown %t, call %+v", r.Unknown, r.Call)
		}
	})
	t.Run("cancelled before", func(t *testing.T) {
		t.Parallel()
		c := to(t, g)
		if r := c.Upload(t.Context(), batch(t, 1), false); r.Call != nil {
			t.Fatalf("call = %+v", r.Call)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r := c.Upload(ctx, batch(t, 1), false)
		if r.Call == nil || r.Unknown || !strings.Contains(strings.ToUpper(r.Call.Code), ".CANCELLED") {
			t.Errorf("unknown %t, call %+v", r.Unknown, r.Call)
		}
	})
}

// A rejected access token is replaced once.
func TestUploadFreshToken(t *testing.T) {
	t.Parallel()
	for name, accepted := range map[string]string{"once": "Bearer ya29.2", "always": "Bearer none"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != accepted {
					respond(401, refused(401, "UNAUTHENTICATED", "ACCESS_TOKEN_EXPIRED"))(w, r)
					return
				}
				respond(200, `{"requestId":"r-1"}`)(w, r)
			})
			r := to(t, g).Upload(t.Context(), batch(t, 1), false)
			seen := g.calls()
			if len(seen) != 2 || seen[0].body != seen[1].body || r.Unknown {
				t.Errorf("%d calls, unknown %t", len(seen), r.Unknown)
			}
			if refusedAgain := r.Call != nil; refusedAgain != (name == "always") {
				t.Errorf("call = %+v", r.Call)
			}
		})
	}
}
