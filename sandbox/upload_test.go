package sandbox_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shenzhencenter/google-ads-pb/common"
	"github.com/shenzhencenter/google-ads-pb/enums"
	adserrors "github.com/shenzhencenter/google-ads-pb/errors"
	"github.com/shenzhencenter/google-ads-pb/services"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"closeloop/sandbox"
)

func TestUploadIsHeld(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	row := good(func(c *services.ClickConversion) {
		c.Consent = &common.Consent{AdUserData: enums.ConsentStatusEnum_GRANTED}
	})
	resp := r.send(t, row)
	if got := failures(t, resp); got != nil {
		t.Fatalf("failures = %v, want none", got)
	}
	want := &services.ClickConversionResult{
		Gclid: row.Gclid, ConversionAction: row.ConversionAction, ConversionDateTime: row.ConversionDateTime,
	}
	if got := resp.GetResults(); len(got) != 1 || !proto.Equal(got[0], want) {
		t.Errorf("results = %v, want [%v]", got, want)
	}
	held := []sandbox.Conversion{{
		Customer: account, Action: 11, Kind: sandbox.GCLID, ClickID: knownID,
		Time: time.Date(2026, 11, 22, 19, 5, 9, 0, time.UTC), DateTime: "2026-11-22 14:05:09-05:00",
		Value: 2500, Currency: "USD", OrderID: "order-1", Consent: "GRANTED",
		JobID: resp.GetJobId(), RequestID: r.server.Requests()[0].ID, Uploaded: testNow(),
	}}
	if diff := cmp.Diff(held, r.server.Conversions()); diff != "" {
		t.Errorf("Conversions (-want +got):\n%s", diff)
	}
}

func TestUploadJobID(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	req := request(numbered(1))
	req.JobId = proto.Int32(77)
	resp, err := r.upload.UploadClickConversions(r.authorized(t), req)
	if err != nil || resp.GetJobId() != 77 {
		t.Errorf("job id = %d, %v, want 77", resp.GetJobId(), err)
	}
	if got := r.send(t, numbered(2)).GetJobId(); got < 1<<31 {
		t.Errorf("generated job id = %d, want at least 2^31", got)
	}
}

func TestUploadTrailers(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	var trailer metadata.MD
	if _, err := r.upload.UploadClickConversions(r.authorized(t), request(numbered(1)), grpc.Trailer(&trailer)); err != nil {
		t.Fatalf("UploadClickConversions: %v", err)
	}
	if got := trailer.Get("request-id"); len(got) != 1 || got[0] != r.server.Requests()[0].ID {
		t.Errorf("request-id = %v, want that of the request log", got)
	}
	_, err := r.upload.UploadClickConversions(t.Context(), request(numbered(2)), grpc.Trailer(&trailer))
	if err == nil {
		t.Fatal("call without a token succeeded")
	}
	raw := trailer.Get("google.ads.googleads.v25.errors.googleadsfailure-bin")
	var f adserrors.GoogleAdsFailure
	if len(raw) != 1 || proto.Unmarshal([]byte(raw[0]), &f) != nil {
		t.Fatalf("failure trailer = %q, want one GoogleAdsFailure", raw)
	}
	if got, want := f.GetRequestId(), trailer.Get("request-id")[0]; got != want {
		t.Errorf("failure.request_id = %q, want %q", got, want)
	}
}

