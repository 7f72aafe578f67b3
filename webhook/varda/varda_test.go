package varda_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/webhook"
	"closeloop/webhook/varda"
	"closeloop/webhook/webhooktest"
)

const (
	secret  = "whs_test_3f9a"
	click   = "Zx3-TESTFIXTURE_aB9kLm0Qr7StUv2WxYz4"
	wbraid  = "Wb5-TESTFIXTURE_aB9kLm0Qr7StUv2WxY"
	outcome = "call.outcome_tagged"
)

func signedAt() time.Time { return time.Date(2026, 3, 25, 18, 40, 0, 0, time.UTC) }

func digest(key, stamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

func sign(key string, body []byte, at time.Time) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	h := http.Header{}
	h.Set("Content-Type", "application/json")
	h.Set("X-Varda-Delivery", "dlv_5f0c")
	h.Set("X-Varda-Signature", "t="+stamp+",v1="+digest(key, stamp, body))
	return h
}

func newSource(tb testing.TB, c varda.Config) *varda.Source {
	tb.Helper()
	s, err := varda.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func standard(tb testing.TB) *varda.Source {
	tb.Helper()
	return newSource(tb, varda.Config{Secrets: []string{secret}, Region: "US"})
}

func fixture(tb testing.TB, name string) []byte {
	tb.Helper()
	body, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

func kinds() []string {
	return []string{
		"conversation.created", "conversation.resolved", "conversation.closed", "message.created",
		"call.started", "call.ended", outcome, "contact.created", "contact.updated",
	}
}

func TestSource(t *testing.T) {
	t.Parallel()
	f := webhooktest.Fixture{
		New: func(tb testing.TB, secrets ...string) webhook.Source {
			tb.Helper()
			return newSource(tb, varda.Config{Secrets: secrets, Region: "US"})
		},
		Sign:            sign,
		SignatureHeader: "X-Varda-Signature",
		UnknownKind:     []byte(`{"event":"invoice.paid","timestamp":"2026-03-25T18:35:30Z","data":["of another shape"]}`),
	}
	for _, kind := range kinds() {
		f.Samples = append(f.Samples, webhooktest.Sample{
			Name: kind, Body: fixture(t, kind),
			Personal: []string{
				"Erika", "erika", "8005550142", "555-0142", "8005550199", "under the mat", "sister", "+crm",
			},
			Identifying: []string{"90456", click, wbraid},
		})
	}
	webhooktest.Run(t, f)
}

func TestReadSamples(t *testing.T) {
	t.Parallel()
	at := func(h, m, s int) time.Time { return time.Date(2026, 3, 25, h, m, s, 0, time.UTC) }
	person := conversions.Person{
		Contact:   "90456",
		EmailHash: "",
		PhoneHash: webhook.PhoneHash("+18005550142", ""),
	}
	withEmail := person
	withEmail.EmailHash = webhook.EmailHash("erika.example+crm@example.com")
	withClick, withLanding := person, person
	withClick.Clicks = []conversions.FoundClick{{
		Click: conversions.Click{Kind: conversions.GCLID, ID: click}, Place: conversions.PlaceField,
	}}
	withLanding.Clicks = []conversions.FoundClick{{
		Click: conversions.Click{Kind: conversions.WBRAID, ID: wbraid}, Place: conversions.PlaceLanding,
	}}
	conversation := conversions.Event{
		At: at(18, 30, 0), Channel: "google_ads/cpc", Landing: "example.com/services", Person: withEmail,
	}
	of := func(e conversions.Event, kind conversions.EventKind) conversions.Event { e.Kind = kind; return e }
	message := of(conversation, "message.created")
	message.At = at(18, 31, 0)

	want := map[string]conversions.Event{
		"conversation.created":  of(conversation, "conversation.created"),
		"conversation.resolved": of(conversation, "conversation.resolved"),
		"conversation.closed":   of(conversation, "conversation.closed"),
		"message.created":       message,
		"call.started":          {Kind: "call.started", Lead: "cs_7742", At: at(18, 30, 55), CallStart: at(18, 30, 55)},
		"call.ended": {
			Kind: "call.ended", Lead: "7742", At: at(18, 35, 0), CallStart: at(18, 30, 55),
			Channel: "google_ads/cpc", Landing: "www.example.com/services", Person: withLanding,
		},
		outcome: {
			Kind: outcome, Lead: "7742", OutcomeID: "7715", At: at(18, 35, 30), Outcome: conversions.OutcomeBooked,
			Amounts: conversions.Amounts{Actual: new(conversions.Cents(0)), Revenue: new(conversions.Cents(250000)), Estimated: new(conversions.Cents(250000))},
			Channel: "google_ads/cpc", Person: withClick,
		},
		"contact.created": {Kind: "contact.created", At: at(18, 29, 0)},
		"contact.updated": {Kind: "contact.updated", At: at(18, 29, 0)},
	}
	for _, kind := range kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			got, err := standard(t).Read(http.Header{}, fixture(t, kind))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want[kind], got); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}

// tagged is the outcome sample with one text replaced.
func tagged(tb testing.TB, old, with string) []byte {
	tb.Helper()
	body := string(fixture(tb, outcome))
	if !strings.Contains(body, old) {
		tb.Fatalf("the sample has no %s", old)
	}
	return []byte(strings.Replace(body, old, with, 1))
}

func TestReadTolerates(t *testing.T) {
	t.Parallel()
	sample := func(t *testing.T) conversions.Event {
		t.Helper()
		e, err := standard(t).Read(http.Header{}, fixture(t, outcome))
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	tests := map[string]struct {
		old, with string
		change    func(*conversions.Event)
	}{
		"number as text":        {`"call_session_id": 7742`, `"call_session_id": "7742"`, nil},
		"number beyond 2^53":    {`"call_session_id": 7742`, `"call_session_id": 9007199254740993`, func(e *conversions.Event) { e.Lead = "9007199254740993" }},
		"huge number":           {`"call_session_id": 7742`, `"call_session_id": 123456789012345678901234567890`, func(e *conversions.Event) { e.Lead = "123456789012345678901234567890" }},
		"unknown outcome":       {`"booked"`, `"Site_visit-2"`, func(e *conversions.Event) { e.Outcome = "Site_visit-2" }},
		"no record id":          {`"id": 7715,`, ``, func(e *conversions.Event) { e.OutcomeID = "" }},
		"null amount":           {`"revenue_cents": 250000`, `"revenue_cents": null`, func(e *conversions.Event) { e.Amounts.Revenue = nil }},
		"absent amount":         {`"revenue_cents": 250000,`, ``, func(e *conversions.Event) { e.Amounts.Revenue = nil }},
		"integer with fraction": {`"revenue_cents": 250000`, `"revenue_cents": 250000.00`, nil},
		"integer with exponent": {`"revenue_cents": 250000`, `"revenue_cents": 2.5e5`, nil},
		"integer shifted down":  {`"revenue_cents": 250000`, `"revenue_cents": 2500000E-1`, nil},
		"largest amount": {
			`"revenue_cents": 250000`, `"revenue_cents": 10000000000000`,
			func(e *conversions.Event) { e.Amounts.Revenue = new(conversions.MaxCents) },
		},
		"zero with exponent": {`"revenue_cents": 250000`, `"revenue_cents": 0e99999`, func(e *conversions.Event) { e.Amounts.Revenue = new(conversions.Cents(0)) }},
		"negative zero":      {`"revenue_cents": 250000`, `"revenue_cents": -0.0`, func(e *conversions.Event) { e.Amounts.Revenue = new(conversions.Cents(0)) }},
		"offset":             {`18:35:30Z`, `20:35:30.5+02:00`, func(e *conversions.Event) { e.At = e.At.Add(time.Second / 2) }},
		"year 2099":          {`2026-03-25T18:35:30Z`, `2099-03-25T18:35:30Z`, func(e *conversions.Event) { e.At = e.At.AddDate(73, 0, 0) }},
		"phone of another type": {
			`"phone": "+18005550142"`, `"phone": {"mobile":"+18005550142"}`,
			func(e *conversions.Event) { e.Person.PhoneHash = "" },
		},
		"phone that is none":       {`"phone": "+18005550142"`, `"phone": "ask reception"`, func(e *conversions.Event) { e.Person.PhoneHash = "" }},
		"notes of another type":    {`"notes": "Bathroom, key is under the mat"`, `"notes": [1,{"a":null}]`, nil},
		"NUL in notes":             {`Bathroom`, `\u0000`, nil},
		"null attribution members": {`"source": "google_ads",`, `"source": null,`, func(e *conversions.Event) { e.Channel = "/cpc" }},
		"personal utm source":      {`"source": "google_ads",`, `"source": "from Erika",`, func(e *conversions.Event) { e.Channel = "(other)/cpc" }},
		"placeholder gclid": {click, `CjwKCAjw...`, func(e *conversions.Event) {
			e.Person.Clicks = []conversions.FoundClick{{
				Click: conversions.Click{Kind: conversions.GCLID}, Place: conversions.PlaceField,
				Damage: "placeholder", Unusable: true,
			}}
		}},
		"gclid of 5,000 characters": {click, strings.Repeat("x", 5000), func(e *conversions.Event) {
			e.Person.Clicks = []conversions.FoundClick{{
				Click: conversions.Click{Kind: conversions.GCLID}, Place: conversions.PlaceField,
				Damage: "too_long", Unusable: true,
			}}
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := standard(t).Read(http.Header{}, tagged(t, tt.old, tt.with))
			if err != nil {
				t.Fatal(err)
			}
			want := sample(t)
			if tt.change != nil {
				tt.change(&want)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadQuarantines(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		old, with string
		want      webhook.Reason
		detail    string
	}{
		"no kind":                   {`"event": "call.outcome_tagged",`, ``, webhook.ReasonMissing, "/event"},
		"kind is a sentence":        {`"call.outcome_tagged"`, `"call Erika back"`, webhook.ReasonWord, "/event"},
		"kind too long":             {`"call.outcome_tagged"`, `"` + strings.Repeat("k", 65) + `"`, webhook.ReasonWord, "/event"},
		"kind is a number":          {`"call.outcome_tagged"`, `7`, webhook.ReasonType, "/event"},
		"no time":                   {`"timestamp": "2026-03-25T18:35:30Z",`, ``, webhook.ReasonMissing, "/timestamp"},
		"time without zone":         {`18:35:30Z`, `18:35:30`, webhook.ReasonTimeZone, "/timestamp"},
		"SQL time without zone":     {`2026-03-25T18:35:30Z`, `2026-03-25 18:35:30`, webhook.ReasonTimeZone, "/timestamp"},
		"time is a number":          {`"2026-03-25T18:35:30Z"`, `1774463730`, webhook.ReasonType, "/timestamp"},
		"time is none":              {`2026-03-25T18:35:30Z`, `yesterday`, webhook.ReasonTime, "/timestamp"},
		"year 9999":                 {`2026-03-25T18:35:30Z`, `9999-03-25T18:35:30Z`, webhook.ReasonTime, "/timestamp"},
		"year 1":                    {`2026-03-25T18:35:30Z`, `0001-01-01T00:00:00Z`, webhook.ReasonTime, "/timestamp"},
		"no call":                   {`"call_session_id": 7742,`, ``, webhook.ReasonMissing, "/data/call_session_id"},
		"null call":                 {`"call_session_id": 7742`, `"call_session_id": null`, webhook.ReasonMissing, "/data/call_session_id"},
		"no outcome":                {`"outcome_type": "booked",`, ``, webhook.ReasonMissing, "/data/outcome_type"},
		"outcome is a sentence":     {`"booked"`, `"Erika booked"`, webhook.ReasonWord, "/data/outcome_type"},
		"id is an object":           {`"call_session_id": 7742`, `"call_session_id": {"id":7742}`, webhook.ReasonType, "/data/call_session_id"},
		"id is true":                {`"call_session_id": 7742`, `"call_session_id": true`, webhook.ReasonType, "/data/call_session_id"},
		"id is a fraction":          {`"call_session_id": 7742`, `"call_session_id": 7742.5`, webhook.ReasonID, "/data/call_session_id"},
		"id has an exponent":        {`"call_session_id": 7742`, `"call_session_id": 7e3`, webhook.ReasonID, "/data/call_session_id"},
		"id too long":               {`"call_session_id": 7742`, `"call_session_id": "` + strings.Repeat("7", 129) + `"`, webhook.ReasonID, "/data/call_session_id"},
		"NUL in an id":              {`"call_session_id": 7742`, `"call_session_id": "7\u00004"`, webhook.ReasonID, "/data/call_session_id"},
		"negative amount":           {`"revenue_cents": 250000`, `"revenue_cents": -1`, webhook.ReasonAmount, "/data/revenue_cents"},
		"half a cent":               {`"revenue_cents": 250000`, `"revenue_cents": 250000.5`, webhook.ReasonAmount, "/data/revenue_cents"},
		"small fraction":            {`"revenue_cents": 250000`, `"revenue_cents": 1e-7`, webhook.ReasonAmount, "/data/revenue_cents"},
		"amount over the limit":     {`"revenue_cents": 250000`, `"revenue_cents": 10000000000001`, webhook.ReasonAmount, "/data/revenue_cents"},
		"amount over 64 bits":       {`"revenue_cents": 250000`, `"revenue_cents": 18446744073709551617`, webhook.ReasonAmount, "/data/revenue_cents"},
		"amount to the 1e9th":       {`"revenue_cents": 250000`, `"revenue_cents": 1e999999999`, webhook.ReasonAmount, "/data/revenue_cents"},
		"amount as text":            {`"revenue_cents": 250000`, `"revenue_cents": "250000"`, webhook.ReasonType, "/data/revenue_cents"},
		"contact is a text":         {`"contact": {`, `"contact": "Erika", "x": {`, webhook.ReasonType, "/data/contact"},
		"gclid is a number":         {`"` + click + `"`, `12`, webhook.ReasonType, "/data/attribution/gclid"},
		"duplicate key":             {`"id": 7715,`, `"id": 7715, "id": 7716,`, webhook.ReasonDuplicateKey, "byte 103"},
		"duplicate unknown key":     {`"notes":`, `"notes": 1, "notes":`, webhook.ReasonDuplicateKey, "byte 273"},
		"data is an array":          {`"data": {`, `"data": [], "x": {`, webhook.ReasonType, "/data"},
		"raw NUL":                   {`Bathroom`, "\x00", webhook.ReasonNUL, "byte 271"},
		"invalid UTF-8":             {`Bathroom`, "\xc3\x28", webhook.ReasonUTF8, ""},
		"no JSON":                   {`{`, `erika=booked`, webhook.ReasonJSON, "byte 0"},
		"nesting":                   {`"Bathroom, key is under the mat"`, strings.Repeat(`[`, 63) + strings.Repeat(`]`, 63), webhook.ReasonDepth, ""},
		"nesting without an ending": {`"Bathroom, key is under the mat"`, strings.Repeat(`{"a":`, 100_000), webhook.ReasonDepth, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := standard(t).Read(http.Header{}, tagged(t, tt.old, tt.with))
			var bad *webhook.MalformedError
			if !errors.As(err, &bad) {
				t.Fatalf("got %v, want a *MalformedError", err)
			}
			if bad.Reason != tt.want || bad.Detail != tt.detail {
				t.Errorf("got %s at %q, want %s at %q", bad.Reason, bad.Detail, tt.want, tt.detail)
			}
			if out := bad.Error() + bad.Shape; strings.Contains(out, "Erika") || strings.Contains(out, "mat") && !strings.Contains(out, "malformed") {
				t.Errorf("personal text got through: %s", out)
			}
		})
	}
}

func TestReadBrackets(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"many but shallow": `[` + strings.Repeat(`[],`, 200) + `{}]`,
		"in a text":        `"` + strings.Repeat(`[{\"`, 200) + `"`,
		"just deep enough": strings.Repeat(`[`, 62) + strings.Repeat(`]`, 62),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := tagged(t, `"Bathroom, key is under the mat"`, text)
			if _, err := standard(t).Read(http.Header{}, body); err != nil {
				t.Errorf("got %v, want an event", err)
			}
		})
	}
}

func TestReadContentType(t *testing.T) {
	t.Parallel()
	for value, ok := range map[string]bool{
		"":                                  true,
		"application/json":                  true,
		"application/json; charset=utf-8":   true,
		"Application/JSON;charset=UTF-8":    true,
		"application/json; charset=latin1":  false,
		"application/x-www-form-urlencoded": false,
		"text/plain":                        false,
		"\x00":                              false,
	} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			_, err := standard(t).Read(http.Header{"Content-Type": {value}}, fixture(t, outcome))
			var bad *webhook.MalformedError
			if refused := errors.As(err, &bad) && bad.Reason == webhook.ReasonContentType; refused == ok {
				t.Errorf("got %v, want accepted: %v", err, ok)
			}
		})
	}
}

