package datamanager_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/datamanager"
)

// discovery are the reasons of processing in Google's discovery document, which ships with its Go client.
func discovery(t *testing.T) []string {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "google.golang.org/api").Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "datamanager", "v1", "datamanager-api.json"))
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Schemas struct {
			ErrorCount struct {
				Properties struct {
					Reason struct{ Enum []string }
				}
			}
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	return document.Schemas.ErrorCount.Properties.Reason.Enum
}

// errorReasons is ErrorReason as Google's reference listed it in 2026, in its order (numbers 0 to 123 without 121);
// the discovery document has no such list. The last two are in no list yet, but were met.
func errorReasons() []string {
	return strings.Fields(`
ERROR_REASON_UNSPECIFIED INTERNAL_ERROR DEADLINE_EXCEEDED RESOURCE_EXHAUSTED NOT_FOUND PERMISSION_DENIED INVALID_ARGUMENT
REQUIRED_FIELD_MISSING INVALID_FORMAT INVALID_HEX_ENCODING INVALID_BASE64_ENCODING INVALID_SHA256_FORMAT INVALID_POSTAL_CODE
INVALID_COUNTRY_CODE INVALID_ENUM_VALUE INVALID_USER_LIST_TYPE INVALID_AUDIENCE_MEMBER TOO_MANY_AUDIENCE_MEMBERS
TOO_MANY_USER_IDENTIFIERS TOO_MANY_DESTINATIONS INVALID_DESTINATION DATA_PARTNER_USER_LIST_MUTATE_NOT_ALLOWED
INVALID_MOBILE_ID_FORMAT INVALID_USER_LIST_ID MULTIPLE_DATA_TYPES_NOT_ALLOWED
DIFFERENT_LOGIN_ACCOUNTS_NOT_ALLOWED_FOR_DATA_PARTNER TERMS_AND_CONDITIONS_NOT_SIGNED INVALID_NUMBER_FORMAT
INVALID_CONVERSION_ACTION_ID INVALID_CONVERSION_ACTION_TYPE INVALID_CURRENCY_CODE INVALID_EVENT TOO_MANY_EVENTS
DESTINATION_ACCOUNT_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS DESTINATION_ACCOUNT_DATA_POLICY_PROHIBITS_ENHANCED_CONVERSIONS
DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED DUPLICATE_DESTINATION_REFERENCE
UNSUPPORTED_OPERATING_ACCOUNT_FOR_DATA_PARTNER UNSUPPORTED_LINKED_ACCOUNT_FOR_DATA_PARTNER NO_IDENTIFIERS_PROVIDED
INVALID_PROPERTY_TYPE INVALID_STREAM_TYPE LINKED_ACCOUNT_ONLY_ALLOWED_WITH_DATA_PARTNER_LOGIN_ACCOUNT
OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH EVENT_TIME_INVALID RESERVED_NAME_USED INVALID_EVENT_NAME NOT_ALLOWLISTED
INVALID_REQUEST_ID MULTIPLE_DESTINATIONS_FOR_GOOGLE_ANALYTICS_EVENT FIELD_VALUE_TOO_LONG FIELD_VALUE_TOO_SHORT
TOO_MANY_ELEMENTS TOO_FEW_ELEMENTS ALREADY_EXISTS IMMUTABLE_FIELD_FOR_UPDATE INVALID_RESOURCE_NAME INVALID_FILTER
INVALID_UPDATE_MASK INVALID_PAGE_TOKEN CANNOT_UPDATE_DISABLED_LICENSE CANNOT_CREATE_LICENSE_FOR_SENSITIVE_USERLIST
INSUFFICIENT_COST CANNOT_DISABLE_LICENSE INVALID_CLIENT_ACCOUNT_ID PRICING_ONLY_ZERO_COST_ALLOWED PRICE_TOO_HIGH
CUSTOMER_NOT_ALLOWED_TO_CREATE_LICENSE INVALID_PRICING_END_DATE CANNOT_LICENSE_LOGICAL_LIST_WITH_LICENSED_OR_SHARED_SEGMENT
MISMATCHED_ACCOUNT_TYPE MEDIA_SHARE_COST_NOT_ALLOWED_FOR_LICENSE_TYPE MEDIA_SHARE_COST_NOT_ALLOWED_FOR_CLIENT_CUSTOMER
INVALID_MEDIA_SHARE_COST INVALID_COST_TYPE MEDIA_SHARE_COST_NOT_ALLOWED_FOR_NON_COMMERCE_USER_LIST MAX_COST_NOT_ALLOWED
COMMERCE_AUDIENCE_CAN_ONLY_BE_DIRECTLY_LICENSED INVALID_DESCRIPTION INVALID_DISPLAY_NAME DISPLAY_NAME_ALREADY_USED
OWNERSHIP_REQUIRED_FOR_UPDATE USER_LIST_MUTATION_NOT_SUPPORTED SENSITIVE_USER_LIST_IMMUTABLE BILLABLE_RECORD_COUNT_IMMUTABLE
USER_LIST_NAME_RESERVED ADVERTISER_NOT_ALLOWLISTED_FOR_UPLOADED_DATA UNSUPPORTED_PARTNER_AUDIENCE_SOURCE
COMMERCE_PARTNER_NOT_ALLOWED UNSUPPORTED_PARTNER_AUDIENCE_INFO PARTNER_MATCH_FOR_MANAGER_ACCOUNT_DISALLOWED
DATA_PARTNER_NOT_ALLOWLISTED_FOR_THIRD_PARTY_PARTNER_DATA ADVERTISER_TOS_NOT_ACCEPTED
ADVERTISER_NOT_ALLOWLISTED_FOR_THIRD_PARTY_PARTNER_DATA USER_LIST_TYPE_NOT_SUPPORTED_FOR_ACCOUNT INVALID_COMMERCE_PARTNER
CUSTOMER_NOT_ALLOWLISTED_FOR_COMMERCE_AUDIENCE UNSUPPORTED_USER_LIST_UPLOAD_KEY_TYPES
UNSUPPORTED_INGESTED_USER_LIST_INFO_CONFIG UNSUPPORTED_ACCOUNT_TYPES_FOR_USER_LIST_TYPE
UNSUPPORTED_ACCOUNT_TYPE_FOR_PARTNER_LINK MEMBERSHIP_DURATION_TOO_LONG INVALID_MERCHANT_ID
EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED ACCOUNT_INELIGIBLE_FOR_STORE_SALES INVALID_MERCHANT_FEED_LANGUAGE_CODE
INVALID_REGION_CODE INVALID_SUBDIVISION_CODE INVALID_SUBCONTINENT_CODE INVALID_CONTINENT_CODE INVALID_DEVICE_CATEGORY
BOTH_CLIENT_ID_AND_APP_INSTANCE_ID_NOT_ALLOWED GOOGLE_ANALYTICS_SUBPROPERTY_OR_ROLLUP_PROPERTY_NOT_ALLOWED
THIRD_PARTY_USER_DATA_NOT_ALLOWED INVALID_COUPON_CODE EVENT_SOURCE_AND_DESTINATION_MISMATCH DESTINATION_ACCOUNT_TYPE_MISMATCH
CUSTOM_VARIABLE_VALUE_CONTAINS_PII CUSTOM_VARIABLE_NOT_ENABLED INVALID_CUSTOM_VARIABLE_VALUE CUSTOM_VARIABLE_NOT_FOUND
BASELINE_LOCATION_AUTO_DETECTION_FAILED INSIGHTS_MISSING_FOR_DIMENSION
CONVERSION_ACTION_TOO_RECENTLY_CREATED INVALID_AD_IDENTIFIER_FOR_ACCOUNT`)
}

