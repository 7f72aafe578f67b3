package webhook_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/webhook"
	"closeloop/webhook/varda"
)

const (
	secret = "whs_test_3f9a"
	click  = "Zx3-TESTFIXTURE_aB9kLm0Qr7StUv2WxYz4"
	sample = `{"event":"call.outcome_tagged","timestamp":"2026-03-25T18:35:30Z","data":{"id":7715,"call_session_id":7742,` +
		`"outcome_type":"booked","estimated_value_cents":250000,"actual_value_cents":0,"revenue_cents":250000,` +
		`"notes":"Bathroom","contact":{"id":90456,"name":"Erika Example","phone":"+18005550142"},` +
		`"attribution":{"source":"google_ads","medium":"cpc","gclid":"` + click + `"}}}`
)

func received() time.Time { return time.Date(2026, 3, 25, 18, 40, 0, 0, time.UTC) }

// recorder is a store that remembers and knows duplicates.
type recorder struct {
	mu          sync.Mutex
	events      []conversions.Event
	quarantined []conversions.Quarantined
	seen        map[[16]byte]int64
	// refuse is asked before anything is stored.
	refuse func(ctx context.Context) error
	// after is asked when something was stored.
	after func() error
}

func (r *recorder) Append(ctx context.Context, e conversions.Event) (conversions.Receipt, error) {
	return r.add(ctx, e.Body, func(seq int64) {
		e.Seq = seq
		r.events = append(r.events, e)
	})
}

func (r *recorder) Quarantine(ctx context.Context, q conversions.Quarantined) (conversions.Receipt, error) {
	return r.add(ctx, q.Body, func(int64) { r.quarantined = append(r.quarantined, q) })
}

func (r *recorder) add(ctx context.Context, body [16]byte, store func(int64)) (conversions.Receipt, error) {
	if r.refuse != nil {
		if err := r.refuse(ctx); err != nil {
			return conversions.Receipt{}, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if seq, ok := r.seen[body]; ok {
		return conversions.Receipt{Seq: seq, Duplicate: true}, nil
	}
	seq := int64(len(r.seen) + 1)
	if r.seen == nil {
		r.seen = map[[16]byte]int64{}
	}
	r.seen[body] = seq
	store(seq)
	if r.after != nil {
		if err := r.after(); err != nil {
			return conversions.Receipt{}, err
		}
	}
	return conversions.Receipt{Seq: seq}, nil
}

// bench is a handler with all that it reports to.
type bench struct {
	handler *webhook.Handler
	store   *recorder
	log     *lockedBuffer
	mu      sync.Mutex
	woken   []conversions.AccountID
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newBench(tb testing.TB) *bench {
	tb.Helper()
	source, err := varda.New(varda.Config{Secrets: []string{secret}, Region: "US"})
	if err != nil {
		tb.Fatal(err)
	}
	return benchOf(tb, source)
}

func benchOf(tb testing.TB, source webhook.Source) *bench {
	tb.Helper()
	b := &bench{store: &recorder{}, log: &lockedBuffer{}}
	noTime := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	handler, err := webhook.New(webhook.Config{
		Endpoints: []webhook.Endpoint{{Name: "main", Key: "src_main", Account: "acme", Source: source}},
		Log:       b.store,
		Now:       received,
		Logger:    slog.New(slog.NewTextHandler(b.log, &slog.HandlerOptions{ReplaceAttr: noTime})),
		OnEvent: func(a conversions.AccountID) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.woken = append(b.woken, a)
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	b.handler = handler
	return b
}

func signature(body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("1774464000." + body))
	return "t=1774464000,v1=" + hex.EncodeToString(mac.Sum(nil))
}

func post(ctx context.Context, url, body string) *http.Request {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Varda-Delivery", "dlv_5f0c")
	r.Header.Set("X-Varda-Signature", signature(body))
	return r
}

// serve sends the request through the handler, without a network.
func (b *bench) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

func TestRecorded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	w := b.serve(post(t.Context(), "/webhooks/main", sample))
	if w.Code != http.StatusAccepted || w.Body.String() != `{"status":"recorded"}` {
		t.Errorf("got %d %s, want 202 recorded", w.Code, w.Body)
	}
	sum := sha256.Sum256([]byte(sample))
	if len(b.store.events) != 1 {
		t.Fatalf("got %d events, want 1", len(b.store.events))
	}
	got := b.store.events[0]
	want := conversions.Event{
		Seq: 1, Account: "acme", Source: "src_main", Delivery: "dlv_5f0c", Body: [16]byte(sum[:16]),
		Kind: "call.outcome_tagged", Lead: "7742", At: received().Add(-270 * time.Second), Received: received(),
	}
	want.Outcome, want.OutcomeID, want.Amounts = got.Outcome, got.OutcomeID, got.Amounts // tested in varda
	want.Channel, want.Person = got.Channel, got.Person
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]conversions.AccountID{"acme"}, b.woken); diff != "" {
		t.Errorf("woken accounts (-want +got):\n%s", diff)
	}
	wantLog := `level=INFO msg=delivery status=202 outcome=recorded source=src_main account=acme bytes=397` +
		` duration=0s seq=1 duplicate=false kind=call.outcome_tagged delivery=dlv_5f0c` + "\n"
	if diff := cmp.Diff(wantLog, b.log.String()); diff != "" {
		t.Errorf("log line (-want +got):\n%s", diff)
	}
}

func TestDuplicate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.serve(post(t.Context(), "/webhooks/main", sample))
	again := post(t.Context(), "/webhooks/main", sample)
	again.Header.Set("X-Varda-Delivery", "dlv_other")
	w := b.serve(again)
	if w.Code != http.StatusAccepted || w.Body.String() != `{"status":"duplicate"}` {
		t.Errorf("got %d %s, want 202 duplicate", w.Code, w.Body)
	}
	if len(b.store.events) != 1 || len(b.woken) != 2 {
		t.Errorf("got %d events and %d wakes, want 1 and 2", len(b.store.events), len(b.woken))
	}
	if !strings.Contains(b.log.String(), "outcome=duplicate") || !strings.Contains(b.log.String(), "seq=1 duplicate=true") {
		t.Errorf("the log does not tell the duplicate:\n%s", b.log)
	}
}

