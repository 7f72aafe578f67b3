package sandbox_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shenzhencenter/google-ads-pb/common"
	"github.com/shenzhencenter/google-ads-pb/enums"
	"github.com/shenzhencenter/google-ads-pb/services"
	"google.golang.org/protobuf/proto"

	"closeloop/sandbox"
)

type conversion = services.ClickConversion

func withGCLID(id string) func(*conversion) {
	return func(c *conversion) { c.Gclid = new(id) }
}

func withAction(id int) func(*conversion) {
	return func(c *conversion) {
		c.ConversionAction = new(fmt.Sprintf("customers/1234567890/conversionActions/%d", id))
	}
}

func withTime(text string) func(*conversion) {
	return func(c *conversion) { c.ConversionDateTime = new(text) }
}

func withOrder(id string) func(*conversion) {
	return func(c *conversion) { c.OrderId = new(id) }
}

func onlyHashes(hashes ...string) func(*conversion) {
	return func(c *conversion) {
		c.Gclid = nil
		for _, h := range hashes {
			c.UserIdentifiers = append(c.UserIdentifiers, email(h))
		}
	}
}

func onlyBraids(gbraid, wbraid string) func(*conversion) {
	return func(c *conversion) { c.Gclid, c.Gbraid, c.Wbraid = nil, gbraid, wbraid }
}

func email(hash string) *common.UserIdentifier {
	return &common.UserIdentifier{Identifier: &common.UserIdentifier_HashedEmail{HashedEmail: hash}}
}

func phone(hash string) *common.UserIdentifier {
	return &common.UserIdentifier{Identifier: &common.UserIdentifier_HashedPhoneNumber{HashedPhoneNumber: hash}}
}

