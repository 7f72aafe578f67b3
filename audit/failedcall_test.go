package audit_test

import (
	"context"
	"strings"
	"testing"

	"closeloop/audit"
	"closeloop/conversions"
)

// withCall is a store whose histories end with a request that failed as a
// whole.
type withCall struct {
	audit.Reader

	call conversions.Answer
}

func (r withCall) History(ctx context.Context, a conversions.AccountID, id conversions.RowID) (conversions.History, error) {
	h, err := r.Reader.History(ctx, a, id)
	h.Batches = append(h.Batches, conversions.BatchRecord{
		ID: "failed", Account: a, Target: rules(a).Target, Created: noon(), Attempts: 1, Rows: 2, JobID: 7,
		Settled: noon(), Call: &r.call,
	})
	return h, err
}

func TestShowSaysThatTheRequestFailed(t *testing.T) {
	t.Parallel()
	w := filled(newWorld(t))
	r := withCall{Reader: w.s, call: conversions.Answer{
		Verdict: conversions.Retry, Code: "gRPC.UNAVAILABLE", Sentence: "Google could not be reached.", Hint: "Check the network.",
	}}
	tests := map[conversions.LeadID]string{
		"queued-now":   "The last request failed: Google could not be reached (gRPC.UNAVAILABLE). Due now; sent by the next run.",
		"queued-later": "The last request failed: Google could not be reached (gRPC.UNAVAILABLE). Due 2026-06-01 12:50:00 -04:00, when ",
		"done":         "Google holds what is wanted.",
	}
	for lead, want := range tests {
		t.Run(string(lead), func(t *testing.T) {
			t.Parallel()
			q := w.query()
			q.Subject = w.row(acme, lead).OrderID
			s, ok := report(t, r, "audit show", q).Data.(audit.Shown)
			if !ok {
				t.Fatal("the report's data are no Shown")
			}
			if !strings.HasPrefix(s.Why, want) {
				t.Errorf("why is %q, want %q", s.Why, want)
			}
			last := s.Steps[len(s.Steps)-1]
			if got, want := last.Text, "the call failed: Google could not be reached (gRPC.UNAVAILABLE)."; !strings.HasSuffix(got, want) && lead != "done" {
				t.Errorf("the last step is %q, want it to end with %q", got, want)
			}
		})
	}
}
