package sandbox_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	adserrors "github.com/shenzhencenter/google-ads-pb/errors"
	"github.com/shenzhencenter/google-ads-pb/services"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"closeloop/sandbox"
)

// fault starts a sandbox in which f awaits the first upload.
func fault(t *testing.T, f ...sandbox.Fault) *rig {
	t.Helper()
	cfg := testConfig()
	// Slow faults last until the caller gives up.
	cfg.Sleep = func(ctx context.Context, _ time.Duration) error {
		<-ctx.Done()
		return ctx.Err()
	}
	r := start(t, cfg)
	if err := r.server.Fault(f...); err != nil {
		t.Fatalf("Fault: %v", err)
	}
	return r
}

// TestCallFaults sends the same row twice: the first call meets the fault, the second finds what the first left.
func TestCallFaults(t *testing.T) {
	t.Parallel()
	again := "conversions[0].order_id ConversionUploadError.ORDER_ID_ALREADY_IN_USE"
	tests := []struct {
		name  string
		fault sandbox.Fault
		want  string
		lost  bool // the work was done
	}{
		{"unavailable", sandbox.Fault{Kind: sandbox.FaultUnavailable}, "Unavailable", false},
		{"unavailable after the work", sandbox.Fault{Kind: sandbox.FaultUnavailable, AfterWork: true}, "Unavailable", true},
		{"cut", sandbox.Fault{Kind: sandbox.FaultCut}, "Unavailable", false},
		{"cut after the work", sandbox.Fault{Kind: sandbox.FaultCut, AfterWork: true}, "Unavailable", true},
		{"internal", sandbox.Fault{Kind: sandbox.FaultInternal}, "Internal InternalError.INTERNAL_ERROR", false},
		{"quota", sandbox.Fault{Kind: sandbox.FaultQuota}, "ResourceExhausted QuotaError.RESOURCE_EXHAUSTED", false},
		{"expired", sandbox.Fault{Kind: sandbox.FaultTokenExpired}, "Unauthenticated AuthenticationError.OAUTH_TOKEN_EXPIRED", false},
		{
			"known code",
			sandbox.Fault{Kind: sandbox.FaultError, Family: "request_error", Number: 38},
			"InvalidArgument RequestError.UNSUPPORTED_VERSION", false,
		},
		{
			"code of a later version",
			sandbox.Fault{Kind: sandbox.FaultError, Family: "authorization_error", Number: 32},
			"PermissionDenied AuthorizationError.32", false,
		},
		{
			"failure of a later version",
			sandbox.Fault{Kind: sandbox.FaultError, Family: "internal_error", Number: 4, FailureVersion: "v26"},
			"Internal", false,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := fault(t, tt.fault)
			_, err := r.upload.UploadClickConversions(r.authorized(t), request(good()))
			if got := refusal(t, err); got != tt.want {
				t.Errorf("first answer = %q, want %q", got, tt.want)
			}
			want := []string(nil)
			if tt.lost {
				want = []string{again}
			}
			if diff := cmp.Diff(want, failures(t, r.send(t, good()))); diff != "" {
				t.Errorf("second answer (-want +got):\n%s", diff)
			}
			if got := len(r.server.Conversions()); got != 1 {
				t.Errorf("held %d conversions, want 1", got)
			}
		})
	}
}

func TestSlowFault(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		t.Run(map[bool]string{false: "before", true: "after"}[after], func(t *testing.T) {
			t.Parallel()
			r := fault(t, sandbox.Fault{Kind: sandbox.FaultSlow, Delay: sandbox.Duration(time.Minute), AfterWork: after})
			ctx, cancel := context.WithTimeout(r.authorized(t), 100*time.Millisecond)
			defer cancel()
			_, err := r.upload.UploadClickConversions(ctx, request(good()))
			if got := status.Code(err); got != codes.DeadlineExceeded {
				t.Errorf("code = %v, want DeadlineExceeded", got)
			}
			if got := len(r.server.Conversions()) == 1; got != after {
				t.Errorf("work done = %t, want %t", got, after)
			}
		})
	}
}

