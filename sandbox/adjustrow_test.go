package sandbox_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shenzhencenter/google-ads-pb/common"
	"github.com/shenzhencenter/google-ads-pb/services"
	"google.golang.org/protobuf/proto"

	"closeloop/sandbox"
)

func stamp(t time.Time) string { return t.Format("2006-01-02 15:04:05-07:00") }

// longAgo is a click early enough for conversions of 54 days ago.
const longAgo = "CjwKCAjwClickOfAPersonOfLongAgo"

// toAdjust are the conversions held before TestAdjustRowChecks adjusts one; two more stand beside it in the request.
func toAdjust() []*conversion {
	edge := testNow().Add(-54 * testDay)
	return []*conversion{
		good(),
		good(withOrder("side-1"), withTime("2026-11-22 11:00:00+00:00")),
		good(withOrder("side-2"), withTime("2026-11-22 11:00:01+00:00")),
		good(func(c *conversion) { c.OrderId = nil }, withTime("2026-11-22 12:00:00+00:00")),
		good(withOrder("gbraid"), onlyBraids(knownGB, "")),
		good(withOrder("wbraid"), onlyBraids("", knownWB)),
		good(withOrder("hash"), onlyHashes(knownHash)),
		good(withOrder("edge"), withGCLID(longAgo), withTime(stamp(edge))),
		good(withOrder("late"), withGCLID(longAgo), withTime(stamp(edge.Add(-time.Second)))),
		good(withOrder("fixed"), withAction(17)),
	}
}

