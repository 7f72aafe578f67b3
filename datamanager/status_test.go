package datamanager_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/datamanager"
)

// status is the body of a status answer.
func status(destinations ...string) string {
	return `{"requestStatusPerDestination":[` + strings.Join(destinations, ",") + `]}`
}

// one is the status of one destination; counts are its error counts.
func one(action, word string, counts ...string) string {
	return fmt.Sprintf(`{"destination":{"reference":"a%s","productDestinationId":%q},"requestStatus":%q,`+
		`"errorInfo":{"errorCounts":[%s]},"warningInfo":{"warningCounts":[{"recordCount":"1","reason":"PROCESSING_WARNING_REASON_INTERNAL_ERROR"}]},`+
		`"eventsIngestionStatus":{"recordCount":"4"}}`, action, action, word, strings.Join(counts, ","))
}

func count(n, reason string) string {
	return fmt.Sprintf(`{"recordCount":%s,"reason":"PROCESSING_ERROR_REASON_%s"}`, n, reason)
}

func rowsOf(n, reason, indices string) string {
	return fmt.Sprintf(`{"recordCount":%s,"reason":"PROCESSING_ERROR_REASON_%s","recordIndices":%s}`, n, reason, indices)
}

func said(v conversions.Verdict, e conversions.Evidence, code string, others ...string) conversions.Answer {
	a := conversions.Answer{Verdict: v, Evidence: e, Others: others}
	if code != "" {
		a.Code = "ProcessingErrorReason." + code
	}
	switch code {
	case "CLICK_NOT_FOUND":
		a.Unmatched = true
	case "DUPLICATE_TRANSACTION_ID":
		a.By = conversions.ByOrderID
	case "DUPLICATE_GCLID":
		a.By = conversions.ByClickTime
	case "TOO_RECENT_CLICK":
		a.Wait = 6 * time.Hour
	}
	return a
}

// unclear is what four rows are told of which some failed.
func unclear(word string, failed, of int, reasons ...string) conversions.Answer {
	a := conversions.Answer{Verdict: conversions.Unclear, Evidence: conversions.EvidenceCounts, Code: "RequestStatus." + word, Failed: failed, Of: of}
	for _, r := range reasons {
		a.Others = append(a.Others, "ProcessingErrorReason."+r)
	}
	return a
}

func times(n int, a conversions.Answer) []conversions.Answer {
	return slices.Repeat([]conversions.Answer{a}, n)
}

// processed asks for the status of a batch at a server that answers so.
func processed(t *testing.T, b conversions.Batch, code int, body string) conversions.Reply {
	t.Helper()
	g := serve(t, respond(code, body))
	b.RequestID = "r-1/&?"
	r := to(t, g, func(c *datamanager.Config) { c.QuotaProject = "kitchens-prod" }).Status(t.Context(), b)
	seen := g.calls()
	if len(seen) == 0 || seen[0].method != http.MethodGet || seen[0].path != "/v1/requestStatus:retrieve?requestId=r-1%2F%26%3F" ||
		seen[0].body != "" || seen[0].header.Get("X-Goog-User-Project") != "kitchens-prod" {
		t.Errorf("calls = %+v", seen)
	}
	if len(r.Answers) != len(b.Items) {
		t.Fatalf("%d answers to %d rows", len(r.Answers), len(b.Items))
	}
	if r.Unknown || r.Named {
		t.Errorf("unknown %t, named %t", r.Unknown, r.Named)
	}
	return r
}

