package sandbox_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"closeloop/sandbox"
)

// without takes a field away.
func without(name string) func(object) { return func(o object) { delete(o, name) } }

// violations are the bad fields of a refusal as "events.events[0].currency INVALID_CURRENCY_CODE".
func violations(a answer) []string {
	var out []string
	for _, d := range a.body.Error.Details {
		for _, v := range d.FieldViolations {
			out = append(out, strings.TrimSpace(v.Field+" "+v.Reason))
		}
	}
	return out
}

// reason is the ErrorInfo of a refusal as "403 PERMISSION_DENIED ACCESS_TOKEN_SCOPE_INSUFFICIENT googleapis.com".
func reason(a answer) string {
	out := []string{http.StatusText(a.status), a.body.Error.Status}
	for _, d := range a.body.Error.Details {
		if d.Type == "type.googleapis.com/google.rpc.ErrorInfo" {
			out = append(out, d.Reason, d.Domain)
		}
	}
	return strings.Join(out, " ")
}

func userIdentifiers(ids ...object) func(object) {
	return with("userData", object{"userIdentifiers": ids})
}

func ofEmail(hash string) object { return object{"emailAddress": hash} }

func TestEventRefused(t *testing.T) {
	t.Parallel()
	base64Hash := "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="
	tests := []struct {
		name   string
		change func(object)
		want   string // path below the event, and reason; "" is accepted
	}{
		{"good", func(object) {}, ""},
		{"no time", without("eventTimestamp"), ".event_timestamp REQUIRED_FIELD_MISSING"},
		{"no source", without("eventSource"), ".event_source REQUIRED_FIELD_MISSING"},
		{"unspecified source", with("eventSource", "EVENT_SOURCE_UNSPECIFIED"), ".event_source REQUIRED_FIELD_MISSING"},
		{"in the future", with("eventTimestamp", "2026-11-23T09:00:01Z"), ".event_timestamp EVENT_TIME_INVALID"},
		{"very old, a matter of the processing", with("eventTimestamp", "2020-01-01T00:00:00Z"), ""},
		{"no identifiers", without("adIdentifiers"), " NO_IDENTIFIERS_PROVIDED"},
		{"empty identifiers", with("adIdentifiers", object{"gclid": ""}), " NO_IDENTIFIERS_PROVIDED"},
		{"gbraid", with("adIdentifiers", object{"gbraid": knownGB}), ""},
		{"wbraid", with("adIdentifiers", object{"wbraid": knownWB}), ""},
		{"session attributes", with("adIdentifiers", object{"sessionAttributes": "x"}), ""},
		{"address of the landing page", with("adIdentifiers", object{"landingPageDeviceInfo": object{"ipAddress": "192.0.2.1"}}), ""},
		{"two click ids", with("adIdentifiers", object{"gclid": knownID, "gbraid": knownGB}), ".ad_identifiers INVALID_EVENT"},
		{"bad currency", with("currency", "usd"), ".currency INVALID_CURRENCY_CODE"},
		{"no currency", without("currency"), ""},
		{"value 0", with("conversionValue", 0), ""},
		{"no value", without("conversionValue"), ""},
		{"negative value", with("conversionValue", -1), ".conversion_value INVALID_NUMBER_FORMAT"},
		{"digits", with("transactionId", "123"), ".transaction_id INVALID_FORMAT"},
		{"no transaction id", without("transactionId"), ""},
		{"unknown reference", with("destinationReferences", []string{"booked", "x"}), ".destination_references[1] INVALID_DESTINATION"},
		{"all destinations", without("destinationReferences"), ""},
		{"merchant id", with("cartData", object{"merchantId": "x"}), ".cart_data.merchant_id INVALID_MERCHANT_ID"},
		{"good merchant id", with("cartData", object{"merchantId": "12"}), ""},
		{"custom variable", with("customVariables", []object{{"variable": "x", "value": "y"}}), ".custom_variables[0].variable CUSTOM_VARIABLE_NOT_FOUND"},
		{"hash", userIdentifiers(ofEmail(knownHash)), ""},
		{"hash of a phone number", userIdentifiers(object{"phoneNumber": knownHash}), ""},
		{"upper case", userIdentifiers(ofEmail(strings.ToUpper(knownHash))), ""},
		{"not hashed", userIdentifiers(ofEmail("jane@example.com")), ".user_data.user_identifiers[0].email_address INVALID_HEX_ENCODING"},
		{"base64 called hex", userIdentifiers(ofEmail(base64Hash)), ".user_data.user_identifiers[0].email_address INVALID_HEX_ENCODING"},
		{"short hash", userIdentifiers(ofEmail("abcd")), ".user_data.user_identifiers[0].email_address INVALID_SHA256_FORMAT"},
		{"empty identifier", userIdentifiers(object{}), ".user_data.user_identifiers[0] REQUIRED_FIELD_MISSING"},
		{"half an address", userIdentifiers(object{"address": object{"givenName": knownHash}}), ".user_data.user_identifiers[0].address REQUIRED_FIELD_MISSING"},
		{"eleven identifiers", userIdentifiers(slicesOf(11, ofEmail(knownHash))...), ".user_data.user_identifiers TOO_MANY_USER_IDENTIFIERS"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, testConfig())
			a := r.ingest(t, ingestion(event("good"), event("a-1", tt.change)))
			var want []string
			status, holds := http.StatusOK, 1
			if tt.want != "" {
				want, status, holds = []string{"events.events[1]" + tt.want}, http.StatusBadRequest, 0
			}
			if diff := cmp.Diff(want, violations(a)); diff != "" || a.status != status {
				t.Errorf("answer = %d %s; violations (-want +got):\n%s", a.status, a.raw, diff)
			}
			if got := min(1, r.server.Requests()[0].Accepted); got != holds {
				t.Errorf("accepted = %d, want %d", got, holds)
			}
		})
	}
}

