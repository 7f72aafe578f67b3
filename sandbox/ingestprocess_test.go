package sandbox_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/sandbox"
)

// outcome is the status of a destination as "PARTIAL_SUCCESS of 3: 1 CLICK_NOT_FOUND [1], 1 TOO_RECENT_CLICK [2]".
func outcome(a answer, i int) string {
	d := a.body.PerDestination[i]
	out := d.Status
	if d.Events != nil {
		out += " of " + d.Events.RecordCount
	}
	if d.ErrorInfo == nil {
		return out
	}
	var counts []string
	for _, c := range d.ErrorInfo.ErrorCounts {
		text := c.RecordCount + " " + strings.TrimPrefix(c.Reason, "PROCESSING_ERROR_REASON_")
		if c.RecordIndices != nil {
			text += fmt.Sprintf(" %q", c.RecordIndices)
		}
		counts = append(counts, strings.ReplaceAll(text, "%!q(float64=", "("))
	}
	return strings.TrimSuffix(out+": "+strings.Join(counts, ", "), ": ")
}

// settled sends events, waits until they are processed, and returns the outcome for the one destination.
func settled(t *testing.T, r *rig, c *clock, events ...object) string {
	t.Helper()
	id := r.take(t, events...)
	c.add(time.Hour)
	return outcome(r.look(t, id), 0)
}

// held is what Google holds as "a-1 2500 USD".
func held(r *rig) []string {
	var out []string
	for _, c := range r.server.Conversions() {
		text := fmt.Sprintf("%s %v %s", c.OrderID, c.Value, c.Currency)
		if !c.Counted() {
			text += " retracted"
		}
		out = append(out, text)
	}
	return out
}

func ofClick(kind, id string) func(object) { return with("adIdentifiers", object{kind: id}) }

func consent(word string) func(object) { return with("consent", object{"adUserData": word}) }

func TestProcessing(t *testing.T) {
	t.Parallel()
	reasons := discovery(t)["ErrorCount"].Properties["reason"].Enum
	to := func(action string) func(object) {
		return func(o object) { o["action"] = action } // moved to the destination below
	}
	tests := []struct {
		name   string
		change func(object)
		want   string // reason; "" is success
	}{
		{"good", func(object) {}, ""},
		{"gbraid", ofClick("gbraid", knownGB), ""},
		{"wbraid", ofClick("wbraid", knownWB), ""},
		{"unknown click", ofClick("gclid", "CjwKCAjwNobodyKnowsThisClick"), "CLICK_NOT_FOUND"},
		{"damaged click", ofClick("gclid", strings.ToLower(knownID)), "INVALID_GCLID"},
		{"bad letters", ofClick("gclid", "CjwKC AjwNobodyKnowsThisClick"), "INVALID_GCLID"},
		{"damaged gbraid", ofClick("gbraid", knownGB[:20]), "INVALID_GBRAID"},
		{"damaged wbraid", ofClick("wbraid", knownWB[:20]), "INVALID_WBRAID"},
		{"fresh click", func(o object) {
			ofClick("gclid", "CjwKCAjwFreshClickOfTheAccount")(o)
			o["eventTimestamp"] = "2026-11-23T08:00:00Z"
		}, "TOO_RECENT_CLICK"},
		{"before the click", with("eventTimestamp", "2026-11-21T08:59:59Z"), "CONVERSION_PRECEDES_CLICK"},
		{"within 90 days", ofClick("gclid", "CjwKCAjwOldClickOfTheAccount"), ""},
		{"beyond 30 days", func(o object) {
			ofClick("gclid", "CjwKCAjwOldClickOfTheAccount")(o)
			to("12")(o)
		}, "EXPIRED_CLICK"},
		{"beyond 90 days", ofClick("gclid", "CjwKCAjwAncientClickOfTheAccount"), "EXPIRED_CLICK"},
		{"90 days over since the click", func(o object) {
			ofClick("gclid", "CjwKCAjwAncientClickOfTheAccount")(o)
			o["eventTimestamp"] = "2026-08-30T09:00:00Z"
		}, "EXPIRED_CLICK"},
		{"old event", func(o object) {
			ofClick("gclid", "CjwKCAjwAncientClickOfTheAccount")(o)
			o["eventTimestamp"] = "2026-08-25T08:59:59Z"
		}, "EVENT_TOO_OLD"},
		{"another account's click", ofClick("gclid", "CjwKCAjwClickOfAnotherAccount"), "INVALID_OPERATING_ACCOUNT_FOR_CLICK"},
		{"a click of nobody", ofClick("gclid", "CjwKCAjwClickOfNobodyWeKnow"), "INVALID_OPERATING_ACCOUNT_FOR_CLICK"},
		{"the child's click", ofClick("gclid", "CjwKCAjwClickOfTheChildAccount"), ""},
		{"denied", consent("CONSENT_DENIED"), "DENIED_CONSENT"},
		{"consent not said", without("consent"), ""},
		{"new action", to("15"), "DESTINATION_TOO_RECENTLY_CREATED"},
		{"one per click", func(o object) {
			ofClick("gbraid", knownGB)(o)
			to("16")(o)
		}, "ONE_PER_CLICK_CONVERSION_ACTION_NOT_PERMITTED_WITH_BRAID"},
		{"known person", func(o object) {
			delete(o, "adIdentifiers")
			userIdentifiers(ofEmail(knownHash))(o)
		}, ""},
		{"unknown person", func(o object) {
			delete(o, "adIdentifiers")
			userIdentifiers(ofEmail(strings.Repeat("1", 64)))(o)
		}, "CLICK_NOT_FOUND"},
		{"a person's old click", func(o object) {
			delete(o, "adIdentifiers")
			userIdentifiers(ofEmail(strings.Repeat("0", 64)))(o)
		}, "CLICK_NOT_FOUND"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, clock := startTimed(t)
			e, to := event("a-1", tt.change), "11"
			if a, ok := e["action"].(string); ok {
				to = a
				delete(e, "action")
			}
			req := ingestion(e)
			req["destinations"] = []object{destinationOf("booked", account, to)}
			a := r.ingest(t, req)
			if a.status != 200 {
				t.Fatalf("ingest = %d %s", a.status, a.raw)
			}
			clock.add(30 * time.Minute)
			want, holds := "SUCCESS of 1", 1
			if tt.want != "" {
				want, holds = "FAILED of 1: 1 "+tt.want+" [(0)]", 0
				if !slices.Contains(reasons, "PROCESSING_ERROR_REASON_"+tt.want) {
					t.Errorf("%s is not in the discovery document", tt.want)
				}
			}
			if got := outcome(r.look(t, a.body.RequestID), 0); got != want {
				t.Errorf("outcome = %q, want %q", got, want)
			}
			if got := len(r.server.Conversions()); got != holds {
				t.Errorf("held = %d, want %d", got, holds)
			}
		})
	}
}