// TestStatus is about a request of four rows for one action, without click ids, which may be erased by then.
func TestStatus(t *testing.T) {
	t.Parallel()
	const partial, failed = "PARTIAL_SUCCESS", "FAILED"
	index, counts, whole := conversions.EvidenceIndex, conversions.EvidenceCounts, conversions.EvidenceWhole
	done := said(conversions.Done, index, "")
	lost := said(conversions.Refused, index, "CLICK_NOT_FOUND")
	all := func(a conversions.Answer) []conversions.Answer { return times(4, a) }
	processing := all(conversions.Answer{Verdict: conversions.Submitted})
	someLost := unclear(partial, 2, 4, "CLICK_NOT_FOUND")
	tests := []struct {
		name, body string
		want       []conversions.Answer
	}{
		{"success", status(one(booked, "SUCCESS")), all(said(conversions.Done, whole, ""))},
		{"processing", status(one(booked, "PROCESSING")), processing},
		{"unknown", status(one(booked, "REQUEST_STATUS_UNKNOWN")), processing},
		{"a new word", status(one(booked, "SIMMERING")), processing},
		{"nothing said", `{}`, processing},
		{"another destination", status(one("99", "SUCCESS")), processing},

		{"rows named by numbers", status(one(booked, partial, rowsOf(`"2"`, "CLICK_NOT_FOUND", "[1,3]"))), []conversions.Answer{done, lost, done, lost}},
		{"rows named by texts", status(one(booked, partial, rowsOf(`2`, "CLICK_NOT_FOUND", `["0","2"]`))), []conversions.Answer{lost, done, lost, done}},
		{"rows named for several reasons", status(one(booked, partial, rowsOf("1", "CLICK_NOT_FOUND", "[0]"), rowsOf("1", "TOO_RECENT_CLICK", "[2]"), rowsOf("1", "DUPLICATE_TRANSACTION_ID", "[3]"))), []conversions.Answer{
			lost, done, said(conversions.Later, index, "TOO_RECENT_CLICK"), said(conversions.AlreadyThere, index, "DUPLICATE_TRANSACTION_ID"),
		}},
		{"a row named for two reasons", status(one(booked, partial, rowsOf("1", "TOO_RECENT_CLICK", "[1]"), rowsOf("1", "INVALID_GCLID", "[1]"))), []conversions.Answer{
			done, said(conversions.Refused, index, "INVALID_GCLID", "ProcessingErrorReason.TOO_RECENT_CLICK"), done, done,
		}},
		{"every row named", status(one(booked, failed, rowsOf("4", "CLICK_NOT_FOUND", "[3,2,1,0]"))), all(lost)},
		{"failed, and rows not named", status(one(booked, failed, rowsOf("2", "CLICK_NOT_FOUND", "[0,1]"))), all(unclear(failed, 4, 4, "CLICK_NOT_FOUND"))},
		{"success with rows named", status(one(booked, "SUCCESS", rowsOf("1", "CLICK_NOT_FOUND", "[0]"))), []conversions.Answer{lost, done, done, done}},

		{"a row out of range", status(one(booked, partial, rowsOf("2", "CLICK_NOT_FOUND", "[1,4]"))), all(someLost)},
		{"a row twice", status(one(booked, partial, rowsOf("2", "CLICK_NOT_FOUND", "[1,1]"))), all(someLost)},
		{"too few rows", status(one(booked, partial, rowsOf("2", "CLICK_NOT_FOUND", "[1]"))), all(someLost)},
		{"too many rows", status(one(booked, partial, rowsOf("2", "CLICK_NOT_FOUND", "[1,2,3]"))), all(someLost)},
		{"no number", status(one(booked, partial, rowsOf("2", "CLICK_NOT_FOUND", `[1,"x"]`))), all(someLost)},
		{"a negative number", status(one(booked, partial, rowsOf("2", "CLICK_NOT_FOUND", `[1,-2]`))), all(someLost)},
		{"a fraction", status(one(booked, partial, rowsOf("2", "CLICK_NOT_FOUND", `[1,2.5]`))), all(someLost)},
		{"no list", status(one(booked, partial, rowsOf("2", "CLICK_NOT_FOUND", `{"a":1}`))), all(someLost)},
		{"rows for some reasons only", status(one(booked, partial, rowsOf("1", "CLICK_NOT_FOUND", "[0]"), count("1", "INVALID_GCLID"))), all(unclear(partial, 2, 4, "CLICK_NOT_FOUND", "INVALID_GCLID"))},
		{"rows of nothing", status(one(booked, partial, rowsOf("0", "CLICK_NOT_FOUND", "[]"))), all(unclear(partial, 0, 4))},

		{"one reason for all", status(one(booked, failed, count(`"4"`, "TOO_RECENT_CLICK"))), all(said(conversions.Later, counts, "TOO_RECENT_CLICK"))},
		{"one reason for all, in parts", status(one(booked, failed, count("1", "CLICK_NOT_FOUND"), count("3", "CLICK_NOT_FOUND"))), all(said(conversions.Refused, counts, "CLICK_NOT_FOUND"))},
		{"one reason for some", status(one(booked, partial, count("2", "CLICK_NOT_FOUND"))), all(someLost)},
		{"failed, one reason for some", status(one(booked, failed, count("2", "CLICK_NOT_FOUND"))), all(unclear(failed, 4, 4, "CLICK_NOT_FOUND"))},
		{"several reasons for all", status(one(booked, failed, count("1", "CLICK_NOT_FOUND"), count("3", "INVALID_GCLID"))), all(unclear(failed, 4, 4, "CLICK_NOT_FOUND", "INVALID_GCLID"))},
		{"more than all", status(one(booked, partial, count("9", "CLICK_NOT_FOUND"))), all(unclear(partial, 4, 4, "CLICK_NOT_FOUND"))},
		{"no counts", status(one(booked, partial)), all(unclear(partial, 0, 4))},
		{"counts of nothing", status(one(booked, partial, count("0", "CLICK_NOT_FOUND"))), all(unclear(partial, 0, 4))},
		{"a count that is none", status(one(booked, partial, count(`"many"`, "CLICK_NOT_FOUND"))), all(unclear(partial, 0, 4, "CLICK_NOT_FOUND"))},

		{"all there before", status(one(booked, failed, count("4", "DUPLICATE_TRANSACTION_ID"))), all(said(conversions.AlreadyThere, counts, "DUPLICATE_TRANSACTION_ID"))},
		{"some there before, the rest taken", status(one(booked, partial, count("3", "DUPLICATE_TRANSACTION_ID"))), all(said(conversions.AlreadyThere, counts, "DUPLICATE_TRANSACTION_ID"))},
		{"failed, and some there before", status(one(booked, failed, count("2", "DUPLICATE_TRANSACTION_ID"))), all(unclear(failed, 2, 4, "DUPLICATE_TRANSACTION_ID"))},
		{"said twice", status(one(booked, "PROCESSING"), one(booked, "SUCCESS")), processing},
		{"some there before, some failed", status(one(booked, partial, count("2", "DUPLICATE_TRANSACTION_ID"), count("1", "CLICK_NOT_FOUND"))), all(unclear(partial, 1, 4, "DUPLICATE_TRANSACTION_ID", "CLICK_NOT_FOUND"))},
		{"some there before, the rest failed", status(one(booked, failed, count("2", "DUPLICATE_TRANSACTION_ID"), count("2", "CLICK_NOT_FOUND"))), all(unclear(failed, 2, 4, "DUPLICATE_TRANSACTION_ID", "CLICK_NOT_FOUND"))},
		{"all there by click and time", status(one(booked, failed, count("4", "DUPLICATE_GCLID"))), all(said(conversions.AlreadyThere, counts, "DUPLICATE_GCLID"))},
		{"some there by click and time", status(one(booked, partial, count("1", "DUPLICATE_GCLID"))), all(unclear(partial, 1, 4, "DUPLICATE_GCLID"))},
		{"there by either", status(one(booked, failed, count("3", "DUPLICATE_GCLID"), count("1", "DUPLICATE_TRANSACTION_ID"))), all(unclear(failed, 3, 4, "DUPLICATE_GCLID", "DUPLICATE_TRANSACTION_ID"))},

		{"no reason", status(one(booked, failed, `{"recordCount":"4"}`)), all(conversions.Answer{Verdict: conversions.Retry, Counts: true, Code: "ProcessingErrorReason.UNSPECIFIED", Evidence: counts})},
		{"a reason that is data", status(one(booked, failed, `{"recordCount":"4","reason":"`+secret+`"}`)), all(conversions.Answer{Verdict: conversions.Retry, Counts: true, Code: "ProcessingErrorReason.UNRECOGNISED", Evidence: counts})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := batch(t, 4)
			for i := range b.Items {
				b.Items[i].ClickID = ""
			}
			r := processed(t, b, http.StatusOK, tt.body)
			if r.Call != nil {
				t.Fatalf("call = %+v", r.Call)
			}
			diff(t, bares(t, r), tt.want)
			quotesNothing(t, r)
		})
	}
}

