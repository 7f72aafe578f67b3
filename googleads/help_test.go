package googleads_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/googleads"
	"closeloop/googleauth"
	"closeloop/sandbox"
)

const (
	customer = "1234567890"
	booked   = "11"
)

func diff(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// now is the sandbox's clock.
func now() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }

func newYork(tb testing.TB) *time.Location {
	tb.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		tb.Fatal(err)
	}
	return zone
}

func clickID(i int) string { return fmt.Sprintf("CjwKCAjwTestClickNumber%06dLongEnough-AAA_EiwA", i) }

// item is the i-th row: a booking a day ago for a click of two days ago.
func item(tb testing.TB, i int) conversions.Item {
	tb.Helper()
	return conversions.Item{
		Row: conversions.RowID(i + 1), Version: 1, Op: conversions.OpUpload,
		OrderID: fmt.Sprintf("cl%030d", i), Action: booked,
		Click: conversions.ClickRef{Kind: conversions.GCLID}, ClickID: clickID(i),
		At:    now().Add(-24*time.Hour + time.Duration(i)*time.Second).In(newYork(tb)),
		Value: conversions.AmountOf(conversions.Cents(250000 + i)), Currency: "USD", Consent: conversions.ConsentGranted,
	}
}

func batch(tb testing.TB, n int) conversions.Batch {
	tb.Helper()
	b := conversions.Batch{
		ID: "b1", Account: "kitchens", Attempts: 1,
		Target: conversions.Target{API: conversions.APIGoogleAds, Customer: customer},
	}
	for i := range n {
		b.Items = append(b.Items, item(tb, i))
	}
	return b
}

// adjusted turns uploads into adjustments of an hour ago: every other row is restated, the rest are retracted.
func adjusted(tb testing.TB, uploads conversions.Batch) conversions.Batch {
	tb.Helper()
	b := uploads
	b.ID += "-adjusted"
	b.Items = slices.Clone(uploads.Items)
	for i := range b.Items {
		it := &b.Items[i]
		it.Op, it.Value = conversions.OpRestate, conversions.AmountOf(it.Value.Cents+100)
		if i%2 == 1 {
			it.Op, it.Value = conversions.OpRetract, conversions.Amount{}
		}
		it.AdjustAt = now().Add(-time.Hour).In(newYork(tb))
	}
	return b
}

// kind is a kind of batch. A destination behaves alike with each.
type kind struct {
	name  string
	place sandbox.FaultPlace
	// batch makes one of n rows that the server takes.
	batch func(t *testing.T, s *sandbox.Server, n int) conversions.Batch
	// again is by what the server knows the rows when the batch is sent again.
	again func(i int) conversions.Identity
}

func kinds() []kind {
	return []kind{
		{
			name: "uploads", place: sandbox.OnUpload,
			batch: func(t *testing.T, _ *sandbox.Server, n int) conversions.Batch { t.Helper(); return batch(t, n) },
			again: func(int) conversions.Identity { return conversions.ByOrderID },
		},
		{
			name: "adjustments", place: sandbox.OnAdjust, batch: uploaded,
			again: func(i int) conversions.Identity {
				return []conversions.Identity{conversions.ByAdjustment, conversions.ByRetraction}[i%2]
			},
		},
	}
}

// uploaded uploads n rows and makes a batch of adjustments of them.
func uploaded(t *testing.T, s *sandbox.Server, n int) conversions.Batch {
	t.Helper()
	b := batch(t, n)
	r := connect(t, s).Upload(t.Context(), b, false)
	diff(t, verdicts(r), slices.Repeat([]conversions.Verdict{conversions.Done}, n))
	return adjusted(t, b)
}

func sandboxConfig() sandbox.Config {
	c := sandbox.Config{
		Now: now,
		Customers: []sandbox.Customer{
			{
				ID: customer, Name: "Kitchens", Currency: "USD", Zone: "America/New_York", Allowlisted: true,
				Actions: []sandbox.Action{
					{ID: 11, Name: "booked", LookbackDays: 90},
					{ID: 12, Name: "quoted", DefaultValue: 7, DefaultCurrency: "CAD"},
					{ID: 13, Name: "page", Type: sandbox.Webpage},
					{ID: 15, Name: "new", Created: now().Add(-5 * time.Hour)},
					{ID: 16, Name: "once", OnePerClick: true},
				},
			},
			{ID: "4444444444", LoginCustomer: "9999999999", Allowlisted: true, Actions: []sandbox.Action{{ID: 11, Name: "booked"}}},
			{ID: "5555555555", Actions: []sandbox.Action{{ID: 11, Name: "booked"}}},
		},
		OAuth: sandbox.OAuth{ClientID: "client", ClientSecret: clientSecret, RefreshToken: refreshToken, Now: time.Now},
	}
	for i := range 2000 {
		c.Clicks = append(c.Clicks, sandbox.Click{
			Kind: sandbox.GCLID, ID: clickID(i), Customer: customer, Time: now().Add(-48 * time.Hour),
		})
	}
	return c
}

const (
	clientSecret = "client-secret-value"
	refreshToken = "1//refresh-token-value"
)

func start(tb testing.TB, cfg sandbox.Config) *sandbox.Server {
	tb.Helper()
	s, err := sandbox.Start(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func tokens(tb testing.TB, c googleauth.Credentials) *googleauth.Tokens {
	tb.Helper()
	source, err := googleauth.OpenTokens(c, googleauth.ScopeGoogleAds)
	if err != nil {
		tb.Fatal(err)
	}
	return source
}

func app(s *sandbox.Server) googleauth.Credentials {
	return googleauth.Credentials{
		ClientID: "client", ClientSecret: clientSecret, RefreshToken: refreshToken, TokenURL: s.TokenURL(),
	}
}

func dial(tb testing.TB, cfg googleads.Config, source *googleauth.Tokens) *googleads.Client {
	tb.Helper()
	c, err := googleads.Dial(cfg, source)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
	return c
}

// connect is a client of the sandbox with the usual credentials.
func connect(tb testing.TB, s *sandbox.Server) *googleads.Client {
	tb.Helper()
	return dial(tb, googleads.Config{Endpoint: s.GRPCAddr(), Plaintext: true}, tokens(tb, app(s)))
}

// verdicts and codes of a reply, by row.
func verdicts(r conversions.Reply) []conversions.Verdict {
	list := make([]conversions.Verdict, len(r.Answers))
	for i, a := range r.Answers {
		list[i] = a.Verdict
	}
	return list
}