// accessReasons are those of google.api.ErrorReason that a call can meet.
func accessReasons() []string {
	return strings.Fields(`ACCESS_TOKEN_SCOPE_INSUFFICIENT ACCESS_TOKEN_EXPIRED ACCESS_TOKEN_TYPE_UNSUPPORTED
ACCOUNT_STATE_INVALID CREDENTIALS_MISSING SERVICE_DISABLED SERVICE_NOT_VISIBLE BILLING_DISABLED CONSUMER_SUSPENDED
CONSUMER_INVALID RESOURCE_PROJECT_INVALID USER_PROJECT_DENIED IAM_PERMISSION_DENIED SECURITY_POLICY_VIOLATED
ORG_RESTRICTION_VIOLATION USER_BLOCKED_BY_ADMIN RATE_LIMIT_EXCEEDED RESOURCE_QUOTA_EXCEEDED SYSTEM_PARAMETER_UNSUPPORTED`)
}

// TestClassifyEveryReason walks Google's lists, so that a reason that comes with a new version cannot be missed.
func TestClassifyEveryReason(t *testing.T) {
	t.Parallel()
	processing := discovery(t)
	if len(processing) < 47 || !slices.Contains(processing, "PROCESSING_ERROR_REASON_EXPIRED_CLICK") {
		t.Fatalf("the discovery document has %d reasons", len(processing))
	}
	if n := len(errorReasons()); n != 123+2 {
		t.Fatalf("%d reasons of refusal", n)
	}
	families := map[datamanager.Family][]string{
		datamanager.ProcessingErrorReason: processing,
		datamanager.ErrorReason:           append(errorReasons(), accessReasons()...),
	}
	for family, reasons := range families {
		unknown := datamanager.Classify(family, "NEVER_HEARD_OF")
		for _, reason := range reasons {
			t.Run(string(family)+"."+reason, func(t *testing.T) {
				t.Parallel()
				a := datamanager.Classify(family, reason)
				checkAnswer(t, a)
				if a.Sentence == unknown.Sentence {
					t.Errorf("%s has no row in the table", reason)
				}
				name, _ := strings.CutPrefix(a.Code, string(family)+".")
				if !strings.HasSuffix(reason, name) || strings.HasPrefix(name, "PROCESSING_ERROR_") {
					t.Errorf("code = %q", a.Code)
				}
			})
		}
	}
}