func TestStatusFailedWithoutCounts(t *testing.T) {
	t.Parallel()
	want := unclear("FAILED", 4, 4)
	want.Evidence = conversions.EvidenceWhole
	r := processed(t, batch(t, 4), http.StatusOK, status(one(booked, "FAILED")))
	diff(t, bares(t, r), times(4, want))
	if got := r.Answers[0].Sentence; got != "4 of these 4 conversions failed, and Google does not say which." {
		t.Errorf("sentence = %q", got)
	}
}

// Alone in its destination a row is told every reason that was counted.
func TestStatusOfALoneRow(t *testing.T) {
	t.Parallel()
	want := unclear("FAILED", 1, 1)
	want.Evidence = conversions.EvidenceWhole
	tests := []struct {
		name, body string
		want       conversions.Answer
	}{
		{"a reason", one(booked, "FAILED", count("1", "CLICK_NOT_FOUND")), said(conversions.Refused, conversions.EvidenceCounts, "CLICK_NOT_FOUND")},
		{"two reasons", one(booked, "FAILED", count("1", "INTERNAL_ERROR"), count("1", "CLICK_NOT_FOUND")), said(conversions.Refused, conversions.EvidenceCounts, "CLICK_NOT_FOUND", "ProcessingErrorReason.INTERNAL_ERROR")},
		{"no reason", one(booked, "FAILED"), want},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			diff(t, bares(t, processed(t, batch(t, 1), http.StatusOK, status(tt.body))), []conversions.Answer{tt.want})
		})
	}
}

