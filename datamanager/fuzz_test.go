package datamanager_test

import (
	"testing"

	"closeloop/conversions"
	"closeloop/datamanager"
)

// FuzzReadStatus: whatever a server says, there is one sound answer per row, and a row is only final when something was
// said of it.
func FuzzReadStatus(f *testing.F) {
	for _, body := range []string{
		`{}`, `null`, `[]`, status(one(booked, "SUCCESS")), status(one(booked, "PROCESSING"), one(quoted, "FAILED")),
		status(one(booked, "PARTIAL_SUCCESS", rowsOf(`"2"`, "CLICK_NOT_FOUND", `["0",2]`)), one(quoted, "SUCCESS")),
		status(one(booked, "PARTIAL_SUCCESS", count("3", "DUPLICATE_TRANSACTION_ID")), one(quoted, "FAILED", count("3", "EVENT_TOO_OLD"))),
		status(`{"requestStatus":"SUCCESS"}`, `null`), `{"requestStatusPerDestination":null}`,
		status(one(booked, "FAILED", rowsOf("-1", "", `null`), rowsOf("1e9", "X", `[[]]`))),
	} {
		f.Add([]byte(body))
	}
	items := mixed(f, 6).Items
	f.Fuzz(func(t *testing.T, body []byte) {
		answers, err := datamanager.ReadStatus(items, body)
		if err != nil {
			return
		}
		if len(answers) != len(items) {
			t.Fatalf("%d answers to %d rows", len(answers), len(items))
		}
		for i, a := range answers {
			sound(t, i, a)
			if final := a.Verdict != conversions.Submitted; final != (a.Evidence != "") {
				t.Errorf("row %d: %s by evidence %q", i, a.Verdict, a.Evidence)
			}
			if a.Failed < 0 || a.Failed > a.Of || (a.Of > 0) != (a.Verdict == conversions.Unclear) {
				t.Errorf("row %d: %s with %d of %d failed", i, a.Verdict, a.Failed, a.Of)
			}
		}
	})
}

// FuzzReadRefusal: whatever a server says, every row has a sound answer, none is done, and what is named is not the whole.
func FuzzReadRefusal(f *testing.F) {
	for _, body := range []string{
		"", "<html>", `{"error":{}}`, refused(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
		invalid("events.events[2].event_timestamp", "EVENT_TIME_INVALID"), invalid("destinations[1]", "INVALID_DESTINATION"),
		invalid("events[0]", "INVALID_FORMAT", "events[9]", "INVALID_FORMAT"), `{"error":{"details":[{"retryDelay":"9s"}]}}`,
		`{"error":{"details":[{"@type":"google.rpc.RetryInfo","retryDelay":"-9h"}]}}`,
	} {
		f.Add(400, []byte(body))
		f.Add(429, []byte(body))
		f.Add(503, []byte(body))
	}
	b := mixed(f, 4)
	f.Fuzz(func(t *testing.T, code int, body []byte) {
		if code == 200 {
			return
		}
		r := datamanager.ReadRefusal(b, code, body)
		if len(r.Answers) != len(b.Items) || r.Named && r.Call != nil || r.Unknown && r.Call == nil {
			t.Fatalf("reply = %+v", r)
		}
		if !r.Named && r.Call == nil {
			t.Error("neither rows are named nor did the call fail")
		}
		for i, a := range r.Answers {
			sound(t, i, a)
			if a.Verdict == conversions.Done || a.Verdict == conversions.AlreadyThere || a.Verdict == conversions.Submitted {
				t.Errorf("row %d of a refused request is %s", i, a.Verdict)
			}
			if a.Verdict == conversions.Refused && !r.Named {
				t.Errorf("row %d is refused and was not named", i)
			}
		}
	})
}

func sound(t *testing.T, i int, a conversions.Answer) {
	t.Helper()
	if a.Verdict != conversions.Done && (a.Sentence == "" || a.Hint == "") {
		t.Errorf("row %d: %s without words", i, a.Verdict)
	}
	if (a.Verdict == conversions.Pause) != (a.Scope != "") || (a.Verdict == conversions.AlreadyThere) != (a.By != "") {
		t.Errorf("row %d: %s, scope %q, by %q", i, a.Verdict, a.Scope, a.By)
	}
	if a.Wait < 0 {
		t.Errorf("row %d: wait %s", i, a.Wait)
	}
}
