package sandbox_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shenzhencenter/google-ads-pb/enums"
	"github.com/shenzhencenter/google-ads-pb/services"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"closeloop/sandbox"
)

type adjustment = services.ConversionAdjustment

const (
	restatement = enums.ConversionAdjustmentTypeEnum_RESTATEMENT
	retraction  = enums.ConversionAdjustmentTypeEnum_RETRACTION
	enhancement = enums.ConversionAdjustmentTypeEnum_ENHANCEMENT
)

// restate is a row that gives order-1 the value 1800.5 an hour ago; change makes variants of it.
func restate(change ...func(*adjustment)) *adjustment {
	row := &adjustment{
		OrderId:            new("order-1"),
		ConversionAction:   new(action),
		AdjustmentType:     restatement,
		AdjustmentDateTime: new("2026-11-23 08:00:00+00:00"),
		RestatementValue:   &services.RestatementValue{AdjustedValue: new(1800.5), CurrencyCode: new("EUR")},
	}
	for _, c := range change {
		c(row)
	}
	return row
}

func retract(change ...func(*adjustment)) *adjustment {
	return restate(append([]func(*adjustment){func(a *adjustment) {
		a.AdjustmentType, a.RestatementValue = retraction, nil
	}}, change...)...)
}

func ofOrder(id string) func(*adjustment) { return func(a *adjustment) { a.OrderId = new(id) } }

func ofAction(id int) func(*adjustment) {
	return func(a *adjustment) {
		a.ConversionAction = new(fmt.Sprintf("customers/1234567890/conversionActions/%d", id))
	}
}

func adjustedAt(text string) func(*adjustment) {
	return func(a *adjustment) { a.AdjustmentDateTime = new(text) }
}

func worth(v float64) func(*adjustment) {
	return func(a *adjustment) { a.RestatementValue.AdjustedValue = new(v) }
}

func ofPair(gclid, when string) func(*adjustment) {
	return func(a *adjustment) {
		a.OrderId = nil
		a.GclidDateTimePair = &services.GclidDateTimePair{Gclid: new(gclid), ConversionDateTime: new(when)}
	}
}

func adjustRequest(rows ...*adjustment) *services.UploadConversionAdjustmentsRequest {
	return &services.UploadConversionAdjustmentsRequest{CustomerId: account, ConversionAdjustments: rows, PartialFailure: true}
}

// amend uploads adjustments and fails the test when the call is refused.
func (r *rig) amend(t *testing.T, rows ...*adjustment) *services.UploadConversionAdjustmentsResponse {
	t.Helper()
	resp, err := r.adjust.UploadConversionAdjustments(r.authorized(t), adjustRequest(rows...))
	if err != nil {
		t.Fatalf("UploadConversionAdjustments: %v", err)
	}
	return resp
}

// below puts the path of an adjustment before each error of it.
func below(index int, errs []string) []string {
	var out []string
	for _, e := range errs {
		out = append(out, fmt.Sprintf("conversion_adjustments[%d]%s", index, e))
	}
	return out
}

