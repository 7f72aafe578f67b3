package datamanager_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/datamanager"
	"closeloop/googleauth"
)

// TestRequestOnTheWire holds the whole request to what Google documents.
func TestRequestOnTheWire(t *testing.T) {
	t.Parallel()
	g := serve(t, respond(200, `{"requestId":"r-1"}`))
	b := batch(t, 6)
	b.Items = b.Items[:6]
	restated, retracted, zero, unvalued, app := &b.Items[1], &b.Items[2], &b.Items[3], &b.Items[4], &b.Items[5]
	restated.Op, restated.AdjustAt, restated.Consent = conversions.OpRestate, now(), conversions.ConsentDenied
	restated.Action, restated.Value = quoted, conversions.AmountOf(20099)
	retracted.Op, retracted.AdjustAt, retracted.Value = conversions.OpRetract, now(), conversions.Amount{}
	zero.Value, zero.Consent = conversions.AmountOf(0), conversions.ConsentUnspecified
	unvalued.Value, unvalued.Consent, unvalued.Click.Kind = conversions.Amount{}, "", conversions.WBRAID
	app.Click.Kind, app.At = conversions.GBRAID, time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	c := to(t, g, func(c *datamanager.Config) {
		c.LoginCustomerID, c.QuotaProject, c.UserAgent = "987-654-3210", "kitchens-prod", "closeloop/1.2"
	})
	r := c.Upload(t.Context(), b, false)
	if r.RequestID != "r-1" || r.Call != nil || r.Unknown {
		t.Fatalf("reply = %+v", r)
	}
	event := func(i int, action, at, click, rest string) string {
		return fmt.Sprintf(`{"adIdentifiers":{"%s":"%s"},"destinationReferences":["a%s"],"eventSource":"PHONE","eventTimestamp":"%s","transactionId":"cl%030d"%s}`,
			click, clickID(i), action, at, i, rest)
	}
	destination := func(action string) string {
		return `{"loginAccount":{"accountId":"9876543210","accountType":"GOOGLE_ADS"},"operatingAccount":{"accountId":"1234567890","accountType":"GOOGLE_ADS"},` +
			`"productDestinationId":"` + action + `","reference":"a` + action + `"}`
	}
	want := `{"destinations":[` + destination("11") + `,` + destination("12") + `],"events":[` + strings.Join([]string{
		event(0, "11", "2026-11-22T04:00:00-05:00", "gclid", `,"consent":{"adUserData":"CONSENT_GRANTED"},"conversionValue":2500,"currency":"USD"`),
		event(1, "12", "2026-11-22T04:00:01-05:00", "gclid", `,"consent":{"adUserData":"CONSENT_DENIED"},"conversionValue":200.99,"currency":"USD"`),
		event(2, "11", "2026-11-22T04:00:02-05:00", "gclid", `,"consent":{"adUserData":"CONSENT_GRANTED"},"conversionValue":0,"currency":"USD"`),
		event(3, "11", "2026-11-22T04:00:03-05:00", "gclid", `,"conversionValue":0,"currency":"USD"`),
		event(4, "11", "2026-11-22T04:00:04-05:00", "wbraid", ``),
		event(5, "11", "2026-07-01T12:00:00Z", "gbraid", `,"consent":{"adUserData":"CONSENT_GRANTED"},"conversionValue":2500.05,"currency":"USD"`),
	}, ",") + `]}`
	seen := g.calls()
	if len(seen) != 1 || seen[0].method != "POST" || seen[0].path != "/v1/events:ingest" {
		t.Fatalf("calls = %+v", seen)
	}
	diff(t, decoded(t, seen[0].body), decoded(t, want))
	for name, value := range map[string]string{
		"Authorization": "Bearer ya29.1", "Content-Type": "application/json", "X-Goog-User-Project": "kitchens-prod",
		"User-Agent": "closeloop/1.2", "Developer-Token": "", "Login-Customer-Id": "",
	} {
		if got := seen[0].header.Get(name); got != value {
			t.Errorf("header %s = %q, want %q", name, got, value)
		}
	}
}

func decoded(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestLoginAccountIsLeftOut(t *testing.T) {
	t.Parallel()
	for name, login := range map[string]string{"none": "", "the account itself": customer} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := serve(t, respond(200, `{"requestId":"r-1"}`))
			c := to(t, g, func(c *datamanager.Config) { c.LoginCustomerID = login })
			c.Upload(t.Context(), batch(t, 1), true)
			if body := g.calls()[0].body; strings.Contains(body, "loginAccount") || !strings.Contains(body, `"validateOnly":true`) {
				t.Errorf("body = %s", body)
			}
		})
	}
}

func TestEventSource(t *testing.T) {
	t.Parallel()
	g := serve(t, respond(200, `{"requestId":"r-1"}`))
	to(t, g, func(c *datamanager.Config) { c.EventSource = "OTHER" }).Upload(t.Context(), batch(t, 1), false)
	if body := g.calls()[0].body; !strings.Contains(body, `"eventSource":"OTHER"`) {
		t.Errorf("body = %s", body)
	}
}

