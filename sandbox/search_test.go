package sandbox_test

import (
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shenzhencenter/google-ads-pb/enums"
	"github.com/shenzhencenter/google-ads-pb/services"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/prototext"

	"closeloop/sandbox"
)

const customerQuery = `SELECT customer.id, customer.currency_code, customer.time_zone, customer.auto_tagging_enabled,
  customer.manager, customer.test_account,
  customer.conversion_tracking_setting.google_ads_conversion_customer,
  customer.conversion_tracking_setting.conversion_tracking_status,
  customer.conversion_tracking_setting.accepted_customer_data_terms,
  customer.conversion_tracking_setting.enhanced_conversions_for_leads_enabled FROM customer`

const actionQuery = `SELECT conversion_action.id, conversion_action.name, conversion_action.status, conversion_action.type,
  conversion_action.category, conversion_action.origin, conversion_action.primary_for_goal,
  conversion_action.include_in_conversions_metric, conversion_action.click_through_lookback_window_days,
  conversion_action.counting_type, conversion_action.owner_customer, conversion_action.value_settings.default_value,
  conversion_action.value_settings.default_currency_code, conversion_action.value_settings.always_use_default_value,
  conversion_action.attribution_model_settings.attribution_model
  FROM conversion_action WHERE conversion_action.type = 'UPLOAD_CLICKS' AND conversion_action.status = 'ENABLED'`

func (r *rig) query(t *testing.T, customer, text string) (*services.SearchGoogleAdsResponse, error) {
	t.Helper()
	return r.search.Search(r.authorized(t), &services.SearchGoogleAdsRequest{CustomerId: customer, Query: text})
}

func TestSearchCustomer(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	resp, err := r.query(t, account, customerQuery)
	if err != nil {
		t.Fatalf("Search: %v", err)
	}
	if len(resp.GetResults()) != 1 || resp.GetTotalResultsCount() != 1 {
		t.Fatalf("results = %v, want one", resp.GetResults())
	}
	c := resp.GetResults()[0].GetCustomer()
	s := c.GetConversionTrackingSetting()
	if c.GetId() != 1234567890 || c.GetCurrencyCode() != "USD" || c.GetTimeZone() != "America/New_York" || !c.GetAutoTaggingEnabled() ||
		s.GetGoogleAdsConversionCustomer() != "customers/1234567890" || !s.GetAcceptedCustomerDataTerms() ||
		s.GetConversionTrackingStatus() != enums.ConversionTrackingStatusEnum_CONVERSION_TRACKING_MANAGED_BY_SELF {
		t.Errorf("customer = %s", prototext.Format(c))
	}
	if c.DescriptiveName != nil {
		t.Error("a field that was not selected came along")
	}
}

func TestSearchConversionCustomer(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	resp, err := r.query(t, child, customerQuery)
	if err != nil {
		t.Fatalf("Search: %v", err)
	}
	s := resp.GetResults()[0].GetCustomer().GetConversionTrackingSetting()
	if got, want := s.GetGoogleAdsConversionCustomer(), "customers/"+account; got != want {
		t.Errorf("conversion customer = %q, want %q", got, want)
	}
	actions, err := r.query(t, child, "SELECT conversion_action.owner_customer FROM conversion_action LIMIT 1")
	if err != nil {
		t.Fatalf("Search: %v", err)
	}
	if got, want := actions.GetResults()[0].GetConversionAction().GetOwnerCustomer(), "customers/"+account; got != want {
		t.Errorf("owner = %q, want %q", got, want)
	}
}

// TestSearchLookback asks for the click-through windows alone, the default of an action that sets none among them.
func TestSearchLookback(t *testing.T) {
	t.Parallel()
	resp, err := start(t, testConfig()).query(t, account, `SELECT conversion_action.id,
		conversion_action.click_through_lookback_window_days FROM conversion_action WHERE conversion_action.id IN (11, 12)`)
	if err != nil {
		t.Fatalf("Search: %v", err)
	}
	got := map[int64]int64{}
	for _, row := range resp.GetResults() {
		got[row.GetConversionAction().GetId()] = row.GetConversionAction().GetClickThroughLookbackWindowDays()
	}
	if diff := cmp.Diff(map[int64]int64{11: 90, 12: 30}, got); diff != "" {
		t.Errorf("windows in days (-want +got):\n%s", diff)
	}
}

