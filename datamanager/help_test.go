package datamanager_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/datamanager"
	"closeloop/googleauth"
)

const (
	customer = "1234567890"
	booked   = "11"
	quoted   = "12"
)

func diff(t *testing.T, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

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

// item is the i-th row: a booking a day ago for a click of three days ago.
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
		Target: conversions.Target{API: conversions.APIDataManager, Customer: customer},
	}
	for i := range n {
		b.Items = append(b.Items, item(tb, i))
	}
	return b
}

// mixed is a batch whose rows go to two actions in turn.
func mixed(tb testing.TB, n int) conversions.Batch {
	tb.Helper()
	b := batch(tb, n)
	for i := range b.Items {
		if i%2 == 1 {
			b.Items[i].Action = quoted
		}
	}
	return b
}

// google is a server of the test's own: handle answers every call of the API, and seen are those calls.
type google struct {
	*httptest.Server

	mu   sync.Mutex
	seen []call
}

type call struct {
	method, path string
	header       http.Header
	body         string
}

func (g *google) calls() []call {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seen
}

// serve starts a server that gives tokens named ya29.1, ya29.2 and so on.
func serve(tb testing.TB, handle http.HandlerFunc) *google {
	tb.Helper()
	g := &google{}
	tokens := 0
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		g.mu.Lock()
		if r.URL.Path == "/token" {
			tokens++
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"access_token":"ya29.%d","token_type":"Bearer","expires_in":3600}`, tokens)
			g.mu.Unlock()
			return
		}
		g.seen = append(g.seen, call{r.Method, r.URL.RequestURI(), r.Header.Clone(), string(body)})
		g.mu.Unlock()
		handle(w, r)
	}))
	tb.Cleanup(g.Close)
	return g
}

// respond answers every call alike.
func respond(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		for _, h := range header {
			name, value, _ := strings.Cut(h, ": ")
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func credentials(tokenURL string) googleauth.Credentials {
	return googleauth.Credentials{
		ClientID: "client", ClientSecret: "client-secret-value", RefreshToken: "1//refresh-token-value", TokenURL: tokenURL,
	}
}

func connect(tb testing.TB, endpoint, tokenURL string, change ...func(*datamanager.Config)) *datamanager.Client {
	tb.Helper()
	tokens, err := googleauth.OpenTokens(credentials(tokenURL), googleauth.ScopeDataManager)
	if err != nil {
		tb.Fatal(err)
	}
	cfg := datamanager.Config{Endpoint: endpoint}
	for _, c := range change {
		c(&cfg)
	}
	c, err := datamanager.Dial(cfg, tokens)
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

// to is a client of the test's own server.
func to(tb testing.TB, g *google, change ...func(*datamanager.Config)) *datamanager.Client {
	tb.Helper()
	return connect(tb, g.URL, g.URL+"/token", change...)
}

func verdicts(r conversions.Reply) []conversions.Verdict {
	list := make([]conversions.Verdict, len(r.Answers))
	for i, a := range r.Answers {
		list[i] = a.Verdict
	}
	return list
}

// bare leaves an answer's texts out, after checking that they are there.
func bare(t *testing.T, a conversions.Answer) conversions.Answer {
	t.Helper()
	if a.Verdict != conversions.Done && (a.Sentence == "" || a.Hint == "") {
		t.Errorf("%s %s: sentence %q, hint %q", a.Verdict, a.Code, a.Sentence, a.Hint)
	}
	a.Sentence, a.Hint = "", ""
	return a
}

func bares(t *testing.T, r conversions.Reply) []conversions.Answer {
	t.Helper()
	list := make([]conversions.Answer, len(r.Answers))
	for i, a := range r.Answers {
		list[i] = bare(t, a)
	}
	return list
}
