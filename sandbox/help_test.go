package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	adserrors "github.com/shenzhencenter/google-ads-pb/errors"
	"github.com/shenzhencenter/google-ads-pb/services"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"closeloop/sandbox"
)

const (
	account   = "1234567890"
	other     = "2222222222"
	child     = "3333333333"
	managed   = "4444444444"
	blocked   = "5555555555"
	disabled  = "6666666666"
	manager   = "9999999999"
	action    = "customers/1234567890/conversionActions/11"
	knownID   = "CjwKCAjwKnownClickOfTheAccountThatIsLongEnoughToBeCut-AAA_EiwAxyzQAvD_BwE"
	knownGB   = "0AAAAADknownGbraidOfTheAccount"
	knownWB   = "CkAKCQjwKnownWbraidOfTheAccount"
	knownHash = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"
)

// testNow is the sandbox's clock: a Monday morning.
func testNow() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }

func click(kind sandbox.ClickKind, id, customer string, age time.Duration) sandbox.Click {
	return sandbox.Click{Kind: kind, ID: id, Customer: customer, Time: testNow().Add(-age)}
}

const testDay = 24 * time.Hour

func testConfig() sandbox.Config {
	hashed := click(sandbox.GCLID, "CjwKCAjwClickOfAKnownPersonWithAHash", account, 2*testDay)
	hashed.Hashes = []string{knownHash}
	old := click(sandbox.GCLID, "CjwKCAjwClickOfAPersonOfLongAgo", account, 80*testDay)
	old.Hashes = []string{strings.Repeat("0", 64)}
	return sandbox.Config{
		Now: testNow,
		Customers: []sandbox.Customer{
			{
				ID: account, Name: "Kitchens", Currency: "USD", Zone: "America/New_York", Allowlisted: true,
				EnhancedConversionsForLeads: true, AcceptedTerms: true,
				Actions: []sandbox.Action{
					{ID: 11, Name: "booked", LookbackDays: 90},
					{ID: 12, Name: "quoted", DefaultValue: 7, DefaultCurrency: "CAD"},
					{ID: 13, Name: "page", Type: sandbox.Webpage},
					{ID: 14, Name: "gone", Status: sandbox.Removed},
					{ID: 15, Name: "new", Created: testNow().Add(-5 * time.Hour)},
					{ID: 16, Name: "once", OnePerClick: true},
					{ID: 17, Name: "fixed", AlwaysUseDefault: true, DefaultValue: 3},
				},
			},
			{ID: other, Allowlisted: true, Actions: []sandbox.Action{{ID: 11, Name: "booked"}}},
			{ID: child, ConversionCustomer: account, Allowlisted: true},
			{ID: managed, LoginCustomer: manager, Allowlisted: true, Actions: []sandbox.Action{{ID: 11, Name: "booked"}}},
			{ID: blocked, Actions: []sandbox.Action{{ID: 11, Name: "booked"}}},
			{ID: disabled, Disabled: true},
		},
		Clicks: []sandbox.Click{
			click(sandbox.GCLID, knownID, account, 2*testDay),
			click(sandbox.GBRAID, knownGB, account, 2*testDay),
			click(sandbox.WBRAID, knownWB, account, 2*testDay),
			click(sandbox.GCLID, "CjwKCAjwFreshClickOfTheAccount", account, 5*time.Hour),
			click(sandbox.GCLID, "CjwKCAjwOldClickOfTheAccount", account, 40*testDay),
			click(sandbox.GCLID, "CjwKCAjwAncientClickOfTheAccount", account, 91*testDay),
			click(sandbox.GCLID, "CjwKCAjwClickOfAnotherAccount", other, 2*testDay),
			click(sandbox.GCLID, "CjwKCAjwClickOfTheChildAccount", child, 2*testDay),
			click(sandbox.GCLID, "CjwKCAjwClickOfNobodyWeKnow", "7777777777", 2*testDay),
			hashed, old,
		},
	}
}

// rig is a running sandbox and a connection to it.
type rig struct {
	server *sandbox.Server
	upload services.ConversionUploadServiceClient
	adjust services.ConversionAdjustmentUploadServiceClient
	search services.GoogleAdsServiceClient
}