// TestAdjustRowChecks sends one bad row between two good ones: it alone must fail, with its own codes at its own index.
func TestAdjustRowChecks(t *testing.T) {
	t.Parallel()
	const (
		family     = " ConversionAdjustmentUploadError."
		format     = " DateError.INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET"
		at         = ".adjustment_date_time"
		pairTime   = ".gclid_date_time_pair.conversion_date_time"
		restateAt  = ".restatement_value"
		alwaysUses = "CANNOT_RESTATE_CONVERSION_ACTION_THAT_ALWAYS_USES_DEFAULT_CONVERSION_VALUE"
	)
	enhance := func(a *adjustment) { a.AdjustmentType, a.RestatementValue = enhancement, nil }
	tests := []struct {
		name string
		row  *adjustment
		want []string // field path below the row, then the code; empty is accepted
	}{
		{"restatement", restate(), nil},
		{"retraction", retract(), nil},
		{"by click and time", restate(ofPair(knownID, "2026-11-22 12:00:00+00:00")), nil},
		{"by click and time in another zone", retract(ofPair(knownID, "2026-11-22 07:00:00-05:00")), nil},
		{"of a gbraid", restate(ofOrder("gbraid")), nil},
		{"of a hash", restate(ofOrder("hash")), nil},
		{"of a wbraid", restate(ofOrder("wbraid")), []string{family + "CONVERSION_NOT_FOUND"}},
		{"at the limit of 54 days", restate(ofOrder("edge")), nil},
		{"past 54 days", restate(ofOrder("late")), []string{family + "CONVERSION_EXPIRED"}},
		{"retraction of a fixed value", retract(ofOrder("fixed"), ofAction(17)), nil},
		{"restatement of a fixed value", restate(ofOrder("fixed"), ofAction(17)), []string{".conversion_action" + family + alwaysUses}},

		{"type missing", retract(func(a *adjustment) { a.AdjustmentType = 0 }), []string{".adjustment_type FieldError.REQUIRED"}},
		{"type unknown", retract(func(a *adjustment) { a.AdjustmentType = 1 }), []string{".adjustment_type RequestError.INVALID_ENUM_VALUE"}},
		{"type of a later version", retract(func(a *adjustment) { a.AdjustmentType = 9 }), []string{".adjustment_type RequestError.INVALID_ENUM_VALUE"}},
		{"enhancement of clicks", restate(enhance), []string{".conversion_action" + family + "INVALID_CONVERSION_ACTION_TYPE"}},
		{"enhancement of a page", restate(enhance, ofAction(13)), []string{".conversion_action" + family + "CONVERSION_ACTION_NOT_ELIGIBLE_FOR_ENHANCEMENT"}},
		{"enhancement with both keys", restate(enhance, ofAction(13), ofPair(knownID, "2026-11-22 12:00:00+00:00"), ofOrder("order-1")), []string{".conversion_action" + family + "CONVERSION_ACTION_NOT_ELIGIBLE_FOR_ENHANCEMENT"}},

		{"action missing", restate(func(a *adjustment) { a.ConversionAction = nil }), []string{".conversion_action RequestError.RESOURCE_NAME_MISSING"}},
		{"action malformed", restate(func(a *adjustment) { a.ConversionAction = new("11") }), []string{".conversion_action RequestError.RESOURCE_NAME_MALFORMED"}},
		{"action unknown", restate(ofAction(99)), []string{".conversion_action" + family + "NO_CONVERSION_ACTION_FOUND"}},
		{"action removed", restate(ofAction(14)), []string{".conversion_action" + family + "NO_CONVERSION_ACTION_FOUND"}},
		{"action of calls", restate(ofAction(18)), []string{".conversion_action" + family + "INVALID_CONVERSION_ACTION_TYPE"}},
		{"action of a page", restate(ofAction(13)), []string{family + "CONVERSION_NOT_FOUND"}},
		{"action of a page by click and time", restate(ofAction(13), ofPair(knownID, "2026-11-22 12:00:00+00:00")), []string{".order_id" + family + "MISSING_ORDER_ID_FOR_WEBPAGE"}},
		{"action too new", restate(ofAction(15)), []string{".conversion_action" + family + "TOO_RECENT_CONVERSION_ACTION"}},
		{"other action than the original", restate(ofAction(12)), []string{family + "CONVERSION_NOT_FOUND"}},

		{"both keys", restate(ofPair(knownID, "2026-11-22 12:00:00+00:00"), ofOrder("order-1")), []string{family + "GCLID_DATE_TIME_PAIR_AND_ORDER_ID_BOTH_SET"}},
		{"no key", restate(func(a *adjustment) { a.OrderId = nil }), []string{".order_id FieldError.REQUIRED"}},
		{"order id unknown", restate(ofOrder("nobody")), []string{family + "CONVERSION_NOT_FOUND"}},
		{"order id empty", restate(ofOrder("")), []string{".order_id StringLengthError.TOO_SHORT"}},
		{"order id of one", restate(ofOrder("x")), []string{".order_id StringLengthError.TOO_SHORT"}},
		{"order id with e-mail", restate(ofOrder("jane@example.com")), []string{".order_id" + family + "ORDER_ID_CONTAINS_PII"}},
		{"pair of one with an order id", restate(ofPair(knownID, "2026-11-22 14:05:09-05:00")), []string{family + "CONVERSION_NOT_FOUND"}},
		{"pair with another second", restate(ofPair(knownID, "2026-11-22 12:00:01+00:00")), []string{family + "CONVERSION_NOT_FOUND"}},
		{"pair with another click", restate(ofPair(longAgo, "2026-11-22 12:00:00+00:00")), []string{family + "CONVERSION_NOT_FOUND"}},
		{"pair without click", restate(ofPair("", "2026-11-22 12:00:00+00:00")), []string{".gclid_date_time_pair.gclid FieldError.REQUIRED"}},
		{"pair with T", restate(ofPair(knownID, "2026-11-22T12:00:00+00:00")), []string{pairTime + format}},
		{"pair without time", restate(ofPair(knownID, ""), func(a *adjustment) { a.GclidDateTimePair.ConversionDateTime = nil }), []string{pairTime + " FieldError.REQUIRED"}},

		{"time missing", restate(func(a *adjustment) { a.AdjustmentDateTime = nil }), []string{at + " FieldError.REQUIRED"}},
		{"time with Z", restate(adjustedAt("2026-11-23 08:00:00Z")), []string{at + format}},
		{"time in month 13", restate(adjustedAt("2026-13-23 08:00:00+00:00")), []string{at + " DateError.INVALID_FIELD_VALUES_IN_DATE_TIME"}},
		{"time in the future", restate(adjustedAt("2026-11-23 09:00:01+00:00")), []string{at + " DateError.LATER_THAN_MAXIMUM_DATE"}},
		{"time now", restate(adjustedAt("2026-11-23 09:00:00+00:00")), nil},
		{"time before the conversion", restate(adjustedAt("2026-11-22 19:05:08+00:00")), []string{at + family + "ADJUSTMENT_PRECEDES_CONVERSION"}},
		{"time of the conversion", restate(adjustedAt("2026-11-22 19:05:09+00:00")), []string{at + family + "ADJUSTMENT_PRECEDES_CONVERSION"}},
		{"a second after the conversion", restate(adjustedAt("2026-11-22 19:05:10+00:00")), nil},

		{"restatement without value", restate(func(a *adjustment) { a.RestatementValue = nil }), []string{restateAt + " FieldError.REQUIRED"}},
		{"restatement without amount", restate(func(a *adjustment) { a.RestatementValue.AdjustedValue = nil }), []string{restateAt + ".adjusted_value FieldError.REQUIRED"}},
		{"restatement to nothing", restate(worth(0)), nil},
		{"restatement below zero", restate(worth(-1)), []string{restateAt + ".adjusted_value RangeError.TOO_LOW"}},
		{"restatement to no number", restate(worth(math.Inf(1))), []string{restateAt + ".adjusted_value FieldError.INVALID_VALUE"}},
		{"currency unknown", restate(func(a *adjustment) { a.RestatementValue.CurrencyCode = new("ZZZ") }), []string{restateAt + ".currency_code CurrencyCodeError.UNSUPPORTED"}},
		{"retraction with value", retract(func(a *adjustment) { a.RestatementValue = &services.RestatementValue{} }), []string{restateAt + " FieldError.VALUE_MUST_BE_UNSET"}},
		{"user identifiers", restate(func(a *adjustment) { a.UserIdentifiers = []*common.UserIdentifier{email(knownHash)} }), []string{".user_identifiers FieldError.VALUE_MUST_BE_UNSET"}},
		{"user agent", restate(func(a *adjustment) { a.UserAgent = new("x") }), []string{".user_agent FieldError.VALUE_MUST_BE_UNSET"}},
		{"several errors", restate(ofOrder(""), worth(-1)), []string{".order_id StringLengthError.TOO_SHORT", restateAt + ".adjusted_value RangeError.TOO_LOW"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig()
			cfg.Customers[0].Actions = append(cfg.Customers[0].Actions, sandbox.Action{ID: 18, Type: sandbox.UploadCalls})
			r := start(t, cfg)
			if got := failures(t, r.send(t, toAdjust()...)); got != nil {
				t.Fatalf("upload: %v", got)
			}
			resp := r.amend(t, restate(ofOrder("side-1")), tt.row, retract(ofOrder("side-2")))
			if diff := cmp.Diff(below(1, tt.want), failures(t, resp)); diff != "" {
				t.Errorf("failures (-want +got):\n%s", diff)
			}
			refused := len(tt.want) > 0
			if empty := resp.GetResults()[1].GetConversionAction() == ""; len(resp.GetResults()) != 3 || empty != refused {
				t.Errorf("results = %v, want three, empty for a bad row only", resp.GetResults())
			}
			named := resp.GetResults()[1].GetGclidDateTimePair()
			if !refused && !proto.Equal(named, tt.row.GetGclidDateTimePair()) {
				t.Errorf("result names %v, want %v", named, tt.row.GetGclidDateTimePair())
			}
			adjusted := 3
			if refused {
				adjusted = 2
			}
			if got := len(adjustedOf(r.server.Conversions())); got != adjusted {
				t.Errorf("adjusted %d conversions, want %d", got, adjusted)
			}
		})
	}
}

