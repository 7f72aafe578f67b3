package scheduler_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/datamanager"
	"closeloop/googleauth"
	"closeloop/sandbox"
)

// ingest starts a sandbox that takes any well-formed click through the Data
// Manager API, and a client of it, for the rig's account.
func (r *rig) ingest(unproven sandbox.DataManagerUnproven) (*sandbox.Server, *datamanager.Client) {
	r.t.Helper()
	r.rules.Target.API = conversions.APIDataManager
	box, _ := r.google(func(cfg *sandbox.Config) {
		cfg.Unproven.DataManager = unproven
		cfg.DataManager = sandbox.DataManagerConfig{PerMinute: -1, PerDay: -1}
	})
	return box, managed(r.t, box)
}

// managed is a client of the sandbox's Data Manager API.
func managed(tb testing.TB, box *sandbox.Server) *datamanager.Client {
	tb.Helper()
	tokens, err := googleauth.OpenTokens(googleauth.Credentials{
		ClientID: "client", ClientSecret: "client-secret", RefreshToken: "1//refresh", TokenURL: box.TokenURL(),
	}, googleauth.ScopeDataManager)
	if err != nil {
		tb.Fatalf("open tokens: %v", err)
	}
	client, err := datamanager.Dial(datamanager.Config{Endpoint: box.DataManagerURL(), Plaintext: true}, tokens)
	if err != nil {
		tb.Fatalf("dial: %v", err)
	}
	tb.Cleanup(func() {
		if err := client.Close(); err != nil {
			tb.Errorf("close client: %v", err)
		}
	})
	return client
}

// reject makes the bookings of these leads fail for different reasons.
func (r *rig) reject(box *sandbox.Server, reasons []string, leads ...conversions.LeadID) {
	r.t.Helper()
	for i, l := range leads {
		err := box.Reject(sandbox.Rejection{TransactionID: orderID(l, conversions.StageBooked), Reason: reasons[i%len(reasons)]})
		if err != nil {
			r.t.Fatalf("reject: %v", err)
		}
	}
}

// requests counts the ingest requests of the sandbox and the rows it accepted.
func requests(box *sandbox.Server) (made, accepted int) {
	for _, q := range box.Requests() {
		if strings.HasSuffix(q.Method, "IngestEvents") {
			made++
			accepted += q.Accepted
		}
	}
	return made, accepted
}

// manyRows makes these tests use full requests of 2,000 rows also where hundreds
// of requests must be made: go test ./scheduler -run TestIngest -full -v.
var manyRows = flag.Bool("full", false, "tests of ingest requests use 2,000 rows throughout")

// A good row is never lost to a bad neighbour: requests that are refused whole
// because of 1, 7 or 200 of 2,000 rows, whether Google names them all, one at a
// time, or none.
func TestIngestRefusedBecauseOfSomeRows(t *testing.T) {
	t.Parallel()
	reasons := []string{"INVALID_FORMAT", "EVENT_TIME_INVALID", "FIELD_VALUE_TOO_LONG", "INVALID_EVENT", "INVALID_NUMBER_FORMAT"}
	for _, tt := range []struct {
		name     string
		says     sandbox.ViolationsPolicy
		bad, few int // of 2,000 rows, and of the 200 that a quick test has
		requests int // at most
		runs     int
	}{
		{"all named", sandbox.ViolationsAll, 1, 1, 2, 1},
		{"all named", sandbox.ViolationsAll, 7, 7, 2, 1},
		{"all named", sandbox.ViolationsAll, 200, 20, 2, 1},
		{"one named", sandbox.ViolationsFirst, 1, 1, 2, 1},
		{"one named", sandbox.ViolationsFirst, 7, 7, 8, 1},
		{"one named", sandbox.ViolationsFirst, 200, 20, 201, 1},
		{"none named", sandbox.ViolationsNone, 1, 1, 23, 1},
		{"none named", sandbox.ViolationsNone, 7, 7, 155, 1},
		{"none named", sandbox.ViolationsNone, 200, 20, 1800, 9},
	} {
		t.Run(fmt.Sprintf("%d %s", tt.bad, tt.name), func(t *testing.T) {
			t.Parallel()
			all := conversions.MaxItems
			if !*manyRows {
				all, tt.bad = 200, tt.few
			}
			r := newRig(t)
			box, client := r.ingest(sandbox.DataManagerUnproven{Violations: tt.says})
			r.books(all)
			bad := everyNth(tt.bad, all)
			r.reject(box, reasons, bad...)
			r.runOn(r.through(client))
			made, accepted := requests(box)
			t.Logf("first run: %d requests, %d of %d good rows accepted", made, accepted, all-tt.bad)
			if tt.runs == 1 && accepted != all-tt.bad {
				t.Errorf("%d rows accepted in the first run, want %d", accepted, all-tt.bad)
			}
			for range tt.runs - 1 {
				r.runOn(r.through(client))
			}
			if made, _ = requests(box); made > tt.requests {
				t.Errorf("%d requests, want at most %d", made, tt.requests)
			}
			r.clock.advance(time.Hour)
			r.runOn(r.through(client))
			t.Logf("in all: %d requests in %d runs, %d wrong verdicts", made, tt.runs, r.wrongVerdicts(box, bad))
			diff(t, "states", r.tally(), map[string]int{"done": all - tt.bad, "refused refused_by_google": tt.bad})
		})
	}
}

