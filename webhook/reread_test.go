package webhook_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/webhook"
	"closeloop/webhook/varda"
)

func sampleSource(t *testing.T) webhook.Source {
	t.Helper()
	source, err := varda.New(varda.Config{Secrets: []string{secret}, Region: "US"})
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// quarantinedBy has a source put a body into quarantine.
func quarantinedBy(t *testing.T, source webhook.Source, body string) conversions.Quarantined {
	t.Helper()
	b := benchOf(t, source)
	b.serve(post(t.Context(), "/webhooks/main", body))
	if len(b.store.quarantined) != 1 {
		t.Fatalf("%d in quarantine, want 1", len(b.store.quarantined))
	}
	return b.store.quarantined[0]
}

// TestRereadIsWhatWouldHaveBeenStored has a source that once could read nothing.
func TestRereadIsWhatWouldHaveBeenStored(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"a booking":     sample,
		"of the future": strings.Replace(sample, "2026", "2099", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good := sampleSource(t)
			b := benchOf(t, good)
			b.serve(post(t.Context(), "/webhooks/main", body))
			if len(b.store.events) != 1 {
				t.Fatalf("%d events, want 1", len(b.store.events))
			}
			want := b.store.events[0]
			want.Seq = 0
			q := quarantinedBy(t, broken{Source: good, read: func() error { return errors.New("a fault of then") }}, body)
			got, err := webhook.Reread(good, q, []byte(body))
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("Reread: %v; -want +got\n%s", err, diff)
			}
		})
	}
}

func TestRereadRefuses(t *testing.T) {
	t.Parallel()
	good := sampleSource(t)
	q := quarantinedBy(t, broken{Source: good, read: func() error { return errors.New("a fault of then") }}, sample)
	cut := quarantinedBy(t, good, sample[:100])
	for name, tt := range map[string]struct {
		source webhook.Source
		q      conversions.Quarantined
		body   string
		want   webhook.Reason // empty for ErrOtherBody
	}{
		"one byte more":    {good, q, sample + "\n", ""},
		"another booking":  {good, q, strings.Replace(sample, "250000", "990000", 1), ""},
		"nothing":          {good, q, "", ""},
		"another delivery": {good, cut, sample, ""},
		"still cut":        {good, cut, sample[:100], webhook.ReasonJSON},
		"a panic":          {broken{good, func() error { panic("Erika Example") }}, q, sample, webhook.ReasonPanic},
		"an odd error":     {broken{good, func() error { return errors.New("Erika Example") }}, q, sample, webhook.ReasonUnreadable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := webhook.Reread(tt.source, tt.q, []byte(tt.body))
			m, unreadable := errors.AsType[*webhook.MalformedError](err)
			switch {
			case tt.want == "" && !errors.Is(err, webhook.ErrOtherBody), tt.want != "" && (!unreadable || m.Reason != tt.want):
				t.Errorf("got %v, want reason %q", err, tt.want)
			case strings.Contains(err.Error(), "Erika"):
				t.Errorf("the error quotes the body: %v", err)
			}
			if diff := cmp.Diff(conversions.Event{}, got); diff != "" {
				t.Errorf("an event beside the error: -want +got\n%s", diff)
			}
		})
	}
}

// TestRereadHasNoHeaders: a delivery with a content type that is no JSON is read
// by what it holds.
func TestRereadHasNoHeaders(t *testing.T) {
	t.Parallel()
	good := sampleSource(t)
	b := benchOf(t, good)
	r := post(t.Context(), "/webhooks/main", sample)
	r.Header.Set("Content-Type", "text/plain")
	if w := b.serve(r); w.Code != http.StatusAccepted || len(b.store.quarantined) != 1 {
		t.Fatalf("got %d and %d in quarantine, want 202 and one", w.Code, len(b.store.quarantined))
	}
	q := b.store.quarantined[0]
	got, err := webhook.Reread(good, q, []byte(sample))
	if err != nil || got.Outcome != conversions.OutcomeBooked || !got.Received.Equal(received()) {
		t.Errorf("got a %q of %s, %v; want a booking of %s", got.Outcome, got.Received.Format(time.RFC3339), err, received().Format(time.RFC3339))
	}
}