// TestStatusOfTwoActions is about a request of six rows for two actions in turn.
func TestStatusOfTwoActions(t *testing.T) {
	t.Parallel()
	index, whole := conversions.EvidenceIndex, conversions.EvidenceWhole
	done, ok := said(conversions.Done, index, ""), said(conversions.Done, whole, "")
	lost, old := said(conversions.Refused, index, "CLICK_NOT_FOUND"), said(conversions.Refused, index, "EVENT_TOO_OLD")
	dim := unclear("PARTIAL_SUCCESS", 1, 3, "CLICK_NOT_FOUND")
	dimmer := unclear("PARTIAL_SUCCESS", 1, 3, "EVENT_TOO_OLD")
	wait := conversions.Answer{Verdict: conversions.Submitted}
	lostAt := func(index string) string {
		return one(booked, "PARTIAL_SUCCESS", rowsOf("1", "CLICK_NOT_FOUND", index))
	}
	oldAt := func(index string) string {
		return one(quoted, "PARTIAL_SUCCESS", rowsOf("1", "EVENT_TOO_OLD", index))
	}
	unnamed := func(word string) string { return `{"requestStatus":"` + word + `"}` }
	tests := []struct {
		name, body string
		want       []conversions.Answer
	}{
		{"in another order", status(one(quoted, "PROCESSING"), one(booked, "SUCCESS")), []conversions.Answer{ok, wait, ok, wait, ok, wait}},
		{"by action alone", status(`{"destination":{"productDestinationId":"12"},"requestStatus":"SUCCESS"}`), []conversions.Answer{wait, ok, wait, ok, wait, ok}},
		{"by place", status(unnamed("PROCESSING"), unnamed("SUCCESS"), unnamed("FAILED")), []conversions.Answer{wait, ok, wait, ok, wait, ok}},
		{"numbered by request", status(lostAt("[4]"), oldAt("[5]")), []conversions.Answer{done, done, done, done, lost, old}},
		{"numbered by destination", status(lostAt("[1]"), oldAt("[2]")), []conversions.Answer{done, done, lost, done, done, old}},
		{"either, alike", status(lostAt("[0]"), one(quoted, "SUCCESS")), []conversions.Answer{lost, ok, done, ok, done, ok}},
		{"either, not alike", status(lostAt("[2]"), one(quoted, "SUCCESS")), []conversions.Answer{dim, ok, dim, ok, dim, ok}},
		{"one settles the other", status(lostAt("[2]"), oldAt("[5]")), []conversions.Answer{done, done, lost, done, done, old}},
		{"neither", status(lostAt("[1]"), oldAt("[4]")), []conversions.Answer{dim, dimmer, dim, dimmer, dim, dimmer}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			diff(t, bares(t, processed(t, mixed(t, 6), http.StatusOK, tt.body)), tt.want)
		})
	}
}