// TestRowChecks sends one bad row between two good ones: it alone must fail, with its own codes at its own index.
func TestRowChecks(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*conversion)
		want   []string // field path below the row, then the code; empty is accepted
	}{
		{"good", func(*conversion) {}, nil},
		{"without value", func(c *conversion) { c.ConversionValue, c.CurrencyCode = nil, nil }, nil},
		{"value zero", func(c *conversion) { c.ConversionValue = proto.Float64(0) }, nil},
		{"action missing", func(c *conversion) { c.ConversionAction = nil }, []string{".conversion_action RequestError.RESOURCE_NAME_MISSING"}},
		{"action malformed", func(c *conversion) { c.ConversionAction = new("11") }, []string{".conversion_action RequestError.RESOURCE_NAME_MALFORMED"}},
		{"action of another customer's name", func(c *conversion) {
			c.ConversionAction = new("customers/1/conversionActions/11")
		}, nil},
		{"action unknown", withAction(99), []string{".conversion_action ConversionUploadError.NO_CONVERSION_ACTION_FOUND"}},
		{"action removed", withAction(14), []string{".conversion_action ConversionUploadError.NO_CONVERSION_ACTION_FOUND"}},
		{"action of a web page", withAction(13), []string{".conversion_action ConversionUploadError.INVALID_CONVERSION_ACTION_TYPE"}},
		{"action too new", withAction(15), []string{".conversion_action ConversionUploadError.TOO_RECENT_CONVERSION_ACTION"}},
		{"time missing", func(c *conversion) { c.ConversionDateTime = nil }, []string{".conversion_date_time FieldError.REQUIRED"}},
		{"time with T", withTime("2026-11-22T14:05:09-05:00"), []string{".conversion_date_time DateError.INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET"}},
		{"time with Z", withTime("2026-11-22 14:05:09Z"), []string{".conversion_date_time DateError.INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET"}},
		{"time without zone", withTime("2026-11-22 14:05:09"), []string{".conversion_date_time DateError.INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET"}},
		{"time with zone name", withTime("2026-11-22 14:05:09 America/New_York"), []string{".conversion_date_time DateError.INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET"}},
		{"time with fraction", withTime("2026-11-22 4:05:09.5-05:00"), []string{".conversion_date_time DateError.INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET"}},
		{"time with a letter", withTime("2026-11-2x 14:05:09-05:00"), []string{".conversion_date_time DateError.INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET"}},
		{"time in month 13", withTime("2026-13-22 14:05:09-05:00"), []string{".conversion_date_time DateError.INVALID_FIELD_VALUES_IN_DATE_TIME"}},
		{"time in the future", withTime("2026-11-23 09:00:01+00:00"), []string{".conversion_date_time DateError.LATER_THAN_MAXIMUM_DATE"}},
		{"time now", withTime("2026-11-23 09:00:00+00:00"), nil},
		{"before the click", withTime("2026-11-21 08:59:59+00:00"), []string{".conversion_date_time ConversionUploadError.CONVERSION_PRECEDES_EVENT"}},
		{"at the click", withTime("2026-11-21 09:00:00+00:00"), []string{".conversion_date_time ConversionUploadError.CONVERSION_PRECEDES_EVENT"}},
		{"fresh click", func(c *conversion) {
			withGCLID("CjwKCAjwFreshClickOfTheAccount")(c)
			withTime("2026-11-23 08:00:00+00:00")(c)
		}, []string{".conversion_date_time ConversionUploadError.TOO_RECENT_EVENT"}},
		{"fresh click and too early", withGCLID("CjwKCAjwFreshClickOfTheAccount"), []string{
			".conversion_date_time ConversionUploadError.TOO_RECENT_EVENT",
			".conversion_date_time ConversionUploadError.CONVERSION_PRECEDES_EVENT",
		}},
		{"within the action's window", withGCLID("CjwKCAjwOldClickOfTheAccount"), nil},
		{"past the action's window", func(c *conversion) {
			withGCLID("CjwKCAjwOldClickOfTheAccount")(c)
			withAction(12)(c)
		}, []string{".conversion_date_time ConversionUploadError.EXPIRED_EVENT"}},
		{"past 90 days", func(c *conversion) {
			withGCLID("CjwKCAjwAncientClickOfTheAccount")(c)
			withTime("2026-09-01 09:00:00+00:00")(c)
		}, []string{".conversion_date_time ConversionUploadError.EXPIRED_EVENT"}},
		{"value not a number", func(c *conversion) { c.ConversionValue = new(math.NaN()) }, []string{".conversion_value FieldError.INVALID_VALUE"}},
		{"value negative", func(c *conversion) { c.ConversionValue = proto.Float64(-1) }, []string{".conversion_value RangeError.TOO_LOW"}},
		{"currency unknown", func(c *conversion) { c.CurrencyCode = new("ZZZ") }, []string{".currency_code CurrencyCodeError.UNSUPPORTED"}},
		{"currency lower case", func(c *conversion) { c.CurrencyCode = new("usd") }, []string{".currency_code CurrencyCodeError.UNSUPPORTED"}},
		{"currency empty", func(c *conversion) { c.CurrencyCode = new("") }, []string{".currency_code CurrencyCodeError.UNSUPPORTED"}},
		{"order id absent", func(c *conversion) { c.OrderId = nil }, nil},
		{"order id empty", withOrder(""), []string{".order_id StringLengthError.TOO_SHORT"}},
		{"order id of one", withOrder("x"), []string{".order_id StringLengthError.TOO_SHORT"}},
		{"order id with e-mail", withOrder("jane@example.com"), []string{".order_id ConversionUploadError.ORDER_ID_CONTAINS_PII"}},
		{"order id with phone", withOrder("x+18005550100"), []string{".order_id ConversionUploadError.ORDER_ID_CONTAINS_PII"}},
		{"no identifier", func(c *conversion) { c.Gclid = nil }, []string{".gclid FieldError.REQUIRED"}},
		{"gclid with dots", withGCLID("CjwKCAjw..."), []string{".gclid ConversionUploadError.UNPARSEABLE_GCLID"}},
		{"gclid with %3D", withGCLID(knownID + "%3D"), []string{".gclid ConversionUploadError.UNPARSEABLE_GCLID"}},
		{"gclid cut", withGCLID(knownID[:50]), []string{".gclid ConversionUploadError.UNPARSEABLE_GCLID"}},
		{"gclid lower-cased", withGCLID(strings.ToLower(knownID)), []string{".gclid ConversionUploadError.UNPARSEABLE_GCLID"}},
		{"gclid unknown", withGCLID("CjwKCAjwNeverSeenByGoogle"), []string{".gclid ConversionUploadError.EVENT_NOT_FOUND"}},
		{"gclid of another account", withGCLID("CjwKCAjwClickOfAnotherAccount"), []string{".gclid ConversionUploadError.INVALID_CUSTOMER_FOR_CLICK"}},
		{"gclid of an account out of reach", withGCLID("CjwKCAjwClickOfNobodyWeKnow"), []string{".gclid ConversionUploadError.UNAUTHORIZED_CUSTOMER"}},
		{"gclid of a child account", withGCLID("CjwKCAjwClickOfTheChildAccount"), nil},
		{"gbraid", onlyBraids(knownGB, ""), nil},
		{"wbraid", onlyBraids("", knownWB), nil},
		{"gclid and gbraid", func(c *conversion) { c.Gbraid = knownGB }, nil},
		{"gclid and wbraid", func(c *conversion) { c.Wbraid = knownWB }, []string{".wbraid FieldError.VALUE_MUST_BE_UNSET"}},
		{"gbraid and wbraid", onlyBraids(knownGB, knownWB), []string{" ConversionUploadError.GBRAID_WBRAID_BOTH_SET"}},
		{"gbraid cut", onlyBraids(knownGB[:20], ""), []string{".gbraid ConversionUploadError.UNPARSEABLE_GBRAID"}},
		{"wbraid damaged", onlyBraids("", "a b"), []string{".wbraid ConversionUploadError.UNPARSEABLE_WBRAID"}},
		{"gbraid once per click", func(c *conversion) {
			onlyBraids(knownGB, "")(c)
			withAction(16)(c)
		}, []string{".conversion_action ConversionUploadError.ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID"}},
		{"hash of a known person", onlyHashes(knownHash), nil},
		{"hash of a stranger", onlyHashes(strings.Repeat("a", 64)), []string{".user_identifiers ConversionUploadError.CLICK_NOT_FOUND"}},
		{"hash past 63 days", onlyHashes(strings.Repeat("0", 64)), []string{".user_identifiers ConversionUploadError.CLICK_NOT_FOUND"}},
		{"gclid and hashes", func(c *conversion) { c.UserIdentifiers = []*common.UserIdentifier{email(knownHash), phone(knownHash)} }, nil},
		{"hash in capitals", func(c *conversion) {
			c.UserIdentifiers = []*common.UserIdentifier{email(knownHash), phone(strings.ToUpper(knownHash))}
		}, []string{".user_identifiers[1].hashed_phone_number ConversionUploadError.INVALID_USER_IDENTIFIER"}},
		{"plain e-mail", func(c *conversion) { c.UserIdentifiers = []*common.UserIdentifier{email("jane@example.com")} }, []string{".user_identifiers[0].hashed_email ConversionUploadError.INVALID_USER_IDENTIFIER"}},
		{"mobile id", func(c *conversion) {
			c.UserIdentifiers = []*common.UserIdentifier{{Identifier: &common.UserIdentifier_MobileId{MobileId: "x"}}}
		}, []string{".user_identifiers[0] ConversionUploadError.UNSUPPORTED_USER_IDENTIFIER"}},
		{"six identifiers", func(c *conversion) { c.UserIdentifiers = slices.Repeat([]*common.UserIdentifier{email(knownHash)}, 6) }, []string{".user_identifiers CollectionSizeError.TOO_MANY"}},
		{"consent unknown number", func(c *conversion) { c.Consent = &common.Consent{AdUserData: 9} }, []string{".consent RequestError.INVALID_ENUM_VALUE"}},
		{"consent denied", func(c *conversion) { c.Consent = &common.Consent{AdUserData: enums.ConsentStatusEnum_DENIED} }, nil},
		{"ip address", func(c *conversion) { c.UserIpAddress = new("192.0.2.1") }, []string{".user_ip_address NotAllowlistedError.CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"}},
		{"session attributes", func(c *conversion) {
			c.SessionAttributes = &services.ClickConversion_SessionAttributesEncoded{SessionAttributesEncoded: []byte("x")}
		}, []string{".session_attributes NotAllowlistedError.CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"}},
		{"external attribution", func(c *conversion) { c.ExternalAttributionData = &services.ExternalAttributionData{} }, []string{".external_attribution_data ConversionUploadError.EXTERNAL_ATTRIBUTION_DATA_SET_FOR_NON_EXTERNALLY_ATTRIBUTED_CONVERSION_ACTION"}},
		{"custom variable", func(c *conversion) { c.CustomVariables = []*services.CustomVariable{{}} }, []string{".custom_variables[0] ConversionUploadError.CUSTOM_VARIABLE_NOT_ENABLED"}},
		{"several errors", func(c *conversion) {
			withOrder("")(c)
			withGCLID("CjwKCAjw...")(c)
		}, []string{".order_id StringLengthError.TOO_SHORT", ".gclid ConversionUploadError.UNPARSEABLE_GCLID"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, testConfig())
			resp := r.send(t, numbered(1), good(tt.change), numbered(2))
			var want []string
			for _, w := range tt.want {
				want = append(want, "conversions[1]"+w)
			}
			if diff := cmp.Diff(want, failures(t, resp)); diff != "" {
				t.Errorf("failures (-want +got):\n%s", diff)
			}
			empty := resp.GetResults()[1].GetConversionAction() == ""
			if len(resp.GetResults()) != 3 || empty != (len(tt.want) > 0) {
				t.Errorf("results = %v, want three, empty for a bad row only", resp.GetResults())
			}
			held := 3
			if len(tt.want) > 0 {
				held = 2
			}
			if got := len(r.server.Conversions()); got != held {
				t.Errorf("held %d conversions, want %d", got, held)
			}
		})
	}
}

