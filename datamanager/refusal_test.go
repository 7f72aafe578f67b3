package datamanager_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/googleauth"
)

// secret stands in every text of Google's that is meant for people: none may come out.
const secret = "Jane Sample jane@example.com CjwKCAjwTestClick"

// refused is the body of a refused call, as Google documents it.
func refused(code int, status, reason string, details ...string) string {
	all := append([]string{fmt.Sprintf(`{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":%q,"domain":"datamanager.googleapis.com","metadata":{"quota_limit":"IngestionMutateRequestsPerMinutePerProject"}}`, reason)}, details...)
	return fmt.Sprintf(`{"error":{"code":%d,"message":%q,"status":%q,"details":[%s,`+
		`{"@type":"type.googleapis.com/google.rpc.RequestInfo","requestId":"req-7"},`+
		`{"@type":"type.googleapis.com/google.rpc.LocalizedMessage","locale":"en","message":%q}]}}`,
		code, secret, status, strings.Join(all, ","), secret)
}

// fields is the detail that names fields: pairs of path and reason.
func fields(pairs ...string) string {
	var list []string
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, fmt.Sprintf(`{"field":%q,"description":%q,"reason":%q}`, pairs[i], secret, pairs[i+1]))
	}
	return `{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[` + strings.Join(list, ",") + `]}`
}