func TestExpiredTokenStaysExpired(t *testing.T) {
	t.Parallel()
	r := fault(t, sandbox.Fault{Kind: sandbox.FaultTokenExpired})
	old := r.authorized(t)
	for range 2 {
		_, err := r.upload.UploadClickConversions(old, request(good()))
		if got, want := refusal(t, err), "Unauthenticated AuthenticationError.OAUTH_TOKEN_EXPIRED"; got != want {
			t.Errorf("answer = %q, want %q", got, want)
		}
	}
	r.send(t, good())
}

func TestQuotaRetryDelay(t *testing.T) {
	t.Parallel()
	r := fault(t, sandbox.Fault{Kind: sandbox.FaultQuota, RetryDelay: sandbox.Duration(90 * time.Second)})
	_, err := r.upload.UploadClickConversions(r.authorized(t), request(good()))
	f, ok := status.Convert(err).Details()[0].(*adserrors.GoogleAdsFailure)
	if !ok {
		t.Fatalf("details = %v, want a GoogleAdsFailure", status.Convert(err).Details())
	}
	got := f.GetErrors()[0].GetDetails().GetQuotaErrorDetails().GetRetryDelay().AsDuration()
	if got != 90*time.Second {
		t.Errorf("retry delay = %v, want 90s", got)
	}
}

func TestRowFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault sandbox.Fault
		want  []string
		held  int
	}{
		{"one row internal", sandbox.Fault{Kind: sandbox.FaultRowInternal, Rows: []int{1}}, []string{"conversions[1] InternalError.INTERNAL_ERROR"}, 2},
		{
			"every row, a code of a later version",
			sandbox.Fault{Kind: sandbox.FaultRowError, Family: "conversion_upload_error", Number: 99},
			[]string{"conversions[0] ConversionUploadError.99", "conversions[1] ConversionUploadError.99", "conversions[2] ConversionUploadError.99"},
			0,
		},
		{"without index", sandbox.Fault{Kind: sandbox.FaultRowInternal, Rows: []int{2}, NoIndex: true}, []string{"conversions InternalError.INTERNAL_ERROR"}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := fault(t, tt.fault)
			if diff := cmp.Diff(tt.want, failures(t, r.send(t, many(3)...))); diff != "" {
				t.Errorf("failures (-want +got):\n%s", diff)
			}
			if got := len(r.server.Conversions()); got != tt.held {
				t.Errorf("held %d conversions, want %d", got, tt.held)
			}
		})
	}
}

func TestPartialFailureOfAnotherVersion(t *testing.T) {
	t.Parallel()
	r := fault(t, sandbox.Fault{Kind: sandbox.FaultShape, FailureVersion: "v26"})
	resp := r.send(t, good(withOrder("")))
	got := resp.GetPartialFailureError().GetDetails()[0].GetTypeUrl()
	if want := "type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure"; got != want {
		t.Errorf("type url = %q, want %q", got, want)
	}
}

func TestTrailerOfAnotherVersion(t *testing.T) {
	t.Parallel()
	r := fault(t, sandbox.Fault{Kind: sandbox.FaultInternal, FailureVersion: "v26"})
	var trailer metadata.MD
	if _, err := r.upload.UploadClickConversions(r.authorized(t), request(good()), grpc.Trailer(&trailer)); err == nil {
		t.Fatal("the call succeeded")
	}
	if got := trailer.Get("google.ads.googleads.v26.errors.googleadsfailure-bin"); len(got) != 1 {
		t.Errorf("trailer = %v, want the failure under v26", trailer)
	}
}