func TestUserIdentifiersNeedSettings(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.Customers[0].AcceptedTerms, cfg.Customers[0].EnhancedConversionsForLeads = false, false
	resp := start(t, cfg).send(t, good(func(c *conversion) { c.UserIdentifiers = []*common.UserIdentifier{email(knownHash)} }))
	want := []string{
		"conversions[0].user_identifiers ConversionUploadError.CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS",
		"conversions[0].user_identifiers ConversionUploadError.CUSTOMER_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS",
	}
	if diff := cmp.Diff(want, failures(t, resp)); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	sameOrder := func(c *conversion) { withTime("2026-11-22 15:00:00+00:00")(c) }
	sameClick := func(c *conversion) { withOrder("order-2")(c) }
	otherAction := func(c *conversion) { withAction(12)(c) }
	otherZone := func(c *conversion) {
		withOrder("order-2")(c)
		withTime("2026-11-22 19:05:09+00:00")(c) // the same instant as the good row's
	}
	tests := []struct {
		name          string
		first, second []*conversion
		want          []string // of the second request
		held          int
	}{
		{"same row again", rows(good()), rows(good()), []string{"conversions[0].order_id ConversionUploadError.ORDER_ID_ALREADY_IN_USE"}, 1},
		{"same order id, other time", rows(good()), rows(good(sameOrder)), []string{"conversions[0].order_id ConversionUploadError.ORDER_ID_ALREADY_IN_USE"}, 1},
		{"same click and time, other order id", rows(good()), rows(good(sameClick)), []string{"conversions[0] ConversionUploadError.CLICK_CONVERSION_ALREADY_EXISTS"}, 1},
		{"same instant in another zone", rows(good()), rows(good(otherZone)), []string{"conversions[0] ConversionUploadError.CLICK_CONVERSION_ALREADY_EXISTS"}, 1},
		{"other action", rows(good()), rows(good(otherAction)), nil, 2},
		{"order id twice in a request", nil, rows(good(), good(sameOrder), numbered(1)), []string{
			"conversions[0].order_id ConversionUploadError.DUPLICATE_ORDER_ID",
			"conversions[1].order_id ConversionUploadError.DUPLICATE_ORDER_ID",
		}, 1},
		{"click and time twice in a request", nil, rows(good(), good(sameClick), numbered(1)), []string{
			"conversions[0] ConversionUploadError.DUPLICATE_CLICK_CONVERSION_IN_REQUEST",
			"conversions[1] ConversionUploadError.DUPLICATE_CLICK_CONVERSION_IN_REQUEST",
		}, 1},
		{"same row of another action in a request", nil, rows(good(), good(otherAction)), nil, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, testConfig())
			if len(tt.first) > 0 {
				r.send(t, tt.first...)
			}
			if diff := cmp.Diff(tt.want, failures(t, r.send(t, tt.second...))); diff != "" {
				t.Errorf("failures (-want +got):\n%s", diff)
			}
			if got := len(r.server.Conversions()); got != tt.held {
				t.Errorf("held %d conversions, want %d", got, tt.held)
			}
		})
	}
}

