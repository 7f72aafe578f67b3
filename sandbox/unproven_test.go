package sandbox_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shenzhencenter/google-ads-pb/common"
	"github.com/shenzhencenter/google-ads-pb/enums"

	"closeloop/sandbox"
)

// TestUnprovenRows turns each switch that concerns a row; the other setting is in TestRowChecks.
func TestUnprovenRows(t *testing.T) {
	t.Parallel()
	unknown := withGCLID("CjwKCAjwNeverSeenByGoogle")
	tests := []struct {
		name     string
		unproven sandbox.Unproven
		row      *conversion
		want     []string // after "conversions[0]"
		held     int
	}{
		{"unknown click", sandbox.Unproven{UnknownIsClickNotFound: true}, good(unknown), []string{".gclid ConversionUploadError.CLICK_NOT_FOUND"}, 0},
		{"damaged click", sandbox.Unproven{DamagedIsNotFound: true}, good(withGCLID(knownID[:50])), []string{".gclid ConversionUploadError.EVENT_NOT_FOUND"}, 0},
		{"foreign characters", sandbox.Unproven{DamagedIsNotFound: true}, good(withGCLID("a b")), []string{".gclid ConversionUploadError.UNPARSEABLE_GCLID"}, 0},
		{"no identifier", sandbox.Unproven{NoIdentifierIsNotFound: true}, good(func(c *conversion) { c.Gclid = nil }), []string{" ConversionUploadError.EVENT_NOT_FOUND"}, 0},
		{"no order id", sandbox.Unproven{RefuseMissingOrderID: true}, good(func(c *conversion) { c.OrderId = nil }), []string{".order_id FieldError.REQUIRED"}, 0},
		{"short order id", sandbox.Unproven{AcceptShortOrderID: true}, good(withOrder("x")), nil, 1},
		{"long order id", sandbox.Unproven{MaxOrderID: 6}, good(), []string{".order_id StringLengthError.TOO_LONG"}, 0},
		{"long click id", sandbox.Unproven{MaxClickID: 20}, good(unknown), []string{".gclid StringLengthError.TOO_LONG"}, 0},
		{"gclid and wbraid", sandbox.Unproven{AcceptGCLIDWithWBRAID: true}, good(func(c *conversion) { c.Wbraid = knownWB }), nil, 1},
		{"negative value", sandbox.Unproven{AcceptNegativeValue: true}, good(func(c *conversion) { c.ConversionValue = new(-1.0) }), nil, 1},
		{"future", sandbox.Unproven{AcceptFuture: true}, good(withTime("2026-11-23 09:00:01+00:00")), nil, 1},
		{"consent unset, accepted", sandbox.Unproven{}, good(), nil, 1},
		{"consent unset, dropped", sandbox.Unproven{ConsentUnset: sandbox.ConsentDrop}, good(), nil, 0},
		{"consent unset, refused", sandbox.Unproven{ConsentUnset: sandbox.ConsentRefuse}, good(), []string{".consent ConversionUploadError.CONVERSION_NOT_COMPLIANT_WITH_ATT_POLICY"}, 0},
		{"consent given", sandbox.Unproven{ConsentUnset: sandbox.ConsentRefuse}, good(func(c *conversion) {
			c.Consent = &common.Consent{AdUserData: enums.ConsentStatusEnum_GRANTED}
		}), nil, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig()
			cfg.Unproven = tt.unproven
			r := start(t, cfg)
			var want []string
			for _, w := range tt.want {
				want = append(want, "conversions[0]"+w)
			}
			if diff := cmp.Diff(want, failures(t, r.send(t, tt.row))); diff != "" {
				t.Errorf("failures (-want +got):\n%s", diff)
			}
			if got := len(r.server.Conversions()); got != tt.held {
				t.Errorf("held %d conversions, want %d", got, tt.held)
			}
		})
	}
}

func TestUnprovenBlockPerRow(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.Unproven.OCIBlockPerRow = true
	r := start(t, cfg)
	req := request(good(), numbered(1))
	req.CustomerId = blocked
	resp, err := r.upload.UploadClickConversions(r.authorized(t), req)
	if err != nil {
		t.Fatalf("UploadClickConversions: %v", err)
	}
	name := " NotAllowlistedError.CUSTOMER_NOT_ALLOWLISTED_FOR_THIS_FEATURE"
	if diff := cmp.Diff([]string{"conversions[0]" + name, "conversions[1]" + name}, failures(t, resp)); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
}

func TestUnprovenBothDuplicateErrors(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.Unproven.BothDuplicateErrors = true
	r := start(t, cfg)
	r.send(t, good())
	want := []string{
		"conversions[0].order_id ConversionUploadError.ORDER_ID_ALREADY_IN_USE",
		"conversions[0] ConversionUploadError.CLICK_CONVERSION_ALREADY_EXISTS",
	}
	if diff := cmp.Diff(want, failures(t, r.send(t, good()))); diff != "" {
		t.Errorf("failures (-want +got):\n%s", diff)
	}
}

func TestUnprovenWholeRequest(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.Unproven.WholeRequest = []int32{53} // NO_CONVERSION_ACTION_FOUND
	r := start(t, cfg)
	_, err := r.upload.UploadClickConversions(r.authorized(t), request(numbered(1), good(withAction(99))))
	if got, want := refusal(t, err), "InvalidArgument ConversionUploadError.NO_CONVERSION_ACTION_FOUND"; got != want {
		t.Errorf("answer = %q, want %q", got, want)
	}
	if got := r.server.Conversions(); len(got) != 0 {
		t.Errorf("held %v, want nothing", got)
	}
	if got := failures(t, r.send(t, good(withOrder("")))); len(got) != 1 || !strings.HasSuffix(got[0], "TOO_SHORT") {
		t.Errorf("failures = %v, want a row error for another code", got)
	}
}

func TestUnprovenJobIDZero(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.Unproven.AcceptJobIDZero = true
	r := start(t, cfg)
	req := request(good())
	req.JobId = new(int32(0))
	if _, err := r.upload.UploadClickConversions(r.authorized(t), req); err != nil {
		t.Errorf("UploadClickConversions: %v", err)
	}
}

func TestUnprovenQuota(t *testing.T) {
	t.Parallel()
	exhausted := "ResourceExhausted QuotaError.RESOURCE_EXHAUSTED"
	for name, tt := range map[string]struct {
		unproven sandbox.Unproven
		calls    []string // of two rows each
	}{
		"per call": {sandbox.Unproven{OperationsPerDay: 2}, []string{"OK", "OK", exhausted}},
		"per row":  {sandbox.Unproven{OperationsPerDay: 2, OperationsPerRow: true}, []string{"OK", exhausted, exhausted}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig()
			cfg.Unproven = tt.unproven
			today := make(chan bool) // closed when the next day has come
			cfg.Now = func() time.Time {
				select {
				case <-today:
					return testNow().Add(15 * time.Hour)
				default:
					return testNow()
				}
			}
			cfg.OAuth.Now = testNow
			r := start(t, cfg)
			call := func(i int) string {
				_, err := r.upload.UploadClickConversions(r.authorized(t), request(numbered(2*i), numbered(2*i+1)))
				return refusal(t, err)
			}
			for i, want := range tt.calls {
				if got := call(i); got != want {
					t.Errorf("call %d = %q, want %q", i, got, want)
				}
			}
			close(today)
			if got := call(9); got != "OK" {
				t.Errorf("next day = %q, want OK", got)
			}
		})
	}
}
