package googleads_test

import (
	"strings"
	"testing"
	"time"

	adserrors "github.com/shenzhencenter/google-ads-pb/errors"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protoreflect"

	"closeloop/conversions"
	"closeloop/googleads"
)

// families are the fields of Google's ErrorCode that the table must know completely: what the upload services declare
// and what their rows can bring.
func families() []protoreflect.Name {
	return []protoreflect.Name{
		"authentication_error", "authorization_error", "collection_size_error", "conversion_adjustment_upload_error",
		"conversion_upload_error", "currency_code_error", "database_error", "date_error", "date_range_error",
		"distinct_error", "field_error", "header_error", "id_error", "internal_error", "mutate_error", "not_allowlisted_error",
		"not_empty_error", "null_error", "operation_access_denied_error", "partial_failure_error", "quota_error",
		"range_error", "request_error", "resource_access_denied_error", "string_format_error", "string_length_error",
	}
}

// TestClassifyEveryCode walks the enums of the protos, so that a code that comes with a new version cannot be missed.
func TestClassifyEveryCode(t *testing.T) {
	t.Parallel()
	fields := (&adserrors.ErrorCode{}).ProtoReflect().Descriptor().Fields()
	for _, name := range families() {
		enum := fields.ByName(name).Enum()
		t.Run(string(enum.Name()), func(t *testing.T) {
			t.Parallel()
			unknown := googleads.Classify(googleads.Code{Family: string(enum.Name()), Number: 9999})
			for i := range enum.Values().Len() {
				v := enum.Values().Get(i)
				a := googleads.Classify(googleads.Code{Family: string(enum.Name()), Number: int32(v.Number())})
				checkAnswer(t, a)
				if want := string(enum.Name()) + "." + string(v.Name()); a.Code != want {
					t.Errorf("code = %q, want %q", a.Code, want)
				}
				if v.Number() > 1 && a.Sentence == unknown.Sentence {
					t.Errorf("%s has no row in the table", a.Code)
				}
			}
		})
	}
}