func TestQuarantineShape(t *testing.T) {
	t.Parallel()
	_, err := standard(t).Read(http.Header{}, tagged(t, `"actual_value_cents": 0`, `"actual_value_cents": -5`))
	var bad *webhook.MalformedError
	if !errors.As(err, &bad) {
		t.Fatalf("got %v, want a *MalformedError", err)
	}
	want := `{"event":"call.outcome_tagged","timestamp":"2026-03-25T18:35:30Z","data":{"id":"number","call_session_id":7742,` +
		`"outcome_type":"booked","estimated_value_cents":250000,"actual_value_cents":-5,"revenue_cents":250000,"notes":"string(30)",` +
		`"contact":{"id":"number","name":"string(13)","phone":"string(12)"},"attribution":{"source":"string(10)",` +
		`"medium":"string(3)","campaign":"string(11)","gclid":"string(36)","type":"string(7)"}}}`
	if diff := cmp.Diff(want, bad.Shape); diff != "" {
		t.Errorf("shape (-want +got):\n%s", diff)
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	_, err := varda.New(varda.Config{Secrets: []string{"hush-hush", " "}, Tolerance: -1, Region: "XX"})
	if err == nil {
		t.Fatal("got no error, want one")
	}
	for _, want := range []string{"secret 2 is empty", "tolerance", `"XX"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %q, want it to name %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "hush") {
		t.Errorf("the error quotes a secret: %q", err)
	}
	if _, err := varda.New(varda.Config{}); err == nil {
		t.Error("got no error without secrets, want one")
	}
}