func TestStatusCallFails(t *testing.T) {
	t.Parallel()
	account := func(code string) conversions.Answer {
		return conversions.Answer{Verdict: conversions.Pause, Scope: conversions.ScopeAccount, Code: code}
	}
	again := func(code string) conversions.Answer {
		return conversions.Answer{Verdict: conversions.Retry, Code: code}
	}
	tests := []struct {
		name string
		code int
		body string
		want conversions.Answer
	}{
		{"unknown id", 400, refused(400, "INVALID_ARGUMENT", "INVALID_REQUEST_ID"), again("ErrorReason.INVALID_REQUEST_ID")},
		{"unknown id, by field", 400, invalid("request_id", "INVALID_REQUEST_ID"), again("ErrorReason.INVALID_REQUEST_ID")},
		{"not found", 404, refused(404, "NOT_FOUND", "NOT_FOUND"), again("ErrorReason.INVALID_REQUEST_ID")},
		{"not taken", 400, refused(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"), again("ErrorReason.INVALID_ARGUMENT")},
		{"not taken, no reason", 400, "", again("HTTP.400")},
		{"the account", 400, refused(400, "FAILED_PRECONDITION", "TERMS_AND_CONDITIONS_NOT_SIGNED"), account("ErrorReason.TERMS_AND_CONDITIONS_NOT_SIGNED")},
		{"no access", 403, refused(403, "PERMISSION_DENIED", "PERMISSION_DENIED"), account("ErrorReason.PERMISSION_DENIED")},
		{"no scope", 403, refused(403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), account("ErrorReason.ACCESS_TOKEN_SCOPE_INSUFFICIENT")},
		{"quota", 429, refused(429, "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED"), conversions.Answer{Verdict: conversions.Later, Wait: time.Minute, Code: "ErrorReason.RESOURCE_EXHAUSTED"}},
		{"unavailable", 503, "", again("HTTP.503")},
		{"unreadable", 200, `{"requestStatusPerDestination":7}`, again("HTTP.UNREADABLE")},
		{"no JSON", 200, `<html>`, again("HTTP.UNREADABLE")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := processed(t, batch(t, 3), tt.code, tt.body)
			if r.Call == nil {
				t.Fatalf("reply = %+v", r)
			}
			diff(t, bare(t, *r.Call), tt.want)
			quotesNothing(t, r)
		})
	}
}

func TestStatusWithoutCall(t *testing.T) {
	t.Parallel()
	g := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	c := to(t, g)
	if r := c.Status(t.Context(), batch(t, 2)); r.Call == nil || r.Call.Code != "Closeloop.NO_REQUEST_ID" || len(r.Answers) != 2 {
		t.Errorf("no id: %+v", r)
	}
	if r := c.Status(t.Context(), batch(t, 0)); r.Call != nil || len(r.Answers) != 0 {
		t.Errorf("empty: %+v", r)
	}
	if n := len(g.calls()); n != 0 {
		t.Errorf("%d calls", n)
	}
	b := batch(t, 2)
	b.RequestID = "r-1"
	if r := c.Status(t.Context(), b); r.Call == nil || r.Unknown || r.Call.Verdict != conversions.Retry {
		t.Errorf("lost: %+v", r)
	}
}