// The same manifest makes the same body, whenever it is sent.
func TestBuildIsDeterministic(t *testing.T) {
	t.Parallel()
	c := offline(t)
	first, err := c.Build(mixed(t, 50), false)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if again, err := c.Build(mixed(t, 50), false); err != nil || string(again) != string(first) {
			t.Fatalf("another body, %v", err)
		}
	}
}

func offline(tb testing.TB) *datamanager.Client {
	tb.Helper()
	tokens, err := googleauth.OpenTokens(credentials(""), googleauth.ScopeDataManager)
	if err != nil {
		tb.Fatal(err)
	}
	c, err := datamanager.Dial(datamanager.Config{}, tokens)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// TestBuildAllocations keeps the 7 allocations a row that the benchmark shows from growing unseen; the race detector adds
// as many, and sending a value of 0, which only retractions have, takes 27.
//
//nolint:paralleltest // allocations are counted for the whole process
func TestBuildAllocations(t *testing.T) {
	c, full := offline(t), batch(t, conversions.MaxItems)
	perRow := testing.AllocsPerRun(3, func() {
		if _, err := c.Build(full, false); err != nil {
			t.Error(err)
		}
	}) / conversions.MaxItems
	if perRow > 20 {
		t.Errorf("%.1f allocations a row", perRow)
	}
}

func TestUnsendableBatches(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		change  func(*conversions.Batch)
		verdict conversions.Verdict
		code    string
	}{
		{"another API", func(b *conversions.Batch) { b.Target.API = conversions.APIGoogleAds }, conversions.FixBatch, "Closeloop.WRONG_TARGET"},
		{"no customer", func(b *conversions.Batch) { b.Target.Customer = "123" }, conversions.Pause, "Closeloop.WRONG_TARGET"},
		{"too many rows", func(b *conversions.Batch) { *b = batch(t, conversions.MaxItems+1) }, conversions.FixBatch, "Closeloop.TOO_MANY_ROWS"},
		{"too many actions", func(b *conversions.Batch) {
			*b = batch(t, 11)
			for i := range b.Items {
				b.Items[i].Action = strconv.Itoa(100 + i)
			}
		}, conversions.FixBatch, "Closeloop.TOO_MANY_ACTIONS"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := serve(t, respond(200, `{"requestId":"r-1"}`))
			b := batch(t, 2)
			tt.change(&b)
			r := to(t, g).Upload(t.Context(), b, false)
			if r.Call == nil || r.Call.Verdict != tt.verdict || r.Call.Code != tt.code || len(r.Answers) != len(b.Items) || r.Unknown {
				t.Errorf("call = %+v, %d answers", r.Call, len(r.Answers))
			}
			if len(g.calls()) > 0 {
				t.Error("it was sent")
			}
		})
	}
}

// A batch that was sent held all its items, so rows that cannot be sent keep the others back for a moment.
func TestUnsendableRows(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		change  func(*conversions.Item)
		verdict conversions.Verdict
		code    string
	}{
		{"no click id", func(it *conversions.Item) { it.ClickID = "" }, conversions.Refused, "Closeloop.NO_CLICK_ID"},
		{"click id not UTF-8", func(it *conversions.Item) { it.ClickID = "Cj\xff" }, conversions.Refused, "Closeloop.UNSENDABLE_TEXT"},
		{"no order id", func(it *conversions.Item) { it.OrderID = "" }, conversions.Retry, "Closeloop.INCOMPLETE_ROW"},
		{"order id of digits", func(it *conversions.Item) { it.OrderID = "12345" }, conversions.Retry, "Closeloop.INCOMPLETE_ROW"},
		{"no action", func(it *conversions.Item) { it.Action = "" }, conversions.Retry, "Closeloop.INCOMPLETE_ROW"},
		{"no time", func(it *conversions.Item) { it.At = time.Time{} }, conversions.Retry, "Closeloop.INCOMPLETE_ROW"},
		{"no kind of click", func(it *conversions.Item) { it.Click.Kind = "" }, conversions.Retry, "Closeloop.INCOMPLETE_ROW"},
		{"nothing to do", func(it *conversions.Item) { it.Op = conversions.OpNone }, conversions.Retry, "Closeloop.INCOMPLETE_ROW"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := serve(t, respond(200, `{"requestId":"r-1"}`))
			b := batch(t, 3)
			tt.change(&b.Items[1])
			c := to(t, g)
			r := c.Upload(t.Context(), b, false)
			diff(t, verdicts(r), []conversions.Verdict{conversions.FixBatch, tt.verdict, conversions.FixBatch})
			if !r.Named || r.Call != nil || r.Answers[1].Code != tt.code || len(g.calls()) != 0 {
				t.Errorf("reply = %+v, %d calls", r, len(g.calls()))
			}
			b.Items = b.Items[1:2]
			if r = c.Upload(t.Context(), b, false); r.Call != nil || r.Answers[0].Verdict != tt.verdict || len(g.calls()) != 0 {
				t.Errorf("alone: %+v", r)
			}
		})
	}
}
