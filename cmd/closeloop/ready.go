package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"closeloop/store"
)

// readyTime is how long /readyz waits for the store: less than load balancers
// wait for an answer.
const readyTime = 2 * time.Second

// readiness answers GET /readyz: 200 while deliveries may be sent here, else 503
// with a short word why not. It is for load balancers; GET /healthz only says
// that the process is alive, so that nobody kills it because its database is
// away: restarting it mends nothing.
type readiness struct {
	store interface {
		Ready(ctx context.Context) error
	}
	draining atomic.Bool
}

// ServeHTTP implements http.Handler.
func (r *readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	word := r.word(req.Context())
	if word != "ready" {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = io.WriteString(w, word+"\n")
}

func (r *readiness) word(ctx context.Context) string {
	if r.draining.Load() {
		return "draining"
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	err := r.store.Ready(ctx)
	switch {
	case err == nil:
		return "ready"
	case errors.Is(err, store.ErrSchemaOlder):
		return "schema older"
	case errors.Is(err, store.ErrSchemaNewer):
		return "schema newer"
	default:
		return "store unreachable"
	}
}