func slicesOf(n int, o object) []object {
	out := make([]object, n)
	for i := range out {
		out[i] = o
	}
	return out
}

func TestRequestRefused(t *testing.T) {
	t.Parallel()
	destinations := func(ds ...object) func(object) { return with("destinations", ds) }
	changed := func(change func(object)) func(object) {
		d := destinationOf("booked", account, "11")
		change(d)
		return destinations(d)
	}
	login := func(id string) func(object) {
		return with("loginAccount", object{"accountType": "GOOGLE_ADS", "accountId": id})
	}
	managedBy := func(id string) func(object) {
		d := destinationOf("booked", managed, "11")
		if id != "" {
			login(id)(d)
		}
		return destinations(d)
	}
	many := make([]object, 11)
	for i := range many {
		many[i] = destinationOf("booked"+strings.Repeat("+", i), account, "11")
	}
	denied := []string{"Forbidden PERMISSION_DENIED PERMISSION_DENIED datamanager.googleapis.com"}
	tests := []struct {
		name   string
		change func(object)
		want   []string
	}{
		{"good", func(object) {}, nil},
		{"no destinations", destinations(), []string{"destinations REQUIRED_FIELD_MISSING", "events.events[0].destination_references[0] INVALID_DESTINATION"}},
		{"eleven destinations", destinations(many...), []string{"destinations TOO_MANY_DESTINATIONS"}},
		{"ten destinations", destinations(many[:10]...), nil},
		{"the same reference twice", destinations(many[0], many[0]), []string{"destinations[1].reference DUPLICATE_DESTINATION_REFERENCE"}},
		{"no references at all", func(o object) {
			d := destinationOf("", account, "11")
			o["destinations"] = []object{d, d}
			o["events"] = []object{event("a-1", without("destinationReferences"))}
		}, nil},
		{"no events", with("events", []object{}), []string{"events REQUIRED_FIELD_MISSING"}},
		{"2000 events", with("events", slicesOf(2000, event("a-1"))), nil},
		{"2001 events", with("events", slicesOf(2001, event("a-1"))), []string{"events TOO_MANY_EVENTS"}},
		{"encrypted", with("encryptionInfo", object{"coordinatorKeyInfo": object{"keyId": "x"}}), []string{"encryption_info INVALID_ARGUMENT"}},
		{"no operating account", changed(without("operatingAccount")), []string{"destinations[0].operating_account REQUIRED_FIELD_MISSING"}},
		{"account without type", changed(with("operatingAccount", object{"accountId": account})), []string{"destinations[0].operating_account.account_type REQUIRED_FIELD_MISSING"}},
		{"account by product", changed(with("operatingAccount", object{"accountId": account, "product": "GOOGLE_ADS"})), nil},
		{"account of another kind", changed(with("operatingAccount", object{"accountId": account, "accountType": "FLOODLIGHT_CONFIG"})), []string{"destinations[0].operating_account.account_type INVALID_DESTINATION"}},
		{"account without id", changed(with("operatingAccount", object{"accountType": "GOOGLE_ADS"})), []string{"destinations[0].operating_account.account_id REQUIRED_FIELD_MISSING"}},
		{"account with hyphens", destinations(destinationOf("booked", "123-456-7890", "11")), []string{"destinations[0].operating_account.account_id INVALID_NUMBER_FORMAT"}},
		{"linked account", changed(with("linkedAccount", object{"accountType": "GOOGLE_ADS", "accountId": other})), []string{"destinations[0].linked_account LINKED_ACCOUNT_ONLY_ALLOWED_WITH_DATA_PARTNER_LOGIN_ACCOUNT"}},
		{"unknown account", destinations(destinationOf("booked", "7777777777", "11")), denied},
		{"disabled account", destinations(destinationOf("booked", disabled, "11")), denied},
		{"one good account, one out of reach", destinations(many[0], destinationOf("x", "7777777777", "11")), denied},
		{"itself as login", changed(login(account)), nil},
		{"foreign login", changed(login(manager)), []string{"destinations[0].login_account OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH"}},
		{"manager as login", managedBy(manager), nil},
		{"manager left out", managedBy(""), denied},
		{"wrong manager", managedBy(other), []string{"destinations[0].login_account OPERATING_ACCOUNT_LOGIN_ACCOUNT_MISMATCH"}},
		{"manager with hyphens", managedBy("999-999-9999"), []string{"destinations[0].login_account.account_id INVALID_NUMBER_FORMAT"}},
		{"no action", changed(without("productDestinationId")), []string{"destinations[0].product_destination_id REQUIRED_FIELD_MISSING"}},
		{"action by resource name", destinations(destinationOf("booked", account, action)), []string{"destinations[0].product_destination_id INVALID_CONVERSION_ACTION_ID"}},
		{"unknown action", destinations(destinationOf("booked", account, "99")), []string{"destinations[0].product_destination_id INVALID_CONVERSION_ACTION_ID"}},
		{"removed action", destinations(destinationOf("booked", account, "14")), []string{"destinations[0].product_destination_id INVALID_CONVERSION_ACTION_ID"}},
		{"action of another type", destinations(destinationOf("booked", account, "13")), []string{"destinations[0].product_destination_id INVALID_CONVERSION_ACTION_TYPE"}},
		{"action of the parent", destinations(destinationOf("booked", child, "11")), []string{"destinations[0].product_destination_id INVALID_CONVERSION_ACTION_ID"}},
		{"hashes without encoding", func(o object) {
			delete(o, "encoding")
			e := event("a-1", userIdentifiers(ofEmail(knownHash)))
			o["events"] = []object{e, e}
		}, []string{"encoding REQUIRED_FIELD_MISSING"}},
		{"no encoding, no hashes", without("encoding"), nil},
		{"base64", func(o object) {
			o["encoding"] = "BASE64"
			o["events"] = []object{
				event("a-1", userIdentifiers(ofEmail("uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek="))),
				event("a-2", userIdentifiers(ofEmail("%"))),
			}
		}, []string{"events.events[1].user_data.user_identifiers[0].email_address INVALID_BASE64_ENCODING"}},
		{"hashes for an account without the terms", func(o object) {
			o["destinations"] = []object{destinationOf("booked", other, "11")}
			o["events"] = []object{event("a-1", userIdentifiers(ofEmail(knownHash)))}
		}, []string{"events.events[0].user_data DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED"}},
		{"bad in several ways", func(o object) {
			o["destinations"] = []object{destinationOf("booked", account, "99")}
			o["events"] = []object{event("1", with("currency", "XXXX")), event("a-1"), event("a-2", without("eventSource"))}
		}, []string{
			"destinations[0].product_destination_id INVALID_CONVERSION_ACTION_ID",
			"events.events[0].currency INVALID_CURRENCY_CODE",
			"events.events[0].transaction_id INVALID_FORMAT",
			"events.events[2].event_source REQUIRED_FIELD_MISSING",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, clock := startTimed(t)
			req := ingestion(event("a-1"))
			tt.change(req)
			a := r.ingest(t, req)
			got := violations(a)
			if a.status == http.StatusForbidden {
				got = append(got, reason(a))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || (a.status == http.StatusOK) != (tt.want == nil) {
				t.Errorf("answer = %d %s; (-want +got):\n%s", a.status, a.raw, diff)
			}
			clock.add(testDay)
			if held := r.server.Conversions(); len(tt.want) > 0 && len(held) > 0 {
				t.Errorf("held of a refused request: %+v", held)
			}
		})
	}
}

func TestRefusalShape(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	a := r.ingest(t, ingestion(event("a-1", with("currency", "x"))))
	e := a.body.Error
	if a.status != 400 || e.Code != 400 || e.Message != "There was a problem with the request." {
		t.Errorf("error = %d %d %q", a.status, e.Code, e.Message)
	}
	if got, want := reason(a), "Bad Request INVALID_ARGUMENT INVALID_ARGUMENT datamanager.googleapis.com"; got != want {
		t.Errorf("reason = %q, want %q", got, want)
	}
	last := e.Details[len(e.Details)-1]
	if last.Type != "type.googleapis.com/google.rpc.RequestInfo" || last.RequestID != r.server.Requests()[0].ID {
		t.Errorf("request info = %+v, want that of %+v", last, r.server.Requests()[0])
	}
}

func TestValidateOnly(t *testing.T) {
	t.Parallel()
	r, clock := startTimed(t)
	req := ingestion(event("123"))
	req["validateOnly"] = true
	a := r.ingest(t, req)
	if a.status != http.StatusOK || a.body.RequestID == "" {
		t.Fatalf("answer = %d %s, want an id, even for a transaction id of digits", a.status, a.raw)
	}
	clock.add(testDay)
	if diff := cmp.Diff([]string{"request_id INVALID_REQUEST_ID"}, violations(r.look(t, a.body.RequestID))); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if held := r.server.Conversions(); len(held) != 0 {
		t.Errorf("held = %+v, want nothing", held)
	}
	if got := r.server.Requests()[0]; !got.ValidateOnly || got.Accepted != 1 || got.API != sandbox.APIDataManager {
		t.Errorf("request = %+v", got)
	}
	req["events"] = []object{event("a-1", with("currency", "x"))}
	if a := r.ingest(t, req); a.status != http.StatusBadRequest {
		t.Errorf("bad event = %d, want it validated", a.status)
	}
}
