package sandbox_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/sandbox"
)

// TestUnprovenIngest switches what Google does not say about the check of a request.
func TestUnprovenIngest(t *testing.T) {
	t.Parallel()
	type unproven = sandbox.Unproven
	two := []object{event("a-1", with("currency", "x")), event("a-2", without("eventSource"))}
	tests := []struct {
		name      string
		set       func(*unproven)
		events    []object
		off, on   []string // violations; nil is accepted
		emptyBody bool
	}{
		{
			name: "numeric ids", set: func(u *unproven) { u.DataManager.AcceptNumericTransactionID = true }, events: []object{event("123")},
			off: []string{"events.events[0].transaction_id INVALID_FORMAT"},
		},
		{
			name: "several click ids", set: func(u *unproven) { u.DataManager.AcceptSeveralClickIDs = true },
			events: []object{event("a-1", with("adIdentifiers", object{"gclid": knownID, "gbraid": knownGB}))},
			off:    []string{"events.events[0].ad_identifiers INVALID_EVENT"},
		},
		{
			name: "first violation", set: func(u *unproven) { u.DataManager.Violations = sandbox.ViolationsFirst }, events: two,
			off: []string{"events.events[0].currency INVALID_CURRENCY_CODE", "events.events[1].event_source REQUIRED_FIELD_MISSING"},
			on:  []string{"events.events[0].currency INVALID_CURRENCY_CODE"},
		},
		{
			name: "no violations", set: func(u *unproven) { u.DataManager.Violations = sandbox.ViolationsNone }, events: two,
			off:       []string{"events.events[0].currency INVALID_CURRENCY_CODE", "events.events[1].event_source REQUIRED_FIELD_MISSING"},
			emptyBody: true,
		},
		{
			name: "short paths", set: func(u *unproven) { u.DataManager.ShortPaths = true }, events: two,
			off: []string{"events.events[0].currency INVALID_CURRENCY_CODE", "events.events[1].event_source REQUIRED_FIELD_MISSING"},
			on:  []string{"events[0] INVALID_CURRENCY_CODE", "events[1] REQUIRED_FIELD_MISSING"},
		},
		{
			name: "old events", set: func(u *unproven) { u.DataManager.OldEventRefused = true }, events: []object{event("a-1", at("2026-08-25T08:59:59Z"))},
			on: []string{"events.events[0].event_timestamp EVENT_TIME_INVALID"},
		},
		{
			name: "the future", set: func(u *unproven) { u.AcceptFuture = true }, events: []object{event("a-1", at("2026-11-23T09:00:01Z"))},
			off: []string{"events.events[0].event_timestamp EVENT_TIME_INVALID"},
		},
		{
			name: "negative value", set: func(u *unproven) { u.AcceptNegativeValue = true }, events: []object{event("a-1", value(-1))},
			off: []string{"events.events[0].conversion_value INVALID_NUMBER_FORMAT"},
		},
		{
			name: "longest transaction id", set: func(u *unproven) { u.MaxOrderID = 2 }, events: []object{event("a-1")},
			on: []string{"events.events[0].transaction_id FIELD_VALUE_TOO_LONG"},
		},
		{
			name: "longest click id", set: func(u *unproven) { u.MaxClickID = 20 }, events: []object{event("a-1")},
			on: []string{"events.events[0].ad_identifiers.gclid FIELD_VALUE_TOO_LONG"},
		},
	}
	for _, tt := range tests {
		for _, on := range []bool{false, true} {
			t.Run(map[bool]string{false: tt.name + " off", true: tt.name + " on"}[on], func(t *testing.T) {
				t.Parallel()
				cfg, want := testConfig(), tt.off
				if on {
					tt.set(&cfg.Unproven)
					want = tt.on
				}
				a := start(t, cfg).ingest(t, object{
					"destinations": []object{destinationOf("booked", account, "11")}, "events": tt.events,
				})
				refused := want != nil || on && tt.emptyBody
				if diff := cmp.Diff(want, violations(a)); diff != "" || (a.status == http.StatusBadRequest) != refused {
					t.Errorf("answer = %d %s (-want +got):\n%s", a.status, a.raw, diff)
				}
			})
		}
	}
}