// checkAnswer holds an answer to what the rest of the program relies on.
func checkAnswer(t *testing.T, a conversions.Answer) {
	t.Helper()
	if a.Code == "" || a.Sentence == "" || a.Hint == "" {
		t.Errorf("%q: sentence %q, hint %q: none may be empty", a.Code, a.Sentence, a.Hint)
	}
	if !strings.HasSuffix(a.Sentence, ".") || !strings.HasSuffix(a.Hint, ".") {
		t.Errorf("%s: sentence and hint must end with a full stop: %q, %q", a.Code, a.Sentence, a.Hint)
	}
	if (a.Verdict == conversions.Pause) != (a.Scope != "") {
		t.Errorf("%s: verdict %s with scope %q", a.Code, a.Verdict, a.Scope)
	}
	if (a.Verdict == conversions.AlreadyThere) != (a.By != "") {
		t.Errorf("%s: verdict %s recognised by %q", a.Code, a.Verdict, a.By)
	}
	if a.Verdict == conversions.Later && a.Wait <= 0 {
		t.Errorf("%s: later without a wait", a.Code)
	}
	if a.Verdict == conversions.Done {
		t.Errorf("%s: an error is done", a.Code)
	}
	if a.Counts && a.Verdict != conversions.Retry || a.Unmatched && a.Verdict != conversions.Refused || a.NotFound && a.Verdict != conversions.Later {
		t.Errorf("%s: verdict %s, counts %t, unmatched %t, not found %t", a.Code, a.Verdict, a.Counts, a.Unmatched, a.NotFound)
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	tests := []struct {
		family string
		number int32
		code   string
		want   conversions.Answer
	}{
		{"ConversionUploadError", 15, "ORDER_ID_ALREADY_IN_USE", conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByOrderID}},
		{"ConversionUploadError", 23, "CLICK_CONVERSION_ALREADY_EXISTS", conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByClickTime}},
		{"ConversionUploadError", 33, "CLICK_NOT_FOUND", conversions.Answer{Verdict: conversions.Refused, Unmatched: true}},
		{"ConversionUploadError", 45, "EVENT_NOT_FOUND", conversions.Answer{Verdict: conversions.Refused, Unmatched: true}},
		{"ConversionUploadError", 3, "UNPARSEABLE_GCLID", conversions.Answer{Verdict: conversions.Refused}},
		{"ConversionUploadError", 44, "TOO_RECENT_EVENT", conversions.Answer{Verdict: conversions.Later, Wait: 6 * time.Hour}},
		{"ConversionUploadError", 10, "TOO_RECENT_CONVERSION_ACTION", conversions.Answer{Verdict: conversions.Later, Wait: 6 * time.Hour}},
		{"ConversionUploadError", 25, "DUPLICATE_CLICK_CONVERSION_IN_REQUEST", conversions.Answer{Verdict: conversions.FixBatch}},
		{"ConversionUploadError", 2, "TOO_MANY_CONVERSIONS_IN_REQUEST", conversions.Answer{Verdict: conversions.FixBatch}},
		{"ConversionUploadError", 53, "NO_CONVERSION_ACTION_FOUND", conversions.Answer{Verdict: conversions.Pause, Scope: conversions.ScopeAction}},
		{"ConversionUploadError", 48, "CUSTOMER_NOT_ACCEPTED_CUSTOMER_DATA_TERMS", conversions.Answer{Verdict: conversions.Pause, Scope: conversions.ScopeAccount}},
		{"ConversionUploadError", 99, "99", conversions.Answer{Verdict: conversions.Retry, Counts: true}},
		{"ConversionUploadError", 1, "UNKNOWN", conversions.Answer{Verdict: conversions.Retry, Counts: true}},
		{"AuthorizationError", 32, "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION", conversions.Answer{Verdict: conversions.Pause, Scope: conversions.ScopeAccount}},
		{"NotAllowlistedError", 2, "CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE", conversions.Answer{Verdict: conversions.Pause, Scope: conversions.ScopeAccount}},
		{"QuotaError", 4, "RESOURCE_TEMPORARILY_EXHAUSTED", conversions.Answer{Verdict: conversions.Retry, Wait: 30 * time.Second}},
		{"QuotaError", 3, "ACCESS_PROHIBITED", conversions.Answer{Verdict: conversions.Pause, Scope: conversions.ScopeAccount}},
		{"InternalError", 2, "INTERNAL_ERROR", conversions.Answer{Verdict: conversions.Retry, Counts: true}},
		{"RequestError", 38, "UNSUPPORTED_VERSION", conversions.Answer{Verdict: conversions.Pause, Scope: conversions.ScopeAccount}},
		{"DateError", 8, "LATER_THAN_MAXIMUM_DATE", conversions.Answer{Verdict: conversions.Later, Wait: time.Hour}},
		{"CampaignError", 5, "CANNOT_TARGET_SEARCH_NETWORK_WITHOUT_GOOGLE_SEARCH", conversions.Answer{Verdict: conversions.Retry, Counts: true}},
		{"ConversionAdjustmentUploadError", 4, "CONVERSION_ALREADY_RETRACTED", conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByRetraction}},
		{"ConversionAdjustmentUploadError", 5, "CONVERSION_NOT_FOUND", conversions.Answer{Verdict: conversions.Later, Wait: 24 * time.Hour, NotFound: true}},
		{"ConversionAdjustmentUploadError", 6, "CONVERSION_EXPIRED", conversions.Answer{Verdict: conversions.Refused}},
		{"ConversionAdjustmentUploadError", 8, "MORE_RECENT_RESTATEMENT_FOUND", conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByNewerAdjustment}},
		{"ConversionAdjustmentUploadError", 9, "TOO_RECENT_CONVERSION", conversions.Answer{Verdict: conversions.Later, Wait: 24 * time.Hour}},
		{"ConversionAdjustmentUploadError", 13, "RESTATEMENT_ALREADY_EXISTS", conversions.Answer{Verdict: conversions.AlreadyThere, By: conversions.ByAdjustment}},
		{"ConversionAdjustmentUploadError", 14, "DUPLICATE_ADJUSTMENT_IN_REQUEST", conversions.Answer{Verdict: conversions.FixBatch}},
		{"NeverHeardOfError", 5, "5", conversions.Answer{Verdict: conversions.Retry, Counts: true}},
	}
	for _, tt := range tests {
		t.Run(tt.family+"."+tt.code, func(t *testing.T) {
			t.Parallel()
			got := googleads.Classify(googleads.Code{Family: tt.family, Number: tt.number})
			if got.Sentence == "" || got.Hint == "" {
				t.Errorf("sentence %q, hint %q", got.Sentence, got.Hint)
			}
			got.Sentence, got.Hint = "", ""
			tt.want.Code = tt.family + "." + tt.code
			diff(t, got, tt.want)
		})
	}
}

