package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Secrets of the configuration, and what Google's token endpoint says, in
// TestNothingPersonalOrSecretIsPrinted.
const (
	clientSecret  = "e2e-client-secret-77aa"
	refreshToken  = "e2e-refresh-token-88bb"
	accessToken   = "ya29.e2e-access-token-99cc"
	samplePhone   = "+18005559876"
	sampleAddress = "jane.doe@example.com"
)

// sayings are all that must not be printed: the sample person in every shape
// in which the deliveries below name her, secrets, click ids, hashes.
func sayings() []string {
	hash := func(s string) string { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:]) }
	return []string{
		"Jane", "Doe", "jane.doe", "5559876", "555-9876", "555) 987", "remodel", "Elm Street", "leaking",
		hash(samplePhone), hash(sampleAddress), "spring-sale-of-jane",
		e2eSecret, "old-secret", clientSecret, refreshToken, accessToken, "ya29.",
		sampleID(1), sampleID(2), sampleID(3), sampleID(4), "Bearer", "Authorization",
	}
}

// personal are deliveries that name the sample person wherever a sender could,
// the first readable, the others not or hardly.
func personal() map[string][]byte {
	at := time.Now().Add(-20 * time.Hour).UTC().Format(time.RFC3339)
	event := func(kind, data string) []byte {
		return fmt.Appendf(nil, `{"event":%q,"timestamp":%q,"data":{%s,"contact":{"id":456,"name":"Jane Doe","phone":%q,"email":%q,"address":"1 Elm Street"}}}`,
			kind, at, data, samplePhone, sampleAddress)
	}
	good := outcome(1, "booked", 250000, sampleID(1))
	return map[string][]byte{
		"readable": good,
		"landing page": event("call.ended", `"id":2,"call_session_id":2,"attribution":{"source":"google_ads","campaign":"spring-sale-of-jane","landing_page":"https://example.com/p?gclid=`+
			sampleID(2)+`&email=`+sampleAddress+`&name=Jane+Doe#Elm+Street"}`),
		"message":             event("message.created", `"id":3,"conversation_id":4,"sender_name":"Jane Doe","content":"The sink at 1 Elm Street is leaking, call (800) 555-9876"`),
		"tag of a message":    event("call.outcome_tagged", `"id":4,"call_session_id":4,"outcome_type":"quoted","estimated_value_cents":100,"notes":"Jane: 555-9876, kitchen remodel","attribution":{"gclid":"`+sampleID(4)+`"}`),
		"cut":                 good[:len(good)-20],
		"empty":               {},
		"an amount is a note": event("call.outcome_tagged", `"id":5,"call_session_id":5,"outcome_type":"booked","actual_value_cents":"Jane Doe said 555-9876"`),
		"a negative amount":   event("call.outcome_tagged", `"id":6,"call_session_id":6,"outcome_type":"booked","notes":"Kitchen remodel","actual_value_cents":-5`),
		"a time is a name":    bytes.Replace(good, []byte(at), []byte("Jane Doe at 555-9876"), 1),
		"no zone":             bytes.Replace(good, []byte(at), []byte(strings.TrimSuffix(at, "Z")), 1),
		"keys are a person":   event("call.ended", `"id":7,"call_session_id":7,"Jane Doe":{"jane.doe@example.com":"+18005559876"},"started_at":17`),
		"no UTF-8":            bytes.Replace(good, []byte("Kitchen"), []byte("Kitchen\xff"), 1),
		"NUL":                 bytes.Replace(good, []byte("Kitchen"), []byte("Kitchen\x00"), 1),
		"deep":                []byte(strings.Repeat(`{"Jane Doe":`, 500) + `"555-9876"` + strings.Repeat("}", 500)),
		"an array":            []byte(`["Jane Doe","+18005559876",` + string(good) + `]`),
		"duplicate keys":      bytes.Replace(good, []byte(`"data":{`), []byte(`"data":"Jane Doe","data":{`), 1),
		"a click is a person": event("call.outcome_tagged", `"id":8,"call_session_id":8,"outcome_type":"booked","actual_value_cents":100,"attribution":{"gclid":"Jane Doe +18005559876"}`),
		"a long click":        event("call.outcome_tagged", `"id":9,"call_session_id":9,"outcome_type":"booked","actual_value_cents":100,"attribution":{"gclid":"`+strings.Repeat("JaneDoe", 700)+`"}`),
	}
}

// echo is a token endpoint that repeats in its answer all that it was sent.
func echo(t *testing.T, status int, format string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read request for a token: %v", err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, format, string(body)+" "+clientSecret+" "+refreshToken+" "+accessToken)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/token"
}