// TestUnprovenProcessing switches what Google does not say about the processing and its status.
func TestUnprovenProcessing(t *testing.T) {
	t.Parallel()
	type unproven = sandbox.Unproven
	unknown := ofClick("gclid", "CjwKCAjwNobodyKnowsThisClick")
	tests := []struct {
		name    string
		set     func(*unproven)
		events  []object
		off, on string
		held    int // with the switch on
	}{
		{
			"indices as text", func(u *unproven) { u.DataManager.RecordIndices = sandbox.IndicesAsText },
			[]object{event("a-1"), event("a-2", unknown)},
			"PARTIAL_SUCCESS of 2: 1 CLICK_NOT_FOUND [(1)]", `PARTIAL_SUCCESS of 2: 1 CLICK_NOT_FOUND ["1"]`, 1,
		},
		{
			"no indices", func(u *unproven) { u.DataManager.RecordIndices = sandbox.IndicesAbsent },
			[]object{event("a-1"), event("a-2", unknown)},
			"PARTIAL_SUCCESS of 2: 1 CLICK_NOT_FOUND [(1)]", "PARTIAL_SUCCESS of 2: 1 CLICK_NOT_FOUND", 1,
		},
		{
			"no counts", func(u *unproven) { u.DataManager.NoErrorCounts = true },
			[]object{event("a-1", unknown)},
			"FAILED of 1: 1 CLICK_NOT_FOUND [(0)]", "FAILED of 1", 0,
		},
		{
			"stuck", func(u *unproven) { u.DataManager.StatusStuck = true }, []object{event("a-1")}, "SUCCESS of 1", "PROCESSING", 1,
		},
		{
			"too old", func(u *unproven) { u.DataManager.ExpiredIsTooOld = true },
			[]object{event("a-1", ofClick("gclid", "CjwKCAjwAncientClickOfTheAccount"))},
			"FAILED of 1: 1 EXPIRED_CLICK [(0)]", "FAILED of 1: 1 EVENT_TOO_OLD [(0)]", 0,
		},
		{
			"mismatch", func(u *unproven) { u.DataManager.ForeignIsMismatch = true },
			[]object{event("a-1", ofClick("gclid", "CjwKCAjwClickOfAnotherAccount"))},
			"FAILED of 1: 1 INVALID_OPERATING_ACCOUNT_FOR_CLICK [(0)]",
			"FAILED of 1: 1 PROCESSING_ERROR_OPERATING_ACCOUNT_MISMATCH_FOR_AD_IDENTIFIER [(0)]", 0,
		},
		{
			"damaged ids", func(u *unproven) { u.DamagedIsNotFound = true },
			[]object{event("a-1", ofClick("gclid", knownID[:30]))},
			"FAILED of 1: 1 INVALID_GCLID [(0)]", "FAILED of 1: 1 CLICK_NOT_FOUND [(0)]", 0,
		},
		{
			"consent dropped", func(u *unproven) { u.ConsentUnset = sandbox.ConsentDrop },
			[]object{event("a-1", consent("CONSENT_STATUS_UNSPECIFIED"))},
			"SUCCESS of 1", "SUCCESS of 1", 0,
		},
		{
			"consent refused", func(u *unproven) { u.ConsentUnset = sandbox.ConsentRefuse },
			[]object{event("a-1", without("consent"))},
			"SUCCESS of 1", "FAILED of 1: 1 UNKNOWN_CONSENT [(0)]", 0,
		},
		{
			"several click ids", func(u *unproven) { u.DataManager.AcceptSeveralClickIDs = true },
			[]object{event("a-1", ofClick("gbraid", knownGB))},
			"SUCCESS of 1", "SUCCESS of 1", 1,
		},
	}
	for _, tt := range tests {
		for _, on := range []bool{false, true} {
			t.Run(map[bool]string{false: tt.name + " off", true: tt.name + " on"}[on], func(t *testing.T) {
				t.Parallel()
				want := tt.off
				r, clock := startTimed(t, func(c *sandbox.Config) {
					if on {
						tt.set(&c.Unproven)
						want = tt.on
					}
				})
				if got := settled(t, r, clock, tt.events...); got != want {
					t.Errorf("outcome = %q, want %q", got, want)
				}
				if got := len(r.server.Conversions()); on && got != tt.held {
					t.Errorf("held = %d, want %d", got, tt.held)
				}
			})
		}
	}
}

func TestIndicesPerDestination(t *testing.T) {
	t.Parallel()
	r, clock := startTimed(t, func(c *sandbox.Config) { c.Unproven.DataManager.IndicesPerDestination = true })
	req := ingestion(event("a-1"), event("a-2", with("destinationReferences", []string{"quoted"}), consent("CONSENT_DENIED")))
	req["destinations"] = []object{destinationOf("booked", account, "11"), destinationOf("quoted", account, "12")}
	a := r.ingest(t, req)
	clock.add(time.Hour)
	if got, want := outcome(r.look(t, a.body.RequestID), 1), "FAILED of 2: 1 DENIED_CONSENT [(0)]"; got != want {
		t.Errorf("outcome = %q, want %q", got, want)
	}
}

func TestStatusUnknownForAWhile(t *testing.T) {
	t.Parallel()
	for name, notFound := range map[string]bool{"invalid": false, "not found": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, clock := startTimed(t, func(c *sandbox.Config) {
				c.Unproven.DataManager.StatusUnknownFor, c.Unproven.DataManager.FreshStatusNotFound = time.Hour, notFound
			})
			id := r.take(t, event("a-1"))
			want := http.StatusBadRequest
			if notFound {
				want = http.StatusNotFound
			}
			clock.add(time.Hour - 1)
			if a := r.look(t, id); a.status != want {
				t.Errorf("status = %d %s, want %d", a.status, a.raw, want)
			}
			clock.add(1)
			if got := outcome(r.look(t, id), 0); got != "SUCCESS of 1" {
				t.Errorf("outcome = %q", got)
			}
		})
	}
}

func TestStatusOfAnotherWord(t *testing.T) {
	t.Parallel()
	r, clock := startTimed(t)
	fault := sandbox.Fault{Kind: sandbox.FaultShape, On: sandbox.OnStatus, Reason: "REQUEST_STATUS_UNKNOWN"}
	if err := r.server.Fault(fault); err != nil {
		t.Fatalf("Fault: %v", err)
	}
	if got := settled(t, r, clock, event("a-1")); got != "REQUEST_STATUS_UNKNOWN of 1" {
		t.Errorf("outcome = %q", got)
	}
}