func TestFuture(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		at, start string
		flagged   bool
		kept      bool // the call's start
	}{
		"as usual":             {"2026-03-25T18:35:30Z", "2026-03-25T18:30:00Z", false, true},
		"five minutes ahead":   {"2026-03-25T18:45:00Z", "2026-03-25T18:45:00Z", false, true},
		"later than that":      {"2026-03-25T18:45:01Z", "2026-03-25T18:30:00Z", true, true},
		"year 2099":            {"2099-03-25T18:35:30Z", "2026-03-25T18:30:00Z", true, true},
		"call starts too late": {"2026-03-25T18:35:30Z", "2099-03-25T18:35:30Z", true, false},
		"both":                 {"2099-03-25T18:35:30Z", "2099-03-25T18:35:30Z", true, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			body := `{"event":"call.ended","timestamp":"` + tt.at + `","data":{"id":1,"started_at":"` + tt.start + `"}}`
			if w := b.serve(post(t.Context(), "/webhooks/main", body)); w.Code != http.StatusAccepted || len(b.store.events) != 1 {
				t.Fatalf("got %d and %d events, want 202 and 1", w.Code, len(b.store.events))
			}
			e := b.store.events[0]
			if got := len(e.Flags) == 1 && e.Flags[0] == conversions.FlagFuture; got != tt.flagged {
				t.Errorf("got flags %v, want flagged: %v", e.Flags, tt.flagged)
			}
			if !e.CallStart.IsZero() != tt.kept {
				t.Errorf("got call start %v, want kept: %v", e.CallStart, tt.kept)
			}
			if e.Order().After(received()) {
				t.Errorf("got order %v, after the receipt", e.Order())
			}
		})
	}
}

func TestDeliveryIDIsMadeHarmless(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := post(t.Context(), "/webhooks/main", sample)
	r.Header.Set("X-Varda-Delivery", "a b\x00\né"+strings.Repeat("x", 500))
	b.serve(r)
	got := b.store.events[0].Delivery
	if !strings.HasPrefix(got, "a_b___x") || len(got) > 128 {
		t.Errorf("got %q", got)
	}
}

// broken is a source that reads badly.
type broken struct {
	webhook.Source
	read func() error
}

func (b broken) Read(http.Header, []byte) (conversions.Event, error) {
	return conversions.Event{}, b.read()
}

func TestReaderFaultsGoToQuarantine(t *testing.T) {
	t.Parallel()
	good, err := varda.New(varda.Config{Secrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		read func() error
		want webhook.Reason
	}{
		"panic":       {func() error { panic("Erika Example") }, webhook.ReasonPanic},
		"other error": {func() error { return errors.New("Erika Example") }, webhook.ReasonUnreadable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := benchOf(t, broken{Source: good, read: tt.read})
			w := b.serve(post(t.Context(), "/webhooks/main", sample))
			if w.Code != http.StatusAccepted || w.Body.String() != `{"status":"quarantined"}` {
				t.Errorf("got %d %s, want 202 quarantined", w.Code, w.Body)
			}
			if len(b.store.quarantined) != 1 || b.store.quarantined[0].Reason != string(tt.want) {
				t.Errorf("got %+v, want one of reason %s", b.store.quarantined, tt.want)
			}
			if strings.Contains(b.log.String(), "Erika") {
				t.Errorf("the log quotes the fault:\n%s", b.log)
			}
		})
	}
}

func TestConcurrent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	server := httptest.NewServer(b.handler)
	t.Cleanup(server.Close)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 25 {
				body := strings.Replace(sample, "7742", strings.Repeat("7", i+1)+"8"+strings.Repeat("9", n), 1)
				r, err := server.Client().Do(post(t.Context(), server.URL+"/webhooks/main", body))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				_ = r.Body.Close()
				if r.StatusCode != http.StatusAccepted {
					t.Errorf("got %d, want 202", r.StatusCode)
				}
			}
		})
	}
	wg.Wait()
	if got := len(b.store.events); got != 200 {
		t.Errorf("got %d events, want 200", got)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	_, err := webhook.New(webhook.Config{
		Endpoints: []webhook.Endpoint{{Name: "a/b"}, {Name: "a"}, {Name: "a", Key: "k", Account: "x"}},
		MaxBody:   -1,
	})
	if err == nil {
		t.Fatal("got no error, want one")
	}
	for _, want := range []string{"log, clock", "limits", `"a/b"`, "two sources are named", "lacks key"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to name %q", err, want)
		}
	}
}