func TestNothingPersonalOrSecretIsPrinted(t *testing.T) {
	t.Parallel()
	l := newLoop(t, "")
	l.edit(t, "client_secret: b, refresh_token: c", "client_secret: "+clientSecret+", refresh_token: "+refreshToken)
	server, address := start(t, l.dir, `msg=listening address=(\S+)`, "serve", "--config", l.config, "--log-level", "debug")
	var printed strings.Builder
	say := func(arguments ...string) string {
		out, stderr, _ := l.run(t, arguments...)
		printed.WriteString(out + stderr)
		return out + stderr
	}
	answers := map[string]int{}
	for name, body := range personal() {
		status, text := post(t, http.DefaultClient, "http://"+address, body)
		if status != http.StatusAccepted {
			t.Errorf("%s is answered %d %s, want 202", name, status, text)
		}
		answers[text]++
		printed.WriteString(text)
	}
	if answers[`{"status":"quarantined"}`] < 8 || answers[`{"status":"recorded"}`] < 4 {
		t.Fatalf("deliveries were answered %v, want most of them quarantined and some recorded", answers)
	}
	l.failing(t, say)
	says(t, "a run that reaches Google", say("run", "--log-level", "debug"), `done +\d`)
	post(t, http.DefaultClient, "http://"+address, outcome(3, "booked", 300, sampleID(3)))
	l.setToken(t, echo(t, http.StatusBadRequest, `{"error":"invalid_grant","error_description":%q}`))
	says(t, "a run with a revoked token", say("run", "--log-level", "debug"), `paused: `, `error: rows stay queued for: acme`)
	l.reports(say)
	l.edit(t, "client_secret: "+clientSecret, "client_secrets: "+clientSecret)
	l.edit(t, "secrets: [old-secret, "+e2eSecret+"]", "secrets: {a: old-secret, b: "+e2eSecret+"}")
	if out := say("config", "check"); !strings.Contains(out, "client_secrets") {
		t.Errorf("config check does not name the key that is wrong:\n%s", out)
	}
	all := printed.String() + server.printed() + l.google.printed()
	for _, s := range sayings() {
		if i := strings.Index(all, s); i >= 0 {
			t.Errorf("%q is printed: …%s…", s, all[max(0, i-150):min(len(all), i+len(s)+20)])
		}
	}
	l.stored(t)
}

// reports makes every report, each in one format or another.
func (l *loop) reports(say func(...string) string) {
	formats := []string{"table", "json", "csv"}
	for _, format := range formats {
		for _, report := range []string{"audit list", "audit summary", "quarantine list"} {
			say(append(strings.Fields(report), "--format", format)...)
		}
	}
	for n := range 12 {
		say("audit", "show", strconv.Itoa(n+1), "--format", formats[n%len(formats)])
		say("quarantine", "show", strconv.Itoa(n+1), "--format", formats[n%len(formats)])
	}
}

// failing runs against everything that can go wrong between here and Google.
func (l *loop) failing(t *testing.T, say func(...string) string) {
	t.Helper()
	before, err := os.ReadFile(l.config)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ token, said string }{
		"refused":       {echo(t, http.StatusBadRequest, `{"error":"invalid_request","error_description":%q}`), `the call failed: `},
		"no JSON":       {echo(t, http.StatusOK, `<html>%s</html>`), `the call failed: `},
		"broken":        {echo(t, http.StatusInternalServerError, `{"error":%q}`), `the call failed: `},
		"nobody there":  {"http://" + refusing(t) + "/token", `could not be reached`},
		"an odd answer": {echo(t, http.StatusOK, `{"access_token":"`+accessToken+`\n%s","token_type":"Bearer","expires_in":3600}`), `the call failed: `},
	} {
		l.setToken(t, tt.token)
		says(t, name+": run", say("run", "--dry-run", "--log-level", "debug"), tt.said)
	}
	if err := os.WriteFile(l.config, before, 0o600); err != nil {
		t.Fatal(err)
	}
}

// setToken points the configuration to another token endpoint.
func (l *loop) setToken(t *testing.T, url string) {
	t.Helper()
	text, err := os.ReadFile(l.config)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "token_url: ")
	was, _, _ := strings.Cut(rest, "\n")
	l.edit(t, "token_url: "+was, "token_url: "+url)
}

// stored fails if the database holds what is never to be stored: names,
// notes, addresses, raw phone numbers, secrets. Click ids and hashes it may
// hold.
func (l *loop) stored(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(l.dir, "closeloop.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("the database is not there: %v", err)
	}
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{"Jane", "jane.doe", "5559876", "555-9876", "remodel", "Elm Street", "leaking", e2eSecret, clientSecret, refreshToken, accessToken} {
			if i := bytes.Index(content, []byte(s)); i >= 0 {
				t.Errorf("%s holds %q: …%q…", filepath.Base(path), s, content[max(0, i-60):min(len(content), i+40)])
			}
		}
	}
}