// TestAdjustIsHeld follows one conversion through two restatements and its retraction.
func TestAdjustIsHeld(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	r.send(t, good(), numbered(1))
	before := r.server.Conversions()
	row := restate()
	resp := r.amend(t, row)
	result := &services.ConversionAdjustmentResult{
		OrderId: "order-1", ConversionAction: row.ConversionAction, AdjustmentDateTime: row.AdjustmentDateTime, AdjustmentType: restatement,
	}
	if got := resp.GetResults(); failures(t, resp) != nil || len(got) != 1 || !proto.Equal(got[0], result) {
		t.Errorf("results = %v, %v, want [%v]", got, failures(t, resp), result)
	}
	at := func(hour int) time.Time { return time.Date(2026, 11, 23, hour, 0, 0, 0, time.UTC) }
	want := slices.Clone(before)
	want[0].OriginalValue, want[0].Value, want[0].Currency, want[0].AdjustedAt = 2500, 1800.5, "EUR", at(8)
	want[0].Adjustments = []sandbox.Adjustment{{
		Type: sandbox.Restatement, Time: at(8), Value: 1800.5, Currency: "EUR", RequestID: "sandbox-00000002", Uploaded: testNow(),
	}}
	if diff := cmp.Diff(want, r.server.Conversions()); diff != "" {
		t.Errorf("after a restatement (-want +got):\n%s", diff)
	}
	zero := func(a *adjustment) { a.RestatementValue = &services.RestatementValue{AdjustedValue: proto.Float64(0)} }
	r.amend(t, restate(adjustedAt("2026-11-23 10:30:00+02:00"), zero))
	r.amend(t, retract(adjustedAt("2026-11-23 09:00:00+00:00")))
	want[0].Value, want[0].Currency, want[0].AdjustedAt, want[0].Retracted = 0, "USD", at(9), true
	want[0].Adjustments = append(want[0].Adjustments,
		sandbox.Adjustment{Type: sandbox.Restatement, Time: at(8).Add(30 * time.Minute), Currency: "USD", RequestID: "sandbox-00000003", Uploaded: testNow()},
		sandbox.Adjustment{Type: sandbox.Retraction, Time: at(9), RequestID: "sandbox-00000004", Uploaded: testNow()},
	)
	if diff := cmp.Diff(want, r.server.Conversions()); diff != "" {
		t.Errorf("after the retraction (-want +got):\n%s", diff)
	}
	if before[0].Adjustments != nil || before[0].Value != 2500 {
		t.Errorf("what was handed out earlier changed: %+v", before[0])
	}
	r.server.Conversions()[0].Adjustments[0].Value = 5
	if got := r.server.Conversions()[0].Adjustments[0].Value; got != 1800.5 {
		t.Errorf("a caller changed what is held: value %v", got)
	}
}

func TestAdjustedInControl(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	r.send(t, good())
	r.amend(t, restate())
	_, body := r.control(t, "GET", "/conversions", "")
	var held []sandbox.Conversion
	if err := json.Unmarshal(body, &held); err != nil {
		t.Fatalf("conversions: %v", err)
	}
	if diff := cmp.Diff(r.server.Conversions(), held); diff != "" {
		t.Errorf("conversions (-want +got):\n%s", diff)
	}
	if got := held[0]; len(got.Adjustments) != 1 || got.OriginalValue != 2500 {
		t.Errorf("held %+v, want an adjustment and the original value", got)
	}
}

func TestRetractedOrderIDStaysInUse(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	r.send(t, good())
	r.amend(t, retract())
	want := []string{"conversions[0].order_id ConversionUploadError.ORDER_ID_ALREADY_IN_USE"}
	if diff := cmp.Diff(want, failures(t, r.send(t, good()))); diff != "" {
		t.Errorf("upload again (-want +got):\n%s", diff)
	}
	if got := r.server.Conversions(); len(got) != 1 || !got[0].Retracted || got[0].Value != 0 {
		t.Errorf("held %+v, want one retracted", got)
	}
}

func TestRestatedDefault(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	r.send(t, good(withAction(12), func(c *conversion) { c.ConversionValue, c.CurrencyCode = nil, nil }))
	noCurrency := func(a *adjustment) { a.RestatementValue.CurrencyCode = nil }
	if got := failures(t, r.amend(t, restate(ofAction(12), noCurrency))); got != nil {
		t.Fatalf("failures = %v, want none", got)
	}
	got := r.server.Conversions()[0]
	if got.Value != 1800.5 || got.ValueDefaulted || got.Currency != "CAD" || got.OriginalValue != 7 {
		t.Errorf("held %+v, want 1800.5 CAD instead of the default 7", got)
	}
}

func TestAdjustValidateOnly(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	r.send(t, good())
	before := r.server.Conversions()
	req := adjustRequest(restate(), retract(adjustedAt("2026-11-23 08:30:00+00:00")), restate(ofOrder("none")))
	req.ValidateOnly = true
	for range 2 {
		resp, err := r.adjust.UploadConversionAdjustments(r.authorized(t), req)
		if err != nil {
			t.Fatalf("UploadConversionAdjustments: %v", err)
		}
		want := []string{"conversion_adjustments[2] ConversionAdjustmentUploadError.CONVERSION_NOT_FOUND"}
		if diff := cmp.Diff(want, failures(t, resp)); diff != "" || len(resp.GetResults()) != 0 {
			t.Errorf("results = %v; failures (-want +got):\n%s", resp.GetResults(), diff)
		}
	}
	if diff := cmp.Diff(before, r.server.Conversions()); diff != "" {
		t.Errorf("validate_only changed what is held (-before +after):\n%s", diff)
	}
}