// checkAnswer holds an answer to what the rest of the program relies on.
func checkAnswer(t *testing.T, a conversions.Answer) {
	t.Helper()
	if a.Code == "" || !strings.HasSuffix(a.Sentence, ".") || !strings.HasSuffix(a.Hint, ".") {
		t.Errorf("%q: sentence %q and hint %q must be there and end with a full stop", a.Code, a.Sentence, a.Hint)
	}
	if (a.Verdict == conversions.Pause) != (a.Scope != "") || (a.Verdict == conversions.AlreadyThere) != (a.By != "") {
		t.Errorf("%s: verdict %s, scope %q, by %q", a.Code, a.Verdict, a.Scope, a.By)
	}
	if (a.Verdict == conversions.Later) != (a.Wait > 0) {
		t.Errorf("%s: verdict %s, wait %s", a.Code, a.Verdict, a.Wait)
	}
	switch a.Verdict {
	case conversions.Retry, conversions.AlreadyThere, conversions.Later, conversions.Refused, conversions.FixBatch, conversions.Pause:
	default:
		t.Errorf("%s: an error is %s", a.Code, a.Verdict)
	}
	if a.Counts && a.Verdict != conversions.Retry || (a.Unmatched || a.Suspect) && a.Verdict != conversions.Refused {
		t.Errorf("%s: verdict %s, counts %t, unmatched %t, suspect %t", a.Code, a.Verdict, a.Counts, a.Unmatched, a.Suspect)
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	const processing, refusal = datamanager.ProcessingErrorReason, datamanager.ErrorReason
	tests := []struct {
		family datamanager.Family
		reason string
		code   string
		want   conversions.Answer
	}{
		{processing, "PROCESSING_ERROR_REASON_DUPLICATE_TRANSACTION_ID", "DUPLICATE_TRANSACTION_ID", conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByOrderID}},
		{processing, "PROCESSING_ERROR_REASON_DUPLICATE_GCLID", "DUPLICATE_GCLID", conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByClickTime}},
		{processing, "PROCESSING_ERROR_REASON_CLICK_NOT_FOUND", "CLICK_NOT_FOUND", conversions.Answer{Verdict: conversions.Refused, Unmatched: true}},
		{processing, "PROCESSING_ERROR_REASON_INVALID_OPERATING_ACCOUNT_FOR_CLICK", "INVALID_OPERATING_ACCOUNT_FOR_CLICK", conversions.Answer{Verdict: conversions.Refused, Suspect: true}},
		{processing, "PROCESSING_ERROR_OPERATING_ACCOUNT_MISMATCH_FOR_AD_IDENTIFIER", "OPERATING_ACCOUNT_MISMATCH_FOR_AD_IDENTIFIER", conversions.Answer{Verdict: conversions.Refused, Suspect: true}},
		{processing, "PROCESSING_ERROR_REASON_CONVERSION_PRECEDES_CLICK", "CONVERSION_PRECEDES_CLICK", conversions.Answer{Verdict: conversions.Refused, Suspect: true}},
		{processing, "PROCESSING_ERROR_REASON_TOO_RECENT_CLICK", "TOO_RECENT_CLICK", conversions.Answer{Verdict: conversions.Later, Wait: 6 * time.Hour}},
		{processing, "PROCESSING_ERROR_REASON_DESTINATION_TOO_RECENTLY_CREATED", "DESTINATION_TOO_RECENTLY_CREATED", conversions.Answer{Verdict: conversions.Later, Wait: 6 * time.Hour}},
		{processing, "PROCESSING_ERROR_REASON_EXPIRED_CLICK", "EXPIRED_CLICK", conversions.Answer{Verdict: conversions.Refused}},
		{processing, "PROCESSING_ERROR_REASON_INTERNAL_ERROR", "INTERNAL_ERROR", conversions.Answer{Verdict: conversions.Retry, Counts: true}},
		{processing, "PROCESSING_ERROR_REASON_UNKNOWN_CONSENT", "UNKNOWN_CONSENT", conversions.Answer{Verdict: conversions.Pause, Scope: conversions.ScopeAccount}},
		{processing, "PROCESSING_ERROR_REASON_DENIED_CONSENT", "DENIED_CONSENT", conversions.Answer{Verdict: conversions.Refused}},
		{processing, "PROCESSING_ERROR_REASON_ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID", "ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID", conversions.Answer{Verdict: conversions.Later, Wait: 24 * time.Hour}},
		{processing, "PROCESSING_ERROR_REASON_NEW", "NEW", conversions.Answer{Verdict: conversions.Retry, Counts: true}},
		{processing, "jane@example.com", "UNRECOGNISED", conversions.Answer{Verdict: conversions.Retry, Counts: true}},
		{processing, "", "UNRECOGNISED", conversions.Answer{Verdict: conversions.Retry, Counts: true}},
		{refusal, "EVENT_TIME_INVALID", "EVENT_TIME_INVALID", conversions.Answer{Verdict: conversions.Refused}},
		{refusal, "INVALID_ARGUMENT", "INVALID_ARGUMENT", conversions.Answer{Verdict: conversions.FixBatch}},
		{refusal, "INVALID_CONVERSION_ACTION_TYPE", "INVALID_CONVERSION_ACTION_TYPE", conversions.Answer{Verdict: conversions.Pause, Scope: conversions.ScopeAction}},
		{refusal, "PERMISSION_DENIED", "PERMISSION_DENIED", conversions.Answer{Verdict: conversions.Pause, Scope: conversions.ScopeAccount}},
		{refusal, "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED", conversions.Answer{Verdict: conversions.Later, Wait: time.Minute}},
		{refusal, "CONVERSION_ACTION_TOO_RECENTLY_CREATED", "CONVERSION_ACTION_TOO_RECENTLY_CREATED", conversions.Answer{Verdict: conversions.Later, Wait: 6 * time.Hour}},
		{refusal, strings.Repeat("A", 200), "UNRECOGNISED", conversions.Answer{Verdict: conversions.Retry, Counts: true}},
	}
	for _, tt := range tests {
		t.Run(string(tt.family)+"."+tt.code, func(t *testing.T) {
			t.Parallel()
			tt.want.Code = string(tt.family) + "." + tt.code
			diff(t, bare(t, datamanager.Classify(tt.family, tt.reason)), tt.want)
		})
	}
}