func TestSearchActions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, where string
		want        []int64
	}{
		{"all", "", []int64{11, 12, 13, 14, 15, 16, 17}},
		{"type", " WHERE conversion_action.type = WEBPAGE", []int64{13}},
		{"type and status", " WHERE conversion_action.type = 'UPLOAD_CLICKS' AND conversion_action.status = 'ENABLED'", []int64{11, 12, 15, 16, 17}},
		{"not", " WHERE conversion_action.status != 'ENABLED'", []int64{14}},
		{"in", ` where conversion_action.id in (11, 16)`, []int64{11, 16}},
		{"not in", " WHERE conversion_action.id NOT IN (11, 12, 13, 14, 15)", []int64{16, 17}},
		{"name", ` WHERE conversion_action.name = "quoted"`, []int64{12}},
		{"bool", " WHERE conversion_action.value_settings.always_use_default_value = TRUE", []int64{17}},
		{"nothing", " WHERE conversion_action.id = 99", nil},
		{"limit", " LIMIT 2", []int64{11, 12}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, testConfig())
			resp, err := r.query(t, account, "SELECT conversion_action.id FROM conversion_action"+tt.where)
			if err != nil {
				t.Fatalf("Search: %v", err)
			}
			var got []int64
			for _, row := range resp.GetResults() {
				got = append(got, row.GetConversionAction().GetId())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSearchStream(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	stream, err := r.search.SearchStream(r.authorized(t), &services.SearchGoogleAdsStreamRequest{CustomerId: account, Query: actionQuery})
	if err != nil {
		t.Fatalf("SearchStream: %v", err)
	}
	resp, err := stream.Recv()
	if err != nil {
		t.Fatalf("Recv: %v", err)
	}
	a := resp.GetResults()[0].GetConversionAction()
	if len(resp.GetResults()) != 5 || a.GetName() != "booked" || a.GetClickThroughLookbackWindowDays() != 90 ||
		a.GetOwnerCustomer() != "customers/1234567890" || a.GetValueSettings().GetDefaultCurrencyCode() != "USD" {
		t.Errorf("results = %v", resp.GetResults())
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("second message: %v, want EOF", err)
	}
	if got := stream.Trailer().Get("request-id"); len(got) != 1 || got[0] != resp.GetRequestId() {
		t.Errorf("request-id = %v, want %q", got, resp.GetRequestId())
	}
}

func TestSearchRefused(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, query, want string }{
		{"empty", "", "EXPECTED_SELECT"},
		{"no select", "FROM customer", "EXPECTED_SELECT"},
		{"no field", "SELECT FROM customer", "BAD_FIELD_NAME"},
		{"no from", "SELECT customer.id", "EXPECTED_FROM"},
		{"unknown resource", "SELECT campaign.id FROM campaign", "BAD_RESOURCE_TYPE_IN_FROM_CLAUSE"},
		{"unknown field", "SELECT customer.shoe_size FROM customer", "UNRECOGNIZED_FIELD"},
		{"a whole message", "SELECT customer.conversion_tracking_setting FROM customer", "UNRECOGNIZED_FIELD"},
		{"foreign field", "SELECT conversion_action.id FROM customer", "PROHIBITED_RESOURCE_TYPE_IN_SELECT_CLAUSE"},
		{"unknown enum", "SELECT conversion_action.id FROM conversion_action WHERE conversion_action.type = 'UPLOAD'", "BAD_ENUM_CONSTANT"},
		{"or", "SELECT customer.id FROM customer WHERE customer.id = 1 OR customer.id = 2", "UNEXPECTED_INPUT"},
		{"operator", "SELECT customer.id FROM customer WHERE customer.id ~ 1", "BAD_OPERATOR"},
		{"no value", "SELECT customer.id FROM customer WHERE customer.id =", "BAD_VALUE"},
		{"open list", "SELECT customer.id FROM customer WHERE customer.id IN (1", "EXPECTED_LIST"},
		{"limit", "SELECT customer.id FROM customer LIMIT none", "BAD_LIMIT_VALUE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := start(t, testConfig()).query(t, account, tt.query)
			if got, want := refusal(t, err), "InvalidArgument QueryError."+tt.want; got != want {
				t.Errorf("answer = %q, want %q", got, want)
			}
		})
	}
}

func TestSearchChecksAccess(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	if _, err := r.query(t, managed, customerQuery); refusal(t, err) != "PermissionDenied AuthorizationError.USER_PERMISSION_DENIED" {
		t.Errorf("without manager: %v", err)
	}
	req := &services.SearchGoogleAdsRequest{CustomerId: managed, Query: customerQuery}
	if _, err := r.search.Search(metadata.AppendToOutgoingContext(r.authorized(t), "login-customer-id", manager), req); err != nil {
		t.Errorf("with manager: %v", err)
	}
	if _, err := r.search.Search(t.Context(), req); refusal(t, err) != "Unauthenticated AuthenticationError.OAUTH_TOKEN_HEADER_INVALID" {
		t.Errorf("without token: %v", err)
	}
	req = &services.SearchGoogleAdsRequest{CustomerId: account, Query: customerQuery, PageSize: 10}
	if _, err := r.search.Search(r.authorized(t), req); refusal(t, err) != "InvalidArgument RequestError.PAGE_SIZE_NOT_SUPPORTED" {
		t.Errorf("with page size: %v", err)
	}
}

func TestSearchFault(t *testing.T) {
	t.Parallel()
	r := fault(t, sandbox.Fault{Kind: sandbox.FaultUnavailable, On: sandbox.OnSearch})
	r.send(t, good())
	if _, err := r.query(t, account, customerQuery); refusal(t, err) != "Unavailable" {
		t.Errorf("faulty search: %v, want Unavailable", err)
	}
	if _, err := r.query(t, account, customerQuery); err != nil {
		t.Errorf("search: %v", err)
	}
}