func rows(r ...*conversion) []*conversion { return r }

func TestValidateOnlyChangesNothing(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	req := request(numbered(1), good(withOrder("")))
	req.ValidateOnly = true
	for range 2 {
		resp, err := r.upload.UploadClickConversions(r.authorized(t), req)
		if err != nil {
			t.Fatalf("UploadClickConversions: %v", err)
		}
		want := []string{"conversions[1].order_id StringLengthError.TOO_SHORT"}
		if diff := cmp.Diff(want, failures(t, resp)); diff != "" {
			t.Errorf("failures (-want +got):\n%s", diff)
		}
		if len(resp.GetResults()) != 0 {
			t.Errorf("results = %v, want none", resp.GetResults())
		}
	}
	if got := r.server.Conversions(); len(got) != 0 {
		t.Errorf("held %v, want nothing", got)
	}
}

func TestDefaultsOfTheAction(t *testing.T) {
	t.Parallel()
	bare := func(c *conversion) { c.ConversionValue, c.CurrencyCode = nil, nil }
	tests := []struct {
		name      string
		row       *conversion
		value     float64
		currency  string
		defaulted bool
	}{
		{"sent", good(withAction(12)), 2500, "USD", false},
		{"left out", good(withAction(12), bare), 7, "CAD", true},
		{"left out, no default currency", good(withAction(11), bare), 0, "USD", true},
		{"always the default", good(withAction(17)), 3, "USD", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, testConfig())
			r.send(t, tt.row)
			got := r.server.Conversions()[0]
			if got.Value != tt.value || got.Currency != tt.currency || got.ValueDefaulted != tt.defaulted {
				t.Errorf("held %v %s (default %t), want %v %s (%t)",
					got.Value, got.Currency, got.ValueDefaulted, tt.value, tt.currency, tt.defaulted)
			}
		})
	}
}