func start(t *testing.T, cfg sandbox.Config) *rig {
	t.Helper()
	s, err := sandbox.Start(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	conn, err := grpc.NewClient(s.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatalf("NewClient: %v", err)
	}
	t.Cleanup(func() {
		if err := errors.Join(conn.Close(), s.Close()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &rig{
		s, services.NewConversionUploadServiceClient(conn), services.NewConversionAdjustmentUploadServiceClient(conn),
		services.NewGoogleAdsServiceClient(conn),
	}
}

// authorized is a context with a good token and further metadata.
func (r *rig) authorized(t *testing.T, kv ...string) context.Context {
	t.Helper()
	return metadata.AppendToOutgoingContext(t.Context(), append([]string{"authorization", "Bearer " + r.server.Token()}, kv...)...)
}

// send uploads rows for the account and fails the test when the call is refused.
func (r *rig) send(t *testing.T, rows ...*services.ClickConversion) *services.UploadClickConversionsResponse {
	t.Helper()
	resp, err := r.upload.UploadClickConversions(r.authorized(t), request(rows...))
	if err != nil {
		t.Fatalf("UploadClickConversions: %v", err)
	}
	return resp
}

func request(rows ...*services.ClickConversion) *services.UploadClickConversionsRequest {
	return &services.UploadClickConversionsRequest{CustomerId: account, Conversions: rows, PartialFailure: true}
}

// good is a row that passes every check; change makes variants of it.
func good(change ...func(*services.ClickConversion)) *services.ClickConversion {
	row := &services.ClickConversion{
		Gclid:              new(knownID),
		ConversionAction:   new(action),
		ConversionDateTime: new("2026-11-22 14:05:09-05:00"),
		ConversionValue:    proto.Float64(2500),
		CurrencyCode:       new("USD"),
		OrderId:            new("order-1"),
	}
	for _, c := range change {
		c(row)
	}
	return row
}

// numbered is a good row with its own order id and second.
func numbered(i int) *services.ClickConversion {
	return good(func(c *services.ClickConversion) {
		c.OrderId = new(fmt.Sprintf("number-%d", i))
		when := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Second)
		c.ConversionDateTime = new(when.Format("2006-01-02 15:04:05-07:00"))
	})
}

// partial is the answer of an upload of conversions or of adjustments.
type partial interface{ GetPartialFailureError() *rpcstatus.Status }

// failures are the errors of an answer as "conversions[0].order_id StringLengthError.TOO_SHORT".
func failures(t *testing.T, resp partial) []string {
	t.Helper()
	if resp.GetPartialFailureError() == nil {
		return nil
	}
	details := resp.GetPartialFailureError().GetDetails()
	if len(details) != 1 {
		t.Fatalf("partial failure has %d details, want 1", len(details))
	}
	var f adserrors.GoogleAdsFailure
	if err := details[0].UnmarshalTo(&f); err != nil {
		t.Fatalf("unpack failure: %v", err)
	}
	out := make([]string, 0, len(f.GetErrors()))
	for _, e := range f.GetErrors() {
		out = append(out, where(e)+" "+code(e.GetErrorCode()))
	}
	return out
}

func where(e *adserrors.GoogleAdsError) string {
	parts := make([]string, 0, 3)
	for _, el := range e.GetLocation().GetFieldPathElements() {
		name := el.GetFieldName()
		if el.Index != nil {
			name = fmt.Sprintf("%s[%d]", name, el.GetIndex())
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, ".")
}

func code(c *adserrors.ErrorCode) string {
	var out string
	c.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		name := fmt.Sprint(v.Enum())
		if known := f.Enum().Values().ByNumber(v.Enum()); known != nil {
			name = string(known.Name())
		}
		out = string(f.Enum().Name()) + "." + name
		return false
	})
	return out
}

// refusal is the failure of a refused call as "UNAUTHENTICATED AuthenticationError.OAUTH_TOKEN_INVALID".
func refusal(t *testing.T, err error) string {
	t.Helper()
	st := status.Convert(err)
	for _, d := range st.Details() {
		if f, ok := d.(*adserrors.GoogleAdsFailure); ok {
			return st.Code().String() + " " + code(f.GetErrors()[0].GetErrorCode())
		}
	}
	return st.Code().String()
}
