package sandbox_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"closeloop/sandbox"
)

func TestDecodeRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name         string
		change       func(object)
		field, texts string
	}{
		{"unknown name", with("validate", true), "", `Unknown name "validate": Cannot find field.`},
		{"unknown name in an event", inEvent("value", 1), "events[1]", `Unknown name "value" at 'events[1]': Cannot find field.`},
		{"unknown name below", inEvent("adIdentifiers", object{"Gclid": "x"}), "events[1].ad_identifiers", `Unknown name "Gclid"`},
		{"snake case", inEvent("event_source", "WEB"), "events[1]", `Unknown name "event_source"`},
		{"name with a slash", with("a/b~c", 1), "", `Unknown name "a/b~c"`},
		{"unknown word", inEvent("eventSource", "CALL"), "events[1].event_source", "Invalid value at 'events[1].event_source'"},
		{"number of a word", inEvent("eventSource", 1), "events[1].event_source", "Invalid value"},
		{"word of the Google Ads API", inEvent("consent", object{"adUserData": "GRANTED"}), "events[1].consent.ad_user_data", "Invalid value"},
		{"time without zone", inEvent("eventTimestamp", "2026-11-22T14:05:09"), "events[1].event_timestamp", "Invalid value"},
		{"time of the Google Ads API", inEvent("eventTimestamp", "2026-11-22 14:05:09-05:00"), "events[1].event_timestamp", "Invalid value"},
		{"time that is none", inEvent("eventTimestamp", "2026-02-30T14:05:09Z"), "events[1].event_timestamp", "Invalid value"},
		{"text for a number", inEvent("conversionValue", "2500"), "events[1].conversion_value", "Invalid value"},
		{"number for a text", inEvent("transactionId", 7), "events[1].transaction_id", "Invalid value"},
		{"int64 as a number", inEvent("cartData", object{"items": []object{{"quantity": 1}}}), "events[1].cart_data.items[0].quantity", "Invalid value"},
		{"object for a list", with("destinations", object{}), "destinations", "Invalid value"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, testConfig())
			req := ingestion(event("a-1"), event("a-2"))
			tt.change(req)
			a := r.ingest(t, req)
			if a.status != http.StatusBadRequest || a.body.Error.Status != "INVALID_ARGUMENT" {
				t.Fatalf("answer = %d %s, want 400", a.status, a.raw)
			}
			v := a.body.Error.Details[0].FieldViolations[0]
			if v.Field != tt.field || !strings.Contains(v.Description, tt.texts) || v.Reason != "" {
				t.Errorf("violation = %+v, want field %q and %q, without a reason", v, tt.field, tt.texts)
			}
		})
	}
}

// inEvent sets a field of the second event.
func inEvent(name string, value any) func(object) {
	return func(o object) {
		events, _ := o["events"].([]object)
		events[1][name] = value
	}
}

func TestDecodeTaken(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(object){
		"null":           inEvent("userData", nil),
		"time in UTC":    inEvent("eventTimestamp", "2026-11-22T19:05:09.123456Z"),
		"int64 as text":  inEvent("cartData", object{"items": []object{{"quantity": "12"}}}),
		"denied consent": inEvent("consent", object{"adUserData": "CONSENT_DENIED", "adPersonalization": "CONSENT_GRANTED"}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, testConfig())
			req := ingestion(event("a-1"), event("a-2"))
			change(req)
			if a := r.ingest(t, req); a.status != http.StatusOK {
				t.Errorf("answer = %d %s", a.status, a.raw)
			}
		})
	}
}

func TestBodyRefused(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	good, err := json.Marshal(ingestion(event("a-1")))
	if err != nil {
		t.Fatalf("Marshal: %v", err)
	}
	for name, body := range map[string]string{
		"empty": "", "cut": string(good[:len(good)-1]), "list": "[" + string(good) + "]", "text": "hello",
		"two objects": string(good) + string(good), "name twice": `{"validateOnly":true,"validateOnly":false}`,
		"bad UTF-8": "{\"encoding\":\"\xff\"}",
	} {
		a, err := r.dataManager(t, r.server.Token(), http.MethodPost, "/v1/events:ingest", []byte(body))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if a.status != http.StatusBadRequest || len(a.body.Error.Details) == 0 {
			t.Errorf("%s: answer = %d %s, want 400 with details", name, a.status, a.raw)
		}
	}
	for _, q := range r.server.Requests() {
		if q.API != sandbox.APIDataManager || q.Rows != 0 || !strings.HasPrefix(q.Outcome, "INVALID_ARGUMENT") {
			t.Errorf("request = %+v", q)
		}
	}
}