// TestUploadRefused covers what refuses a call as a whole.
func TestUploadRefused(t *testing.T) {
	t.Parallel()
	type request = services.UploadClickConversionsRequest
	tests := []struct {
		name   string
		change func(*request)
		md     []string
		noAuth bool
		want   string
	}{
		{name: "good", want: "OK"},
		{name: "no token", noAuth: true, want: "Unauthenticated AuthenticationError.OAUTH_TOKEN_HEADER_INVALID"},
		{
			name: "malformed authorization", noAuth: true, md: []string{"authorization", "Basic abc"},
			want: "Unauthenticated AuthenticationError.OAUTH_TOKEN_HEADER_INVALID",
		},
		{
			name: "foreign token", noAuth: true, md: []string{"authorization", "Bearer abc"},
			want: "Unauthenticated AuthenticationError.OAUTH_TOKEN_INVALID",
		},
		{name: "developer token is ignored", md: []string{"developer-token", "abc"}, want: "OK"},
		{
			name: "hyphenated login customer", md: []string{"login-customer-id", "999-999-9999"},
			want: "InvalidArgument HeaderError.INVALID_LOGIN_CUSTOMER_ID",
		},
		{
			name: "hyphenated linked customer", md: []string{"linked-customer-id", "999-999-9999"},
			want: "InvalidArgument HeaderError.INVALID_LINKED_CUSTOMER_ID",
		},
		{
			name: "hyphenated customer", change: func(r *request) { r.CustomerId = "123-456-7890" },
			want: "InvalidArgument RequestError.INVALID_CUSTOMER_ID",
		},
		{
			name: "no customer", change: func(r *request) { r.CustomerId = "" },
			want: "InvalidArgument RequestError.INVALID_CUSTOMER_ID",
		},
		{
			name: "unknown customer", change: func(r *request) { r.CustomerId = "1111111111" },
			want: "Unauthenticated AuthenticationError.CUSTOMER_NOT_FOUND",
		},
		{
			name: "manager missing", change: func(r *request) { r.CustomerId = managed },
			want: "PermissionDenied AuthorizationError.USER_PERMISSION_DENIED",
		},
		{
			name: "manager named", change: func(r *request) { r.CustomerId = managed },
			md: []string{"login-customer-id", manager}, want: "OK",
		},
		{
			name: "wrong manager", change: func(r *request) { r.CustomerId = managed },
			md:   []string{"login-customer-id", "8888888888"},
			want: "PermissionDenied AuthorizationError.INVALID_LOGIN_CUSTOMER_ID_SERVING_CUSTOMER_ID_COMBINATION",
		},
		{
			name: "managed customer as its own login", change: func(r *request) { r.CustomerId = managed },
			md:   []string{"login-customer-id", managed},
			want: "PermissionDenied AuthorizationError.INVALID_LOGIN_CUSTOMER_ID_SERVING_CUSTOMER_ID_COMBINATION",
		},
		{name: "login customer is the customer", md: []string{"login-customer-id", account}, want: "OK"},
		{
			name: "disabled", change: func(r *request) { r.CustomerId = disabled },
			want: "PermissionDenied AuthorizationError.CUSTOMER_NOT_ENABLED",
		},
		{
			name: "not allow-listed", change: func(r *request) { r.CustomerId = blocked },
			want: "PermissionDenied NotAllowlistedError.CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE",
		},
		{
			name: "partial failure off", change: func(r *request) { r.PartialFailure = false },
			want: "InvalidArgument PartialFailureError.PARTIAL_FAILURE_MODE_REQUIRED",
		},
		{
			name: "no rows", change: func(r *request) { r.Conversions = nil },
			want: "InvalidArgument CollectionSizeError.TOO_FEW",
		},
		{name: "2000 rows", change: func(r *request) { r.Conversions = many(2000) }, want: "OK"},
		{
			name: "2001 rows", change: func(r *request) { r.Conversions = many(2001) },
			want: "InvalidArgument ConversionUploadError.TOO_MANY_CONVERSIONS_IN_REQUEST",
		},
		{
			name: "job id 0", change: func(r *request) { r.JobId = proto.Int32(0) },
			want: "InvalidArgument ConversionUploadError.INVALID_JOB_ID",
		},
		{
			name: "negative job id", change: func(r *request) { r.JobId = proto.Int32(-1) },
			want: "InvalidArgument ConversionUploadError.INVALID_JOB_ID",
		},
		{name: "largest job id", change: func(r *request) { r.JobId = proto.Int32(1<<31 - 1) }, want: "OK"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, testConfig())
			req := request{CustomerId: account, PartialFailure: true, Conversions: []*services.ClickConversion{good()}}
			if tt.change != nil {
				tt.change(&req)
			}
			ctx := t.Context()
			if !tt.noAuth {
				ctx = r.authorized(t)
			}
			_, err := r.upload.UploadClickConversions(metadata.AppendToOutgoingContext(ctx, tt.md...), &req)
			if got := refusal(t, err); got != tt.want {
				t.Errorf("answer = %q, want %q", got, tt.want)
			}
			if held := r.server.Conversions(); tt.want != "OK" && len(held) > 0 {
				t.Errorf("a refused call left %d conversions", len(held))
			}
		})
	}
}

func many(n int) []*services.ClickConversion {
	rows := make([]*services.ClickConversion, n)
	for i := range rows {
		rows[i] = numbered(i)
	}
	return rows
}
