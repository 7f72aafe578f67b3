package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// bare is the least that takes a delivery and keeps its promise: check the
// signature, decode, and answer when one row, found by its hash if it comes
// again, is durable. No limits, no log, nothing else.
type bare struct {
	writer *bareWriter
	states sync.Pool // *bareState
}

// bareState is what one request needs, used again by another.
type bareState struct {
	body   bytes.Buffer
	mac    hash.Hash
	sum    [sha256.Size]byte
	prefix [16]byte
	row    bareRow
}

// bareRow is one delivery on its way into the database.
type bareRow struct {
	key  [16]byte
	body []byte
	done chan error
}

// barePayload is what has to be readable.
type barePayload struct {
	Event     string    `json:"event"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		ID          int64  `json:"id"`
		CallSession int64  `json:"call_session_id"`
		Outcome     string `json:"outcome_type"`
		Revenue     int64  `json:"revenue_cents"`
		Attribution struct {
			GCLID string `json:"gclid"`
		} `json:"attribution"`
	} `json:"data"`
}

func newBare(ctx context.Context, spec engineSpec) (*engine, error) {
	group, err := openBareGroups(ctx, spec)
	if err != nil {
		return nil, err
	}
	w := &bareWriter{groups: group, queue: make(chan *bareRow, bareGroup), ended: make(chan struct{})}
	go w.run(context.WithoutCancel(ctx))
	b := &bare{writer: w}
	b.states.New = func() any {
		return &bareState{mac: hmac.New(sha256.New, []byte(secret)), row: bareRow{done: make(chan error, 1)}}
	}
	mux := http.NewServeMux()
	mux.Handle("POST "+hookPath, b)
	return &engine{
		server: &http.Server{Handler: mux}, //nolint:gosec // no limits is the point, on loopback
		close:  w.close, counts: []string{`SELECT count(*) FROM event`},
	}, nil
}

// ServeHTTP implements http.Handler.
func (b *bare) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s, ok := b.states.Get().(*bareState)
	if !ok {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	defer b.states.Put(s)
	s.body.Reset()
	if _, err := s.body.ReadFrom(r.Body); err != nil || !s.genuine(r.Header.Get("X-Varda-Signature")) {
		http.Error(w, "", http.StatusUnauthorized)
		return
	}
	var p barePayload
	if err := json.Unmarshal(s.body.Bytes(), &p); err != nil || p.Event == "" || p.Timestamp.IsZero() {
		http.Error(w, "", http.StatusBadRequest)
		return
	}
	sum := sha256.Sum256(s.body.Bytes())
	s.row.key, s.row.body = [16]byte(sum[:16]), s.body.Bytes()
	if err := b.writer.put(&s.row); err != nil {
		http.Error(w, "", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"recorded"}`)
}

func (s *bareState) genuine(header string) bool {
	stamp, digest, ok := strings.Cut(strings.TrimPrefix(header, "t="), ",v1=")
	var given [sha256.Size]byte
	if !ok || len(digest) != hex.EncodedLen(len(given)) {
		return false
	}
	var text [2 * sha256.Size]byte
	copy(text[:], digest)
	if _, err := hex.Decode(given[:], text[:]); err != nil {
		return false
	}
	s.mac.Reset()
	s.mac.Write(append(append(s.prefix[:0], stamp...), '.'))
	s.mac.Write(s.body.Bytes())
	return hmac.Equal(given[:], s.mac.Sum(s.sum[:0]))
}

// bareGroup is the most rows that share a commit.
const bareGroup = 512

// bareWriter commits whatever waits, together.
type bareWriter struct {
	groups bareGroups
	queue  chan *bareRow
	ended  chan struct{}
}

// bareGroups is a database that makes groups of rows durable.
type bareGroups interface {
	commit(ctx context.Context, group []*bareRow) error
	close() error
}

func (w *bareWriter) put(r *bareRow) error {
	w.queue <- r
	return <-r.done
}

func (w *bareWriter) run(ctx context.Context) {
	defer close(w.ended)
	group := make([]*bareRow, 0, bareGroup)
	for first := range w.queue {
		group = w.drain(append(group[:0], first))
		err := w.groups.commit(ctx, group)
		for _, r := range group {
			r.done <- err
		}
	}
}

func (w *bareWriter) drain(group []*bareRow) []*bareRow {
	for len(group) < bareGroup {
		select {
		case r, open := <-w.queue:
			if !open {
				return group
			}
			group = append(group, r)
		default:
			return group
		}
	}
	return group
}

func (w *bareWriter) close() error {
	close(w.queue)
	<-w.ended
	return w.groups.close()
}
