package sandbox_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/sandbox"
)

// TestForcedReasons fails events on request: by their place once, by their transaction id until it is lifted.
func TestForcedReasons(t *testing.T) {
	t.Parallel()
	const invalidClick = "PROCESSING_ERROR_REASON_INVALID_CLICK"
	second := event("a-2", at("2026-11-22T19:05:10Z"))
	tests := []struct {
		name       string
		fault      *sandbox.Fault
		rejections []sandbox.Rejection
		refused    []string
		outcome    string
	}{
		{
			name: "processing, by place", fault: &sandbox.Fault{Kind: sandbox.FaultRowError, On: sandbox.OnIngest, Rows: []int{1}, Reason: invalidClick},
			outcome: "PARTIAL_SUCCESS of 2: 1 INVALID_CLICK [(1)]",
		},
		{
			name: "every row", fault: &sandbox.Fault{Kind: sandbox.FaultRowInternal, On: sandbox.OnIngest},
			outcome: "FAILED of 2: 2 INTERNAL_ERROR [(0) (1)]",
		},
		{
			name: "refusal, by place", fault: &sandbox.Fault{Kind: sandbox.FaultRowError, On: sandbox.OnIngest, Rows: []int{1}, Reason: "INVALID_EVENT"},
			refused: []string{"events.events[1] INVALID_EVENT"},
		},
		{name: "no violations", fault: &sandbox.Fault{Kind: sandbox.FaultRowError, On: sandbox.OnIngest, NoIndex: true, Reason: "INVALID_EVENT"}, refused: []string{}},
		{name: "processing, by id", rejections: []sandbox.Rejection{{"a-1", invalidClick}}, outcome: "PARTIAL_SUCCESS of 2: 1 INVALID_CLICK [(0)]"},
		{name: "refusal, by id", rejections: []sandbox.Rejection{{"a-1", "INVALID_EVENT"}}, refused: []string{"events.events[0] INVALID_EVENT"}},
		{name: "of others", rejections: []sandbox.Rejection{{"a-3", invalidClick}, {"a-4", "INVALID_EVENT"}}, outcome: "SUCCESS of 2"},
		{name: "lifted", rejections: []sandbox.Rejection{{"a-1", invalidClick}, {"a-1", ""}}, outcome: "SUCCESS of 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, clock := startTimed(t)
			if tt.fault != nil {
				if err := r.server.Fault(*tt.fault); err != nil {
					t.Fatalf("Fault: %v", err)
				}
			}
			if err := r.server.Reject(tt.rejections...); err != nil {
				t.Fatalf("Reject: %v", err)
			}
			a := r.ingest(t, ingestion(event("a-1"), second))
			if tt.refused != nil {
				if diff := cmp.Diff(tt.refused, append([]string{}, violations(a)...)); diff != "" || a.status != http.StatusBadRequest {
					t.Errorf("answer = %d %s (-want +got):\n%s", a.status, a.raw, diff)
				}
				return
			}
			clock.add(time.Hour)
			if got := outcome(r.look(t, a.body.RequestID), 0); got != tt.outcome {
				t.Errorf("outcome = %q, want %q", got, tt.outcome)
			}
		})
	}
}

func TestControlDataManager(t *testing.T) {
	t.Parallel()
	r, clock := startTimed(t)
	if status, body := r.control(t, "POST", "/rejections", `{"transaction_id":"a-1","reason":"PROCESSING_ERROR_REASON_INVALID_CLICK"}`); status != 201 {
		t.Fatalf("rejection = %d %s", status, body)
	}
	if status, body := r.control(t, "POST", "/rejections", `[{"reason":"INVALID_EVENT"}]`); status != 400 {
		t.Errorf("rejection of nothing = %d %s", status, body)
	}
	fault := `{"kind":"error","on":"ingest","reason":"PERMISSION_DENIED","status":403,"customer":"1234567890"}`
	if status, body := r.control(t, "POST", "/faults", fault); status != 201 {
		t.Fatalf("fault = %d %s", status, body)
	}
	if a := r.ingest(t, ingestion(event("a-1"))); a.status != http.StatusForbidden {
		t.Errorf("ingest = %d %s, want the fault", a.status, a.raw)
	}
	if got := settled(t, r, clock, event("a-1")); got != "FAILED of 1: 1 INVALID_CLICK [(0)]" {
		t.Errorf("outcome = %q", got)
	}
}