// adjustedOf are those of the conversions that were adjusted.
func adjustedOf(all []sandbox.Conversion) []sandbox.Conversion {
	var out []sandbox.Conversion
	for _, c := range all {
		if len(c.Adjustments) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// TestAdjustHistory adjusts one conversion in several requests.
func TestAdjustHistory(t *testing.T) {
	t.Parallel()
	const (
		family = " ConversionAdjustmentUploadError."
		at     = ".adjustment_date_time"
	)
	early, late := adjustedAt("2026-11-23 07:00:00+00:00"), adjustedAt("2026-11-23 08:30:00+00:00")
	sameInstant := adjustedAt("2026-11-23 10:00:00+02:00")
	list := func(a ...*adjustment) []*adjustment { return a }
	tests := []struct {
		name          string
		first, second []*adjustment
		want          []string // of the second request
		value         float64
		count         int
	}{
		{"restated twice", list(restate()), list(restate(late, worth(5))), nil, 5, 2},
		{"same again", list(restate()), list(restate()), below(0, []string{at + family + "RESTATEMENT_ALREADY_EXISTS"}), 1800.5, 1},
		{"same time, other value", list(restate()), list(restate(worth(5))), below(0, []string{at + family + "RESTATEMENT_ALREADY_EXISTS"}), 1800.5, 1},
		{"same instant in another zone", list(restate()), list(restate(sameInstant)), below(0, []string{at + family + "RESTATEMENT_ALREADY_EXISTS"}), 1800.5, 1},
		{"first of two again", list(restate(early), restate(worth(5))), list(restate(early)), below(0, []string{at + family + "RESTATEMENT_ALREADY_EXISTS"}), 5, 2},
		{"retraction at the same time", list(restate()), list(retract()), below(0, []string{at + family + "RESTATEMENT_ALREADY_EXISTS"}), 1800.5, 1},
		{"older", list(restate()), list(restate(early)), below(0, []string{at + family + "MORE_RECENT_RESTATEMENT_FOUND"}), 1800.5, 1},
		{"older retraction", list(restate()), list(retract(early)), below(0, []string{at + family + "MORE_RECENT_RESTATEMENT_FOUND"}), 1800.5, 1},
		{"restated, then retracted", list(restate()), list(retract(late)), nil, 0, 2},
		{"retracted twice", list(retract()), list(retract(late)), below(0, []string{family + "CONVERSION_ALREADY_RETRACTED"}), 0, 1},
		{"same retraction again", list(retract()), list(retract()), below(0, []string{family + "CONVERSION_ALREADY_RETRACTED"}), 0, 1},
		{"restated after the retraction", list(retract()), list(restate(late)), below(0, []string{family + "CONVERSION_ALREADY_RETRACTED"}), 0, 1},

		{"two in one request", nil, list(restate(early), restate(worth(5))), nil, 5, 2},
		{"two in one request, older last", nil, list(restate(worth(5)), restate(early)), below(1, []string{at + family + "MORE_RECENT_RESTATEMENT_FOUND"}), 5, 1},
		{"retracted and restated in one request", nil, list(retract(early), restate()), below(1, []string{family + "CONVERSION_ALREADY_RETRACTED"}), 0, 1},
		{
			"twice in one request",
			nil, list(restate(), restate(sameInstant, worth(5)), restate(late, worth(6))),
			append(below(0, []string{family + "DUPLICATE_ADJUSTMENT_IN_REQUEST"}), below(1, []string{family + "DUPLICATE_ADJUSTMENT_IN_REQUEST"})...), 6, 1,
		},
		{
			"restatement and retraction of one time in one request",
			nil, list(restate(), retract()),
			append(below(0, []string{family + "DUPLICATE_ADJUSTMENT_IN_REQUEST"}), below(1, []string{family + "DUPLICATE_ADJUSTMENT_IN_REQUEST"})...), 2500, 0,
		},
		{"unreadable times are no duplicates", nil, list(restate(adjustedAt("x")), restate(adjustedAt("x"))), append(
			below(0, []string{at + " DateError.INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET"}),
			below(1, []string{at + " DateError.INVALID_STRING_DATE_TIME_SECONDS_WITH_OFFSET"})...), 2500, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, testConfig())
			r.send(t, good())
			if len(tt.first) > 0 {
				if got := failures(t, r.amend(t, tt.first...)); got != nil {
					t.Fatalf("first request: %v", got)
				}
			}
			if diff := cmp.Diff(tt.want, failures(t, r.amend(t, tt.second...))); diff != "" {
				t.Errorf("failures (-want +got):\n%s", diff)
			}
			got := r.server.Conversions()[0]
			if got.Value != tt.value || len(got.Adjustments) != tt.count {
				t.Errorf("held %v after %d adjustments, want %v after %d", got.Value, len(got.Adjustments), tt.value, tt.count)
			}
		})
	}
}
