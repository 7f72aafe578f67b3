package sandbox_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/shenzhencenter/google-ads-pb/services"

	"closeloop/sandbox"
)

func value(v any) func(object) { return with("conversionValue", v) }

func at(when string) func(object) { return with("eventTimestamp", when) }

// TestRepeatedTransaction sends a transaction id again with another value, at once and a year later.
func TestRepeatedTransaction(t *testing.T) {
	t.Parallel()
	r, clock := startTimed(t)
	if got := settled(t, r, clock, event("a-1")); got != "SUCCESS of 1" {
		t.Fatalf("first: %q", got)
	}
	// All but value and currency is ignored the second time.
	again := event("a-1", value(99.5), with("currency", "EUR"), ofClick("gclid", "CjwKCAjwNobodyKnowsThisClick"), consent("CONSENT_DENIED"))
	if got := settled(t, r, clock, again); got != "SUCCESS of 1" {
		t.Errorf("second: %q", got)
	}
	clock.add(365 * testDay)
	if got := settled(t, r, clock, event("a-1", value(0))); got != "SUCCESS of 1" {
		t.Errorf("third: %q", got)
	}
	if diff := cmp.Diff([]string{"a-1 0 USD"}, held(r)); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
	c := r.server.Conversions()[0]
	if c.OriginalValue != 2500 || len(c.Adjustments) != 2 || c.Adjustments[0].Value != 99.5 || !c.Counted() {
		t.Errorf("conversion = %+v, want both values in its history and counted", c)
	}
	if !c.AdjustedAt.Equal(c.Adjustments[1].Uploaded) || c.Adjustments[1].Type != sandbox.Restatement {
		t.Errorf("conversion = %+v, want the last restatement to count", c)
	}
	settled(t, r, clock, event("a-1", value(0)))
	if c := r.server.Conversions()[0]; len(c.Adjustments) != 2 {
		t.Errorf("adjustments = %+v, want none for the same value", c.Adjustments)
	}
}

func TestUnknownTransactionOfValueZero(t *testing.T) {
	t.Parallel()
	r, clock := startTimed(t)
	settled(t, r, clock, event("a-1", value(0)))
	if diff := cmp.Diff([]string{"a-1 0 USD"}, held(r)); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
}