// wrongVerdicts counts the rows whose state is not what the sandbox did.
func (r *rig) wrongVerdicts(box *sandbox.Server, bad []conversions.LeadID) int {
	r.t.Helper()
	counts := held(r.t, box)
	isBad := map[string]bool{}
	for _, l := range bad {
		isBad[orderID(l, conversions.StageBooked)] = true
	}
	wrong := 0
	for _, row := range r.rows() {
		_, counted := counts[row.OrderID]
		done, refused := row.State == conversions.StateDone, row.State == conversions.StateRefused
		if done != counted && row.State != conversions.StateUnclear || refused && !isBad[row.OrderID] || done && isBad[row.OrderID] {
			wrong++
			r.t.Errorf("row %d is %s, counted %t, bad %t", row.ID, row.State, counted, isBad[row.OrderID])
		}
	}
	return wrong
}

// Rows that fail when they are processed: with indices each gets its own
// verdict; with counts only one round of small requests tells most of them.
func TestIngestFailingInPart(t *testing.T) {
	t.Parallel()
	reasons := []string{
		"PROCESSING_ERROR_REASON_INVALID_GCLID", "PROCESSING_ERROR_REASON_INVALID_CLICK", "PROCESSING_ERROR_REASON_INVALID_EVENT",
		"PROCESSING_ERROR_REASON_EVENT_TOO_OLD", "PROCESSING_ERROR_REASON_DENIED_CONSENT",
	}
	for _, tt := range []struct {
		name    string
		indices sandbox.IndicesPolicy
		bad     int
	}{
		{"numbers", sandbox.IndicesAsNumbers, 1},
		{"numbers", sandbox.IndicesAsNumbers, 200},
		{"texts", sandbox.IndicesAsText, 7},
		{"counts only", sandbox.IndicesAbsent, 1},
		{"counts only", sandbox.IndicesAbsent, 7},
		{"counts only", sandbox.IndicesAbsent, 200},
	} {
		t.Run(fmt.Sprintf("%d %s", tt.bad, tt.name), func(t *testing.T) {
			t.Parallel()
			all := conversions.MaxItems
			if !*manyRows {
				all, tt.bad = all/5, (tt.bad+4)/5
			}
			r := newRig(t)
			box, client := r.ingest(sandbox.DataManagerUnproven{RecordIndices: tt.indices})
			r.books(all)
			bad := everyNth(tt.bad, all)
			r.reject(box, reasons, bad...)
			for range 5 {
				r.runOn(r.through(client))
				r.clock.advance(time.Hour)
			}
			made, _ := requests(box)
			wrong, tally := r.wrongVerdicts(box, bad), r.tally()
			t.Logf("%d requests, %v, %d wrong verdicts", made, tally, wrong)
			if tt.indices != sandbox.IndicesAbsent {
				diff(t, "requests", made, 1)
				diff(t, "states", tally, map[string]int{"done": all - tt.bad, "refused refused_by_google": tt.bad})
			}
			if made > 1+conversions.MaxGroups {
				t.Errorf("%d requests, want at most one round of %d", made, conversions.MaxGroups)
			}
			if n := tally["done"] + tally["refused refused_by_google"] + tally["unclear failed_in_part"]; n != all {
				t.Errorf("states %v, want every row done, refused or unclear", tally)
			}
		})
	}
}
