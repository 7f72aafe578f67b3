package sandbox_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"closeloop/sandbox"
)

// TestAdjustCallFaults sends the same row twice: the first call meets the fault, the second finds what the first left.
func TestAdjustCallFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault sandbox.Fault
		want  string
		lost  bool // the work was done
	}{
		{"of uploads", sandbox.Fault{Kind: sandbox.FaultUnavailable, On: sandbox.OnUpload}, "OK", true},
		{"unavailable", sandbox.Fault{Kind: sandbox.FaultUnavailable}, "Unavailable", false},
		{"unavailable after the work", sandbox.Fault{Kind: sandbox.FaultUnavailable, AfterWork: true}, "Unavailable", true},
		{"cut", sandbox.Fault{Kind: sandbox.FaultCut}, "Unavailable", false},
		{"cut after the work", sandbox.Fault{Kind: sandbox.FaultCut, AfterWork: true}, "Unavailable", true},
		{"internal", sandbox.Fault{Kind: sandbox.FaultInternal}, "Internal InternalError.INTERNAL_ERROR", false},
		{"quota", sandbox.Fault{Kind: sandbox.FaultQuota}, "ResourceExhausted QuotaError.RESOURCE_EXHAUSTED", false},
		{"expired", sandbox.Fault{Kind: sandbox.FaultTokenExpired}, "Unauthenticated AuthenticationError.OAUTH_TOKEN_EXPIRED", false},
		{
			"a code of its own family",
			sandbox.Fault{Kind: sandbox.FaultError, Family: "conversion_adjustment_upload_error", Number: 11},
			"InvalidArgument ConversionAdjustmentUploadError.TOO_MANY_ADJUSTMENTS_IN_REQUEST", false,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.name != "of uploads" {
				tt.fault.On = sandbox.OnAdjust
			}
			r := start(t, testConfig())
			r.send(t, good()) // before the fault waits, and not befallen by those on adjustments
			if err := r.server.Fault(tt.fault); err != nil {
				t.Fatalf("Fault: %v", err)
			}
			_, err := r.adjust.UploadConversionAdjustments(r.authorized(t), adjustRequest(restate()))
			if got := refusal(t, err); got != tt.want {
				t.Errorf("first answer = %q, want %q", got, tt.want)
			}
			var want []string
			if tt.lost {
				want = []string{"conversion_adjustments[0].adjustment_date_time ConversionAdjustmentUploadError.RESTATEMENT_ALREADY_EXISTS"}
			}
			if diff := cmp.Diff(want, failures(t, r.amend(t, restate()))); diff != "" {
				t.Errorf("second answer (-want +got):\n%s", diff)
			}
			if got := r.server.Conversions()[0]; len(got.Adjustments) != 1 || got.Value != 1800.5 {
				t.Errorf("held %+v, want one adjustment", got)
			}
		})
	}
}

func TestAdjustSlowFault(t *testing.T) {
	t.Parallel()
	r := fault(t, sandbox.Fault{Kind: sandbox.FaultSlow, On: sandbox.OnAdjust, Delay: sandbox.Duration(time.Minute), AfterWork: true})
	r.send(t, good())
	ctx, cancel := context.WithTimeout(r.authorized(t), 100*time.Millisecond)
	defer cancel()
	_, err := r.adjust.UploadConversionAdjustments(ctx, adjustRequest(restate()))
	if got := status.Code(err); got != codes.DeadlineExceeded {
		t.Errorf("code = %v, want DeadlineExceeded", got)
	}
	if got := r.server.Conversions()[0]; got.Value != 1800.5 {
		t.Errorf("held %v, want the work done", got.Value)
	}
}

func TestAdjustRowFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault sandbox.Fault
		want  []string
		held  int // how many are adjusted
	}{
		{"one row internal", sandbox.Fault{Kind: sandbox.FaultRowInternal, Rows: []int{1}}, []string{"conversion_adjustments[1] InternalError.INTERNAL_ERROR"}, 2},
		{
			"every row, a code of a later version",
			sandbox.Fault{Kind: sandbox.FaultRowError, Family: "conversion_adjustment_upload_error", Number: 99},
			[]string{
				"conversion_adjustments[0] ConversionAdjustmentUploadError.99",
				"conversion_adjustments[1] ConversionAdjustmentUploadError.99",
				"conversion_adjustments[2] ConversionAdjustmentUploadError.99",
			},
			0,
		},
		{"without index", sandbox.Fault{Kind: sandbox.FaultRowInternal, Rows: []int{2}, NoIndex: true}, []string{"conversion_adjustments InternalError.INTERNAL_ERROR"}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.fault.On = sandbox.OnAdjust
			r := fault(t, tt.fault)
			r.send(t, numbered(0), numbered(1), numbered(2))
			resp := r.amend(t, restate(ofOrder("number-0")), retract(ofOrder("number-1")), restate(ofOrder("number-2")))
			if diff := cmp.Diff(tt.want, failures(t, resp)); diff != "" {
				t.Errorf("failures (-want +got):\n%s", diff)
			}
			if got := len(adjustedOf(r.server.Conversions())); got != tt.held {
				t.Errorf("adjusted %d conversions, want %d", got, tt.held)
			}
		})
	}
}

func TestAdjustFailureOfAnotherVersion(t *testing.T) {
	t.Parallel()
	r := fault(t, sandbox.Fault{Kind: sandbox.FaultShape, On: sandbox.OnAdjust, FailureVersion: "v26"})
	got := r.amend(t, restate()).GetPartialFailureError().GetDetails()[0].GetTypeUrl()
	if want := "type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure"; got != want {
		t.Errorf("type url = %q, want %q", got, want)
	}
}

// TestAdjustElsewhere adjusts from accounts that do not hold the conversion.
func TestAdjustElsewhere(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	r.send(t, good())
	for customer, want := range map[string]string{
		other: "conversion_adjustments[0] ConversionAdjustmentUploadError.CONVERSION_NOT_FOUND",
		child: "conversion_adjustments[0].conversion_action ConversionAdjustmentUploadError.NO_CONVERSION_ACTION_FOUND",
	} {
		req := adjustRequest(restate())
		req.CustomerId = customer
		resp, err := r.adjust.UploadConversionAdjustments(r.authorized(t), req)
		if err != nil {
			t.Fatalf("UploadConversionAdjustments: %v", err)
		}
		if diff := cmp.Diff([]string{want}, failures(t, resp)); diff != "" {
			t.Errorf("customer %s: failures (-want +got):\n%s", customer, diff)
		}
	}
}