func TestAdjustIDs(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	r.send(t, good())
	req := adjustRequest(restate())
	req.JobId = proto.Int32(77)
	var trailer metadata.MD
	resp, err := r.adjust.UploadConversionAdjustments(r.authorized(t), req, grpc.Trailer(&trailer))
	if err != nil || resp.GetJobId() != 77 {
		t.Errorf("job id = %d, %v, want 77", resp.GetJobId(), err)
	}
	if got := r.amend(t, retract(ofOrder("none"))).GetJobId(); got < 1<<31 {
		t.Errorf("generated job id = %d, want at least 2^31", got)
	}
	method := services.ConversionAdjustmentUploadService_UploadConversionAdjustments_FullMethodName
	want := []sandbox.Request{
		{ID: "sandbox-00000002", Method: method, Customer: account, Rows: 1, JobID: 77, Accepted: 1, Outcome: "OK", Time: testNow()},
		{ID: "sandbox-00000003", Method: method, Customer: account, Rows: 1, JobID: 1<<31 + 2, Refused: 1, Outcome: "OK", Time: testNow()},
	}
	if diff := cmp.Diff(want, r.server.Requests()[1:]); diff != "" {
		t.Errorf("Requests (-want +got):\n%s", diff)
	}
	if got := trailer.Get("request-id"); len(got) != 1 || got[0] != want[0].ID {
		t.Errorf("request-id = %v, want %s", got, want[0].ID)
	}
}

// TestAdjustRefused covers what refuses a call as a whole; TestUploadRefused has the rest of the access checks.
func TestAdjustRefused(t *testing.T) {
	t.Parallel()
	type request = services.UploadConversionAdjustmentsRequest
	rows := func(n int) func(*request) {
		return func(r *request) { r.ConversionAdjustments = slices.Repeat([]*adjustment{restate()}, n) }
	}
	tests := []struct {
		name   string
		change func(*request)
		md     []string
		noAuth bool
		want   string
	}{
		{name: "good", want: "OK"},
		{name: "no token", noAuth: true, want: "Unauthenticated AuthenticationError.OAUTH_TOKEN_HEADER_INVALID"},
		{name: "unknown customer", change: func(r *request) { r.CustomerId = "1111111111" }, want: "Unauthenticated AuthenticationError.CUSTOMER_NOT_FOUND"},
		{name: "manager missing", change: func(r *request) { r.CustomerId = managed }, want: "PermissionDenied AuthorizationError.USER_PERMISSION_DENIED"},
		{name: "manager named", change: func(r *request) { r.CustomerId = managed }, md: []string{"login-customer-id", manager}, want: "OK"},
		{name: "disabled", change: func(r *request) { r.CustomerId = disabled }, want: "PermissionDenied AuthorizationError.CUSTOMER_NOT_ENABLED"},
		{name: "not allow-listed", change: func(r *request) { r.CustomerId = blocked }, want: "OK"},
		{name: "partial failure off", change: func(r *request) { r.PartialFailure = false }, want: "InvalidArgument PartialFailureError.PARTIAL_FAILURE_MODE_REQUIRED"},
		{name: "no rows", change: rows(0), want: "InvalidArgument CollectionSizeError.TOO_FEW"},
		{name: "2000 rows", change: rows(2000), want: "OK"},
		{name: "2001 rows", change: rows(2001), want: "InvalidArgument ConversionAdjustmentUploadError.TOO_MANY_ADJUSTMENTS_IN_REQUEST"},
		{name: "job id 0", change: func(r *request) { r.JobId = proto.Int32(0) }, want: "InvalidArgument ConversionAdjustmentUploadError.INVALID_JOB_ID"},
		{name: "largest job id", change: func(r *request) { r.JobId = proto.Int32(1<<31 - 1) }, want: "OK"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, testConfig())
			req := adjustRequest(restate())
			if tt.change != nil {
				tt.change(req)
			}
			ctx := t.Context()
			if !tt.noAuth {
				ctx = r.authorized(t)
			}
			_, err := r.adjust.UploadConversionAdjustments(metadata.AppendToOutgoingContext(ctx, tt.md...), req)
			if got := refusal(t, err); got != tt.want {
				t.Errorf("answer = %q, want %q", got, tt.want)
			}
		})
	}
}