func TestAnyClick(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.AnyClick = true
	r := start(t, cfg)
	fresh := func(c *conversion) { withTime(testNow().Add(-4 * time.Hour).Format("2006-01-02 15:04:05-07:00"))(c) }
	resp := r.send(t,
		good(withGCLID("CjwKCAjwNeverSeenByGoogle"), withOrder("order-1")),
		good(withGCLID("CjwKCAjwNeverSeenByGoogle"), withOrder("order-2"), fresh),
		good(withGCLID("short"), withOrder("order-3")),
		good(withGCLID(strings.ToLower(strings.Repeat("cjwkcajw", 8))), withOrder("order-4")),
	)
	want := []string{
		"conversions[1].conversion_date_time ConversionUploadError.TOO_RECENT_EVENT",
		"conversions[2].gclid ConversionUploadError.EVENT_NOT_FOUND",
		"conversions[3].gclid ConversionUploadError.UNPARSEABLE_GCLID",
	}
	if diff := cmp.Diff(want, failures(t, resp)); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
}

func TestAddClick(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	id := "CjwKCAjwArrivesLater"
	if err := r.server.AddClick(sandbox.Click{Kind: sandbox.GCLID, ID: id}); err == nil {
		t.Error("AddClick took a click without customer and time")
	}
	if err := r.server.AddClick(click(sandbox.GCLID, id, account, 30*time.Hour)); err != nil {
		t.Fatalf("AddClick: %v", err)
	}
	if got := failures(t, r.send(t, good(withGCLID(id)))); got != nil {
		t.Errorf("failures = %v, want none", got)
	}
}

func TestBothIdentifiersAreHeld(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	r.send(t, good(func(c *conversion) { c.Gbraid = knownGB }))
	if got := r.server.Conversions()[0]; got.Kind != sandbox.GCLID || got.ClickID != knownID || got.GBRAID != knownGB {
		t.Errorf("held %s %s with gbraid %q, want both identifiers", got.Kind, got.ClickID, got.GBRAID)
	}
}