func TestPartialFailureMessage(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	one := r.send(t, numbered(1), good(withOrder(""))).GetPartialFailureError()
	if want := "Too short., at conversions[1].order_id"; one.GetMessage() != want || one.GetCode() != int32(codes.InvalidArgument) {
		t.Errorf("one error: %d %q, want 3 %q", one.GetCode(), one.GetMessage(), want)
	}
	two := r.send(t, numbered(2), good(withOrder("")), good(withOrder(""), withAction(12))).GetPartialFailureError()
	if want := "Multiple errors in 'details'. First error: Too short., at conversions[1].order_id"; two.GetMessage() != want {
		t.Errorf("two errors: %q, want %q", two.GetMessage(), want)
	}
}

func TestFaultQueue(t *testing.T) {
	t.Parallel()
	r := fault(t,
		sandbox.Fault{Kind: sandbox.FaultInternal, Customer: other},
		sandbox.Fault{Kind: sandbox.FaultUnavailable, Times: 2},
		sandbox.Fault{Kind: sandbox.FaultQuota, Times: sandbox.Always},
	)
	outcomes := func(n int) {
		for i := range n {
			_, _ = r.upload.UploadClickConversions(r.authorized(t), request(numbered(i)))
		}
	}
	outcomes(5)
	if got := r.server.Faults(); len(got) != 2 {
		t.Errorf("waiting faults = %v, want the one of another customer and the rule", got)
	}
	r.server.ClearFaults()
	outcomes(1)
	var got []string
	for _, q := range r.server.Requests() {
		got = append(got, q.Outcome)
	}
	quota := "QuotaError.RESOURCE_EXHAUSTED"
	if diff := cmp.Diff([]string{"Unavailable", "Unavailable", quota, quota, quota, "OK"}, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

func TestFaultRefused(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	for _, f := range []sandbox.Fault{
		{},
		{Kind: "flood"},
		{Kind: sandbox.FaultError, Family: "no_such_error"},
		{Kind: sandbox.FaultInvalidGrant},
		{Kind: sandbox.FaultSlow, Times: -2},
		{Kind: sandbox.FaultSlow, On: "moon"},
	} {
		if err := r.server.Fault(f); err == nil {
			t.Errorf("Fault(%+v) was taken", f)
		}
	}
	if got := r.server.Faults(); len(got) != 0 {
		t.Errorf("waiting faults = %v, want none", got)
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	r := fault(t, sandbox.Fault{Kind: sandbox.FaultUnavailable, AfterWork: true})
	ctx := metadata.AppendToOutgoingContext(r.authorized(t), "login-customer-id", account)
	req := request(numbered(1), good(withOrder("")))
	_, _ = r.upload.UploadClickConversions(ctx, req)
	req.ValidateOnly = true
	_, _ = r.upload.UploadClickConversions(ctx, req)
	method := services.ConversionUploadService_UploadClickConversions_FullMethodName
	want := []sandbox.Request{
		{
			ID: "sandbox-00000001", Method: method, Customer: account, LoginCustomer: account, Rows: 2, JobID: 1 << 31,
			Accepted: 1, Refused: 1, Outcome: "Unavailable", Fault: sandbox.FaultUnavailable, Time: testNow(),
		},
		{
			ID: "sandbox-00000002", Method: method, Customer: account, LoginCustomer: account, Rows: 2, JobID: 1<<31 + 1,
			ValidateOnly: true, Refused: 2, Outcome: "OK", Time: testNow(),
		},
	}
	if diff := cmp.Diff(want, r.server.Requests()); diff != "" {
		t.Errorf("Requests (-want +got):\n%s", diff)
	}
}

func TestStartRefusesOtherAddresses(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "example.com:80", "127.0.0.1"} {
		cfg := testConfig()
		cfg.HTTPAddr = addr
		s, err := sandbox.Start(t.Context(), cfg)
		if err == nil {
			t.Errorf("Start listened on %s", addr)
			_ = s.Close()
		} else if !strings.Contains(err.Error(), addr) {
			t.Errorf("error %q does not name %s", err, addr)
		}
	}
}