func TestNotAllowlistedNamesTheWayOut(t *testing.T) {
	t.Parallel()
	got := googleads.Classify(googleads.Code{Family: "NotAllowlistedError", Number: 2})
	if !strings.Contains(got.Sentence, "Data Manager API") || !strings.Contains(got.Hint, "`api: data_manager`") {
		t.Errorf("sentence %q, hint %q", got.Sentence, got.Hint)
	}
}

func TestClassifyStatus(t *testing.T) {
	t.Parallel()
	want := map[codes.Code]conversions.Verdict{
		codes.Canceled: conversions.Retry, codes.Unknown: conversions.Retry, codes.InvalidArgument: conversions.FixBatch,
		codes.DeadlineExceeded: conversions.Retry, codes.NotFound: conversions.Pause, codes.AlreadyExists: conversions.Retry,
		codes.PermissionDenied: conversions.Pause, codes.ResourceExhausted: conversions.Later,
		codes.FailedPrecondition: conversions.Retry, codes.Aborted: conversions.Retry, codes.OutOfRange: conversions.FixBatch,
		codes.Unimplemented: conversions.Pause, codes.Internal: conversions.Retry, codes.Unavailable: conversions.Retry,
		codes.DataLoss: conversions.Retry, codes.Unauthenticated: conversions.Pause,
	}
	for c := codes.Canceled; c <= codes.Unauthenticated; c++ {
		a := googleads.ClassifyStatus(c)
		checkAnswer(t, a)
		if v, ok := want[c]; !ok || a.Verdict != v {
			t.Errorf("%s: verdict %s, want %s", c, a.Verdict, v)
		}
		if a.Counts {
			t.Errorf("%s: a failed call counts against its rows", c)
		}
	}
	if got := googleads.ClassifyStatus(codes.DeadlineExceeded).Code; got != "gRPC.DEADLINE_EXCEEDED" {
		t.Errorf("code = %q", got)
	}
}

func TestClassifySuspectsTheAccountByFiveCodes(t *testing.T) {
	t.Parallel()
	suspects := map[string]bool{
		"UNAUTHORIZED_CUSTOMER": true, "INVALID_CUSTOMER_FOR_CLICK": true, "INVALID_CUSTOMER_FOR_CALL": true,
		"CONVERSION_PRECEDES_EVENT": true, "CONVERSION_PRECEDES_CALL": true,
	}
	for number, name := range adserrors.ConversionUploadErrorEnum_ConversionUploadError_name {
		got := googleads.Classify(googleads.Code{Family: "ConversionUploadError", Number: number})
		if got.Suspect != suspects[name] {
			t.Errorf("%s: suspect %t, want %t", name, got.Suspect, suspects[name])
		}
	}
}