func TestRepeatedPolicy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		policy    sandbox.RepeatedPolicy
		same, new string // outcomes for the same and for a new value
		held      string
	}{
		{"overwrite", sandbox.RepeatedOverwrite, "SUCCESS of 1", "SUCCESS of 1", "a-1 10 USD"},
		{"refuse", sandbox.RepeatedRefuse, "FAILED of 1: 1 DUPLICATE_TRANSACTION_ID [(0)]", "FAILED of 1: 1 DUPLICATE_TRANSACTION_ID [(0)]", "a-1 2500 USD"},
		{"refuse the same", sandbox.RepeatedRefuseSame, "FAILED of 1: 1 DUPLICATE_TRANSACTION_ID [(0)]", "SUCCESS of 1", "a-1 10 USD"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, clock := startTimed(t, func(c *sandbox.Config) { c.Unproven.DataManager.Repeated = tt.policy })
			settled(t, r, clock, event("a-1"))
			if got := settled(t, r, clock, event("a-1")); got != tt.same {
				t.Errorf("same value: %q, want %q", got, tt.same)
			}
			if got := settled(t, r, clock, event("a-1", value(10))); got != tt.new {
				t.Errorf("new value: %q, want %q", got, tt.new)
			}
			if diff := cmp.Diff([]string{tt.held}, held(r)); diff != "" {
				t.Errorf("held (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRepeatedClick(t *testing.T) {
	t.Parallel()
	r, clock := startTimed(t)
	got := settled(t, r, clock, event("a-1"), event("a-2"), event("a-3", at("2026-11-22T19:05:09.9Z")), event("a-4", at("2026-11-22T19:05:10Z")))
	if want := "PARTIAL_SUCCESS of 4: 2 DUPLICATE_GCLID [(1) (2)]"; got != want {
		t.Errorf("outcome = %q, want %q", got, want)
	}
}

// TestOneTruth sends one conversion through both APIs, each first, and adjusts it.
func TestOneTruth(t *testing.T) {
	t.Parallel()
	order := good(withOrder("a-1"))
	t.Run("Google Ads first", func(t *testing.T) {
		t.Parallel()
		r, clock := startTimed(t)
		r.send(t, order)
		settled(t, r, clock, event("a-1", value(10)))
		if diff := cmp.Diff([]string{"a-1 10 USD"}, held(r)); diff != "" {
			t.Errorf("held (-want +got):\n%s", diff)
		}
		if c := r.server.Conversions()[0]; c.API != sandbox.APIGoogleAds {
			t.Errorf("conversion = %+v, want it of the first API", c)
		}
		r.amend(t, retract(ofOrder("a-1"), adjusted("2026-11-23 10:00:00+00:00")))
		settled(t, r, clock, event("a-1", value(20)))
		if diff := cmp.Diff([]string{"a-1 0 USD retracted"}, held(r)); diff != "" {
			t.Errorf("held after the retraction (-want +got):\n%s", diff)
		}
	})
	t.Run("Data Manager first", func(t *testing.T) {
		t.Parallel()
		r, clock := startTimed(t)
		r.take(t, event("a-1", value(10)))
		clock.add(30 * time.Minute) // nobody looks, it is processed all the same
		got := append(failures(t, r.send(t, order)), failures(t, r.send(t, good(withOrder("a-2"))))...)
		want := []string{
			"conversions[0].order_id ConversionUploadError.ORDER_ID_ALREADY_IN_USE",
			"conversions[0] ConversionUploadError.CLICK_CONVERSION_ALREADY_EXISTS",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("upload (-want +got):\n%s", diff)
		}
		if got := failures(t, r.amend(t, retract(ofOrder("a-1")))); len(got) != 1 {
			t.Errorf("adjustment = %v, want it refused", got)
		}
	})
	t.Run("apart", func(t *testing.T) {
		t.Parallel()
		r, clock := startTimed(t, func(c *sandbox.Config) { c.Unproven.DataManager.SeparateTransactionIDs = true })
		r.send(t, order)
		settled(t, r, clock, event("a-1", value(10)))
		if diff := cmp.Diff([]string{"a-1 2500 USD", "a-1 10 USD"}, held(r)); diff != "" {
			t.Errorf("held (-want +got):\n%s", diff)
		}
	})
	t.Run("adjusted across", func(t *testing.T) {
		t.Parallel()
		r, clock := startTimed(t, func(c *sandbox.Config) { c.Unproven.DataManager.AdjustAcross = true })
		settled(t, r, clock, event("a-1"))
		if got := failures(t, r.amend(t, retract(ofOrder("a-1"), adjusted("2026-11-23 10:00:00+00:00")))); got != nil {
			t.Errorf("adjustment = %v", got)
		}
		if diff := cmp.Diff([]string{"a-1 0 USD retracted"}, held(r)); diff != "" {
			t.Errorf("held (-want +got):\n%s", diff)
		}
	})
}

func adjusted(when string) func(*services.ConversionAdjustment) {
	return func(a *services.ConversionAdjustment) { a.AdjustmentDateTime = &when }
}

// TestOrderOfProcessing sends three values of one conversion, the first request held up.
func TestOrderOfProcessing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		outOfOrder bool
		late       bool
		want       string
	}{
		{"in the order of arrival", false, false, "a-1 3 USD"},
		{"in the order of arrival, the second late", false, true, "a-1 3 USD"},
		{"out of order", true, false, "a-1 3 USD"},                 // waits 60, 30, 60 minutes
		{"out of order, the second late", true, true, "a-1 2 USD"}, // 60, 90, 60
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, clock := startTimed(t, func(c *sandbox.Config) { c.Unproven.DataManager.OutOfOrder = tt.outOfOrder })
			r.take(t, event("a-1", value(1)))
			if tt.late {
				late := sandbox.Fault{Kind: sandbox.FaultLate, On: sandbox.OnIngest, Processing: sandbox.Duration(time.Hour)}
				if err := r.server.Fault(late); err != nil {
					t.Fatalf("Fault: %v", err)
				}
			}
			second := r.take(t, event("a-1", value(2)))
			clock.add(time.Minute)
			third := r.take(t, event("a-1", value(3)))
			clock.add(2 * time.Hour)
			for _, id := range []string{second, third} {
				if got := outcome(r.look(t, id), 0); got != "SUCCESS of 1" {
					t.Errorf("outcome = %q", got)
				}
			}
			if diff := cmp.Diff([]string{tt.want}, held(r)); diff != "" {
				t.Errorf("held (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLateIsBlocking: by default what comes later waits for what came earlier.
func TestLateIsBlocking(t *testing.T) {
	t.Parallel()
	for name, outOfOrder := range map[string]bool{"in order": false, "out of order": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, clock := startTimed(t, func(c *sandbox.Config) { c.Unproven.DataManager.OutOfOrder = outOfOrder })
			first := r.take(t, event("a-1"))
			second := r.take(t, event("a-2", at("2026-11-22T19:05:10Z")))
			if outOfOrder {
				clock.add(30 * time.Minute)
				if got := outcome(r.look(t, second), 0) + ", " + outcome(r.look(t, first), 0); got != "SUCCESS of 1, PROCESSING" {
					t.Errorf("second, first = %q", got)
				}
				return
			}
			clock.add(30*time.Minute - 1)
			if got := outcome(r.look(t, first), 0); got != "PROCESSING" {
				t.Errorf("first = %q", got)
			}
			clock.add(1)
			if got := outcome(r.look(t, second), 0); got != "SUCCESS of 1" {
				t.Errorf("second = %q", got)
			}
		})
	}
}

func TestProcessedAtOnce(t *testing.T) {
	t.Parallel()
	cfg := testConfig()
	cfg.DataManager.Processing = -1
	r := start(t, cfg)
	if got := outcome(r.look(t, r.take(t, event("a-1"))), 0); got != "SUCCESS of 1" {
		t.Errorf("outcome = %q", got)
	}
}

func TestUnknownRequest(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	for id, want := range map[string]string{"": "request_id REQUIRED_FIELD_MISSING", "x": "request_id INVALID_REQUEST_ID"} {
		a := r.look(t, id)
		if diff := cmp.Diff([]string{want}, violations(a)); diff != "" || a.status != http.StatusBadRequest {
			t.Errorf("%q = %d (-want +got):\n%s", id, a.status, diff)
		}
	}
}
