package audit_test

import (
	"testing"
	"time"

	"closeloop/audit"
	"closeloop/conversions"
)

// quarantined stores a delivery of acme that could not be read, and has a
// person decide about it unless kind is empty.
func (w *world) quarantined(n byte, kind conversions.EntryKind) int64 {
	w.Helper()
	q := conversions.Quarantined{
		Account: acme, Source: sourceOf(acme), Delivery: "dlv_bad", Body: [16]byte{n}, Received: noon().Add(time.Duration(n) * time.Minute),
		Reason: "content_type", Size: 251,
	}
	r, err := w.s.Quarantine(w.Context(), q)
	w.must(err)
	if kind == "" {
		return r.Seq
	}
	d := conversions.QuarantineDecision{Kind: kind, At: noon().Add(time.Hour), By: "sam", Note: "agreed with the client"}
	var e *conversions.Event
	if kind == conversions.EntryRetried {
		e = &conversions.Event{Account: q.Account, Source: q.Source, Body: q.Body, Received: q.Received, Kind: "call.ended", Lead: "L1"}
	}
	w.must(w.s.ResolveQuarantine(w.Context(), r.Seq, d, e))
	return r.Seq
}

func TestQuarantineDecided(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.quarantined(1, "")
	w.quarantined(2, conversions.EntryGivenUp)
	w.quarantined(3, conversions.EntryRetried)
	for _, tt := range []struct {
		file, report, subject string
		all                   bool
	}{
		{file: "quarantine-open", report: "quarantine list"},
		{file: "quarantine-all", report: "quarantine list", all: true},
		{file: "quarantine-given-up", report: "quarantine show", subject: "2"},
		{file: "quarantine-read", report: "quarantine show", subject: "3"},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			q := w.query()
			q.Subject, q.All = tt.subject, tt.all
			golden(t, tt.file, report(t, w.s, tt.report, q))
		})
	}
	summary, ok := report(t, w.s, "audit summary", w.query()).Data.(audit.Summary)
	if !ok || summary.Quarantined != 1 {
		t.Errorf("the summary counts %d in quarantine, want the open one", summary.Quarantined)
	}
}

func TestQuarantineWithNothingOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.query()
	q.All = true
	golden(t, "empty-quarantine-all", report(t, w.s, "quarantine list", q))
	w.quarantined(1, conversions.EntryGivenUp)
	golden(t, "quarantine-none-open", report(t, w.s, "quarantine list", w.query()))
}