// TestHeldConversion compares a conversion with what came over the wire.
func TestHeldConversion(t *testing.T) {
	t.Parallel()
	r, clock := startTimed(t)
	req := ingestion(event("a-1", without("consent"), userIdentifiers(ofEmail(knownHash))), event("a-2", func(o object) {
		delete(o, "conversionValue")
		delete(o, "currency")
		o["eventTimestamp"] = "2026-11-22T20:00:00Z"
	}))
	req["consent"] = object{"adUserData": "CONSENT_GRANTED"}
	req["destinations"] = []object{destinationOf("booked", account, "12")}
	id := r.ingest(t, req).body.RequestID
	clock.add(time.Hour)
	want := []sandbox.Conversion{
		{
			API: sandbox.APIDataManager, Customer: account, Action: 12, Kind: sandbox.GCLID, ClickID: knownID,
			Time: time.Date(2026, 11, 22, 19, 5, 9, 0, time.UTC), DateTime: "2026-11-22T14:05:09-05:00", Value: 2500, Currency: "USD",
			OrderID: "a-1", Consent: "GRANTED", Identifiers: 1, RequestID: id, Uploaded: testNow(),
		},
		{
			API: sandbox.APIDataManager, Customer: account, Action: 12, Kind: sandbox.GCLID, ClickID: knownID,
			Time: time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC), DateTime: "2026-11-22T20:00:00Z", Value: 7, ValueDefaulted: true,
			Currency: "CAD", OrderID: "a-2", Consent: "GRANTED", RequestID: id, Uploaded: testNow(),
		},
	}
	if diff := cmp.Diff(want, r.server.Conversions(), cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
}

func TestAnyClickOfAnEvent(t *testing.T) {
	t.Parallel()
	r, clock := startTimed(t, func(c *sandbox.Config) { c.AnyClick, c.AnyClickAge = true, 10*time.Hour })
	if got := settled(t, r, clock, event("a-1", ofClick("gclid", "CjwKCAjwAClickOfOnesOwn")), event("a-2", ofClick("gclid", "short"))); got != "PARTIAL_SUCCESS of 2: 1 CLICK_NOT_FOUND [(1)]" {
		t.Errorf("outcome = %q", got)
	}
}

// TestDestinations sends events to some of three destinations.
func TestDestinations(t *testing.T) {
	t.Parallel()
	r, clock := startTimed(t)
	aimed := func(refs ...string) func(object) { return with("destinationReferences", refs) }
	req := ingestion(
		event("a-1", aimed("booked")), event("a-2", aimed("quoted"), ofClick("gclid", "CjwKCAjwNobodyKnowsThisClick")),
		event("a-3", aimed()), event("a-4", aimed("quoted"), consent("CONSENT_DENIED")),
	)
	req["destinations"] = []object{
		destinationOf("booked", account, "11"), destinationOf("quoted", account, "12"), destinationOf("idle", account, "17"),
	}
	a := r.ingest(t, req)
	clock.add(time.Hour)
	status := r.look(t, a.body.RequestID)
	want := []string{
		// The events of one click and second are told apart by their action.
		"PARTIAL_SUCCESS of 4: 1 DUPLICATE_GCLID [(2)]",
		"PARTIAL_SUCCESS of 4: 1 CLICK_NOT_FOUND [(1)], 1 DENIED_CONSENT [(3)]",
		"SUCCESS of 4",
	}
	for i := range want {
		if got := outcome(status, i); got != want[i] {
			t.Errorf("outcome %d = %q, want %q", i, got, want[i])
		}
	}
	if diff := cmp.Diff([]string{"a-1 2500 USD", "a-3 2500 USD", "a-3 3 USD"}, held(r)); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
	refs := []string{status.body.PerDestination[0].Destination.Reference, status.body.PerDestination[2].Destination.Reference}
	if diff := cmp.Diff([]string{"booked", "idle"}, refs); diff != "" {
		t.Errorf("references (-want +got):\n%s", diff)
	}
}