func invalid(pairs ...string) string {
	return refused(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", fields(pairs...))
}

func answer(v conversions.Verdict, code string, others ...string) conversions.Answer {
	return conversions.Answer{Verdict: v, Code: "ErrorReason." + code, Others: others}
}

func aside() conversions.Answer {
	return conversions.Answer{Verdict: conversions.FixBatch, Code: "Closeloop.OTHER_ROWS"}
}

func paused(s conversions.Scope, code string) conversions.Answer {
	return conversions.Answer{Verdict: conversions.Pause, Scope: s, Code: "ErrorReason." + code}
}

// Refusals that name rows or conversion actions, of a batch of four rows for two actions in turn.
func TestRefusalNamesRows(t *testing.T) {
	t.Parallel()
	late := answer(conversions.Refused, "EVENT_TIME_INVALID")
	unreadable := answer(conversions.Refused, "INVALID_FORMAT")
	young := answer(conversions.Later, "CONVERSION_ACTION_TOO_RECENTLY_CREATED")
	young.Wait = 6 * time.Hour
	tests := []struct {
		name, body string
		want       []conversions.Answer
	}{
		{"documented path", invalid("events.events[2].event_timestamp", "EVENT_TIME_INVALID"), []conversions.Answer{aside(), aside(), late, aside()}},
		{"short path", invalid("events[2]", "EVENT_TIME_INVALID"), []conversions.Answer{aside(), aside(), late, aside()}},
		{"camel case", invalid("events[2].adIdentifiers.gclid", "INVALID_FORMAT"), []conversions.Answer{aside(), aside(), unreadable, aside()}},
		{"within a list of its own", invalid("events.events[0].user_data.user_identifiers[3].email_address", "INVALID_FORMAT"), []conversions.Answer{unreadable, aside(), aside(), aside()}},
		{"several rows", invalid("events.events[0].event_timestamp", "EVENT_TIME_INVALID", "events.events[3].ad_identifiers", "INVALID_FORMAT"), []conversions.Answer{late, aside(), aside(), unreadable}},
		{"a row twice", invalid("events.events[1].event_timestamp", "EVENT_TIME_INVALID", "events.events[1].ad_identifiers", "INVALID_FORMAT"), []conversions.Answer{
			aside(), answer(conversions.Refused, "EVENT_TIME_INVALID", "ErrorReason.INVALID_FORMAT"), aside(), aside(),
		}},
		{"every row", invalid("events[0]", "INVALID_FORMAT", "events[1]", "INVALID_FORMAT", "events[2]", "INVALID_FORMAT", "events[3]", "INVALID_FORMAT"), []conversions.Answer{unreadable, unreadable, unreadable, unreadable}},
		{"nobody beside a row", invalid("events", "TOO_FEW_ELEMENTS", "events[1]", "INVALID_FORMAT"), []conversions.Answer{aside(), unreadable, aside(), aside()}},
		{"a reason for the batch is the row's own", invalid("events[1]", "INVALID_ARGUMENT"), []conversions.Answer{aside(), answer(conversions.Refused, "INVALID_ARGUMENT"), aside(), aside()}},
		{"the reason of the whole", refused(400, "INVALID_ARGUMENT", "EVENT_TIME_INVALID", fields("events[1]", "")), []conversions.Answer{aside(), answer(conversions.Refused, "EVENT_TIME_INVALID"), aside(), aside()}},
		{"an unknown reason", invalid("events[1]", "BRAND_NEW"), []conversions.Answer{aside(), {Verdict: conversions.Retry, Code: "ErrorReason.BRAND_NEW", Counts: true}, aside(), aside()}},
		{"a reason that is data", invalid("events[1]", secret), []conversions.Answer{aside(), {Verdict: conversions.Retry, Code: "ErrorReason.UNRECOGNISED", Counts: true}, aside(), aside()}},
		{"a conversion action", invalid("destinations.destinations[1].product_destination_id", "INVALID_CONVERSION_ACTION_ID"), []conversions.Answer{
			aside(), paused(conversions.ScopeAction, "INVALID_CONVERSION_ACTION_ID"), aside(), paused(conversions.ScopeAction, "INVALID_CONVERSION_ACTION_ID"),
		}},
		{"a conversion action for a reason of rows", invalid("destinations[0].productDestinationId", "INVALID_FORMAT"), []conversions.Answer{
			paused(conversions.ScopeAction, "INVALID_FORMAT"), aside(), paused(conversions.ScopeAction, "INVALID_FORMAT"), aside(),
		}},
		{"a young conversion action", invalid("destinations[0]", "CONVERSION_ACTION_TOO_RECENTLY_CREATED"), []conversions.Answer{
			young, aside(), young, aside(),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := serve(t, respond(400, tt.body))
			r := to(t, g).Upload(t.Context(), mixed(t, 4), false)
			if !r.Named || r.Call != nil || r.Unknown || r.RequestID != "req-7" || len(g.calls()) != 1 {
				t.Errorf("named %t, call %+v, unknown %t, id %q, %d calls", r.Named, r.Call, r.Unknown, r.RequestID, len(g.calls()))
			}
			diff(t, bares(t, r), tt.want)
			quotesNothing(t, r)
		})
	}
}

func quotesNothing(t *testing.T, r conversions.Reply) {
	t.Helper()
	if text := fmt.Sprintf("%+v %+v", r, r.Call); strings.Contains(text, "Sample") || strings.Contains(text, "CjwK") {
		t.Errorf("the reply quotes the server: %s", text)
	}
}

// Refusals of the whole request.
func TestRefusalOfTheWhole(t *testing.T) {
	t.Parallel()
	split := func(code string) conversions.Answer { return answer(conversions.FixBatch, code) }
	tests := []struct {
		name, body string
		want       conversions.Answer
	}{
		{"no details", refused(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"), split("INVALID_ARGUMENT")},
		{"a reason of rows", refused(400, "INVALID_ARGUMENT", "EVENT_TIME_INVALID"), split("EVENT_TIME_INVALID")},
		{"an unknown reason", refused(400, "INVALID_ARGUMENT", "BRAND_NEW"), split("BRAND_NEW")},
		{"a row that is not there", invalid("events[7]", "INVALID_FORMAT"), split("INVALID_FORMAT")},
		{"no number", invalid("events[x]", "INVALID_FORMAT"), split("INVALID_FORMAT")},
		{"a negative number", invalid("events[-1]", "INVALID_FORMAT"), split("INVALID_FORMAT")},
		{"a large number", invalid("events[99999999999999999999]", "INVALID_FORMAT"), split("INVALID_FORMAT")},
		{"another list", invalid("consents[1]", "INVALID_FORMAT"), split("INVALID_FORMAT")},
		{"a field of nobody", invalid("encoding", "REQUIRED_FIELD_MISSING"), split("REQUIRED_FIELD_MISSING")},
		{"an action of several", refused(400, "INVALID_ARGUMENT", "INVALID_CONVERSION_ACTION_ID"), split("INVALID_CONVERSION_ACTION_ID")},
		{"the account", refused(400, "FAILED_PRECONDITION", "TERMS_AND_CONDITIONS_NOT_SIGNED"), paused(conversions.ScopeAccount, "TERMS_AND_CONDITIONS_NOT_SIGNED")},
		{"the account, by a row", invalid("events[1].currency", "INVALID_CURRENCY_CODE"), paused(conversions.ScopeAccount, "INVALID_CURRENCY_CODE")},
		{"the account, by a destination", invalid("destinations[0].operating_account", "PERMISSION_DENIED"), paused(conversions.ScopeAccount, "PERMISSION_DENIED")},
		{"a passing fault", refused(400, "INVALID_ARGUMENT", "INTERNAL_ERROR"), answer(conversions.Retry, "INTERNAL_ERROR")},
		{"not from Google", "<html>" + secret, conversions.Answer{Verdict: conversions.FixBatch, Code: "HTTP.400"}},
		{"nothing", "", conversions.Answer{Verdict: conversions.FixBatch, Code: "HTTP.400"}},
		{"details of other types", `{"error":{"details":[7,"x",null,{"@type":3,"fieldViolations":"x"},{"fieldViolations":[{"field":5}]}]}}`, conversions.Answer{Verdict: conversions.FixBatch, Code: "HTTP.400"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := serve(t, respond(400, tt.body))
			r := to(t, g).Upload(t.Context(), mixed(t, 4), false)
			if r.Call == nil || r.Named || r.Unknown || len(r.Answers) != 4 {
				t.Fatalf("reply = %+v", r)
			}
			diff(t, bare(t, *r.Call), tt.want)
			quotesNothing(t, r)
		})
	}
}

// Alone in its request a row is told its own verdict, and nothing final without a reason of Google's.
func TestRefusalOfALoneRow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		want       conversions.Answer
	}{
		{"a reason of rows", refused(400, "INVALID_ARGUMENT", "EVENT_TIME_INVALID"), answer(conversions.Refused, "EVENT_TIME_INVALID")},
		{"a reason of batches", refused(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"), answer(conversions.Refused, "INVALID_ARGUMENT")},
		{"an unknown reason", refused(400, "INVALID_ARGUMENT", "BRAND_NEW"), conversions.Answer{Verdict: conversions.Retry, Counts: true, Code: "ErrorReason.BRAND_NEW"}},
		{"an action", refused(400, "INVALID_ARGUMENT", "INVALID_CONVERSION_ACTION_TYPE"), paused(conversions.ScopeAction, "INVALID_CONVERSION_ACTION_TYPE")},
		{"not from Google", "<html>", conversions.Answer{Verdict: conversions.Retry, Counts: true, Code: "HTTP.400"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := to(t, serve(t, respond(400, tt.body))).Upload(t.Context(), batch(t, 1), false)
			if r.Call != nil || r.Unknown {
				t.Errorf("reply = %+v", r)
			}
			diff(t, bares(t, r), []conversions.Answer{tt.want})
		})
	}
}

// Calls that failed for reasons that are no row's.
func TestFailedCalls(t *testing.T) {
	t.Parallel()
	retryInfo := `{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"41.5s"}`
	daily := strings.ReplaceAll(refused(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED"), "PerMinute", "PerDay")
	account := func(code string) conversions.Answer {
		return conversions.Answer{Verdict: conversions.Pause, Scope: conversions.ScopeAccount, Code: code}
	}
	wait := func(d time.Duration, code string) conversions.Answer {
		return conversions.Answer{Verdict: conversions.Later, Wait: d, Code: code}
	}
	again := func(code string) conversions.Answer {
		return conversions.Answer{Verdict: conversions.Retry, Code: code}
	}
	tests := []struct {
		name    string
		status  int
		body    string
		header  string
		want    conversions.Answer
		unknown bool
	}{
		{"no scope", 403, refused(403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), "", account("ErrorReason.ACCESS_TOKEN_SCOPE_INSUFFICIENT"), false},
		{"API off", 403, refused(403, "PERMISSION_DENIED", "SERVICE_DISABLED"), "", account("ErrorReason.SERVICE_DISABLED"), false},
		{"quota project", 403, refused(403, "PERMISSION_DENIED", "USER_PROJECT_DENIED"), "", account("ErrorReason.USER_PROJECT_DENIED"), false},
		{"no access", 403, refused(403, "PERMISSION_DENIED", "PERMISSION_DENIED"), "", account("ErrorReason.PERMISSION_DENIED"), false},
		{"forbidden for a reason of rows", 403, refused(403, "PERMISSION_DENIED", "INVALID_EVENT"), "", account("ErrorReason.INVALID_EVENT"), false},
		{"forbidden", 403, "", "", account("HTTP.403"), false},
		{"not signed in", 401, refused(401, "UNAUTHENTICATED", "CREDENTIALS_MISSING"), "", account("ErrorReason.CREDENTIALS_MISSING"), false},
		{"not signed in, no reason", 401, "", "", account("HTTP.401"), false},
		{"not found", 404, refused(404, "NOT_FOUND", "NOT_FOUND"), "", account("ErrorReason.NOT_FOUND"), false},
		{"no API here", 404, "<html>", "", account("HTTP.404"), false},
		{"moved", 307, "", "Location: /token", account("HTTP.307"), false},
		{"no such method", 405, "", "", account("HTTP.405"), false},
		{"too large", 413, "", "", conversions.Answer{Verdict: conversions.FixBatch, Code: "HTTP.413"}, false},
		{"quota of the minute", 429, refused(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED"), "", wait(time.Minute, "ErrorReason.RATE_LIMIT_EXCEEDED"), false},
		{"quota of the day", 429, daily, "", wait(2*time.Hour, "ErrorReason.RATE_LIMIT_EXCEEDED"), false},
		{"quota with a delay", 429, refused(429, "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED", retryInfo), "Retry-After: 7", wait(41500*time.Millisecond, "ErrorReason.RESOURCE_EXHAUSTED"), false},
		{"quota with a header", 429, "", "Retry-After: 120", wait(2*time.Minute, "HTTP.429"), false},
		{"quota with an absurd delay", 429, "", "Retry-After: 99999999", wait(24*time.Hour, "HTTP.429"), false},
		{"quota with a header that is none", 429, "", "Retry-After: tomorrow", wait(time.Minute, "HTTP.429"), false},
		{"server error", 500, refused(500, "INTERNAL", "INTERNAL_ERROR"), "", again("ErrorReason.INTERNAL_ERROR"), true},
		{"bad gateway", 502, "<html>", "", again("HTTP.502"), true},
		{"unavailable", 503, "", "", again("HTTP.503"), true},
		{"timeout behind", 504, refused(504, "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"), "", again("ErrorReason.DEADLINE_EXCEEDED"), true},
		{"broken off", 499, "", "", again("HTTP.499"), true},
		{"not implemented", 501, "", "", account("HTTP.501"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := serve(t, respond(tt.status, tt.body, "X-Test: 1", tt.header))
			r := to(t, g).Upload(t.Context(), batch(t, 3), false)
			if r.Call == nil || r.Unknown != tt.unknown || r.Named || len(r.Answers) != 3 {
				t.Fatalf("reply = %+v, want unknown %t", r, tt.unknown)
			}
			diff(t, bare(t, *r.Call), tt.want)
			quotesNothing(t, r)
			if tt.status != 401 && len(g.calls()) != 1 {
				t.Errorf("%d calls", len(g.calls()))
			}
			check := to(t, g).Upload(t.Context(), batch(t, 3), true)
			if check.Unknown {
				t.Error("a check that did no work is unknown")
			}
		})
	}
}

func TestMissingScopeSaysHowToGetIt(t *testing.T) {
	t.Parallel()
	g := serve(t, respond(403, refused(403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT")))
	hint := to(t, g).Upload(t.Context(), batch(t, 1), false).Call.Hint
	if !strings.Contains(hint, googleauth.ScopeGoogleAds) || !strings.Contains(hint, googleauth.ScopeDataManager) || !strings.Contains(hint, "refresh token") {
		t.Errorf("hint = %q", hint)
	}
}
