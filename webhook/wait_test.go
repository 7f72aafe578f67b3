package webhook_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"closeloop/webhook"
)

func TestWaitsForTheStore(t *testing.T) {
	t.Parallel()
	errLocked := errors.New("database is locked")
	tests := map[string]struct {
		recovers time.Duration // when the store is back
		status   int
		took     time.Duration
	}{
		"at once":        {0, http.StatusAccepted, 0},
		"after a second": {time.Second, http.StatusAccepted, 1550 * time.Millisecond},
		"just in time":   {7 * time.Second, http.StatusAccepted, 7550 * time.Millisecond},
		"too late":       {time.Minute, http.StatusServiceUnavailable, 8 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, start := newBench(t), time.Now()
				attempts := 0
				b.store.refuse = func(context.Context) error {
					if attempts++; time.Since(start) < tt.recovers {
						return errLocked
					}
					return nil
				}
				w := b.serve(post(t.Context(), "/webhooks/main", sample))
				if took := time.Since(start); w.Code != tt.status || took != tt.took {
					t.Errorf("got %d after %v, want %d after %v", w.Code, took, tt.status, tt.took)
				}
				if attempts > 14 {
					t.Errorf("got %d attempts, which is a busy loop", attempts)
				}
				if tt.status == http.StatusServiceUnavailable {
					checkUnavailable(t, b, w)
				}
			})
		})
	}
}

func checkUnavailable(t *testing.T, b *bench, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Header().Get("Retry-After") == "" || w.Body.String() != `{"error":"try again"}` {
		t.Errorf("got headers %v and body %s", w.Header(), w.Body)
	}
	if !strings.Contains(b.log.String(), "level=ERROR") || !strings.Contains(b.log.String(), "database is locked") {
		t.Errorf("the log does not say why:\n%s", b.log)
	}
	if len(b.woken) != 0 {
		t.Error("an account was woken for nothing")
	}
}

func TestStoreThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, start := newBench(t), time.Now()
		b.store.refuse = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		w := b.serve(post(t.Context(), "/webhooks/main", `{"quarantined":true}`))
		if took := time.Since(start); w.Code != http.StatusServiceUnavailable || took != webhook.DefaultStoreWait {
			t.Errorf("got %d after %v, want 503 after %v", w.Code, took, webhook.DefaultStoreWait)
		}
	})
}

// TestSharedWait: who comes within a tenth of a second of another waits until
// the same moment, who comes later has the whole time again.
func TestSharedWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.store.refuse = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		const tenth = webhook.DefaultStoreWait / 80
		want := []time.Duration{webhook.DefaultStoreWait, webhook.DefaultStoreWait - tenth/2, webhook.DefaultStoreWait}
		got := make([]time.Duration, len(want))
		var wg sync.WaitGroup
		for i, after := range []time.Duration{0, tenth / 2, tenth + time.Millisecond} {
			wg.Go(func() {
				time.Sleep(after)
				start := time.Now()
				b.serve(post(t.Context(), "/webhooks/main", sample))
				got[i] = time.Since(start)
			})
		}
		wg.Wait()
		if !slices.Equal(got, want) {
			t.Errorf("deliveries waited %v, want %v", got, want)
		}
	})
}

func TestSenderHangsUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		ctx, cancel := context.WithCancel(t.Context())
		b.store.refuse = func(ctx context.Context) error {
			cancel()
			time.Sleep(time.Second) // of the bubble: the store takes its time
			return ctx.Err()
		}
		b.serve(post(ctx, "/webhooks/main", sample))
		if len(b.store.events) != 1 {
			t.Errorf("got %d events, want the one that was handed over", len(b.store.events))
		}
	})
}

// TestStoredInSpiteOfAnError: the first attempt is stored but its answer is
// lost; the second is a duplicate, and the account is woken all the same.
func TestStoredInSpiteOfAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.store.after = func() error {
			b.store.after = nil
			return errors.New("connection lost")
		}
		w := b.serve(post(t.Context(), "/webhooks/main", sample))
		if w.Code != http.StatusAccepted || len(b.store.events) != 1 || len(b.woken) != 1 {
			t.Errorf("got %d, %d events, %d wakes; want 202, 1, 1", w.Code, len(b.store.events), len(b.woken))
		}
	})
}
