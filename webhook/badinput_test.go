package webhook_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"closeloop/conversions"
)

const mebibyte = 1 << 20

// edit is a change to the signed sample's text.
func edit(old, with string) string {
	if !strings.Contains(sample, old) {
		panic("the sample has no " + old)
	}
	return strings.Replace(sample, old, with, 1)
}

// padded is the sample as a body of n bytes.
func padded(n int) string { return sample + strings.Repeat(" ", n-len(sample)) }

// TestBadInput posts over real HTTP: what is genuine is kept whatever it
// holds, and what is not genuine leaves no trace but a log line.
func TestBadInput(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		body        string
		contentType string
		status      string // in the answer
		reason      string // in quarantine; empty when recorded
	}{
		"empty body":             {"", "", "quarantined", "empty_body"},
		"white space":            {" \n", "", "quarantined", "empty_body"},
		"exactly 1 MiB":          {padded(mebibyte), "", "recorded", ""},
		"no JSON":                {"erika=booked", "", "quarantined", "bad_json"},
		"cut JSON":               {sample[:100], "", "quarantined", "bad_json"},
		"null":                   {"null", "", "quarantined", "missing_field"},
		"a number":               {"7", "", "quarantined", "wrong_type"},
		"byte order mark":        {"\ufeff" + sample, "", "quarantined", "bad_json"},
		"invalid UTF-8":          {edit("Bathroom", "Bathr\xf6\xf6m"), "", "quarantined", "bad_utf8"},
		"NUL":                    {edit("Bathroom", "Bath\x00room"), "", "quarantined", "nul_byte"},
		"NUL, escaped, in an id": {edit("7742", `"77\u000042"`), "", "quarantined", "bad_id"},
		"nothing but NUL":        {strings.Repeat("\x00", 1000), "", "quarantined", "nul_byte"},
		"65 levels":              {edit(`"Bathroom"`, strings.Repeat("[", 63)+strings.Repeat("]", 63)), "", "quarantined", "too_deep"},
		"half a million levels":  {strings.Repeat("[", mebibyte/2), "", "quarantined", "too_deep"},
		"wrong type, id":         {edit("7742", "[7742]"), "", "quarantined", "wrong_type"},
		"wrong type, amount":     {edit(`"actual_value_cents":0`, `"actual_value_cents":"0"`), "", "quarantined", "wrong_type"},
		"wrong type, not needed": {edit(`"Bathroom"`, "17"), "", "recorded", ""},
		"duplicate key":          {edit(`"data"`, `"event":"call.ended","data"`), "", "quarantined", "duplicate_key"},
		"time without zone":      {edit("30Z", "30"), "", "quarantined", "time_without_zone"},
		"year 2099":              {edit("2026", "2099"), "", "recorded", ""},
		"year 9999":              {edit("2026", "9999"), "", "quarantined", "bad_time"},
		"negative amount":        {edit("250000", "-250000"), "", "quarantined", "bad_amount"},
		"fractional amount":      {edit("250000", "2500.005"), "", "quarantined", "bad_amount"},
		"huge amount":            {edit("250000", "10000000000001"), "", "quarantined", "bad_amount"},
		"amount 1e400":           {edit("250000", "1e400"), "", "quarantined", "bad_amount"},
		"gclid of 5,000":         {edit(click, strings.Repeat("Q", 5000)), "", "recorded", ""},
		"id of 5,000":            {edit("7742", strings.Repeat("7", 5000)), "", "quarantined", "bad_id"},
		"form":                   {sample, "application/x-www-form-urlencoded", "quarantined", "content_type"},
		"latin1":                 {sample, "application/json; charset=iso-8859-1", "quarantined", "content_type"},
		"JSON with charset":      {sample, "application/json; charset=utf-8", "recorded", ""},
		"unknown kind":           {edit("call.outcome_tagged", "call.transferred"), "", "recorded", ""},
		"unknown outcome":        {edit("booked", "site_visit"), "", "recorded", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			server := httptest.NewServer(b.handler)
			t.Cleanup(server.Close)
			r := post(t.Context(), server.URL+"/webhooks/main", tt.body)
			if tt.contentType != "" {
				r.Header.Set("Content-Type", tt.contentType)
			}
			code, answer := roundTrip(t, server.Client(), r)
			if want := `{"status":"` + tt.status + `"}`; code != http.StatusAccepted || answer != want {
				t.Errorf("got %d %s, want 202 %s", code, answer, want)
			}
			checkStored(t, b, len(tt.body), tt.reason)
		})
	}
}

func roundTrip(t *testing.T, client *http.Client, r *http.Request) (status int, body string) {
	t.Helper()
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(raw)
}

// checkStored looks at the store and the log: one record, of the reason that
// the log names, and nothing personal in either.
func checkStored(t *testing.T, b *bench, size int, reason string) {
	t.Helper()
	line := b.log.String()
	for _, personal := range []string{"Erika", "8005550142", "Bath", click, "v1="} {
		if strings.Contains(line, personal) {
			t.Errorf("%q is in the log: %s", personal, line)
		}
	}
	if strings.Count(line, "\n") != 1 {
		t.Errorf("got %d log lines, want 1:\n%s", strings.Count(line, "\n"), line)
	}
	if woken := len(b.woken); woken != len(b.store.events) {
		t.Errorf("got %d wakes for %d events", woken, len(b.store.events))
	}
	if reason == "" {
		if len(b.store.events) != 1 || len(b.store.quarantined) != 0 || strings.Contains(line, "reason=") {
			t.Errorf("got %d events, %d in quarantine, log %s", len(b.store.events), len(b.store.quarantined), line)
		}
		return
	}
	if len(b.store.events) != 0 || len(b.store.quarantined) != 1 || !strings.Contains(line, "reason="+reason) {
		t.Fatalf("got %d events, %d in quarantine, log %s", len(b.store.events), len(b.store.quarantined), line)
	}
	q := b.store.quarantined[0]
	if q.Reason != reason || q.Size != size || q.Account != "acme" || q.Source != "src_main" ||
		q.Delivery != "dlv_5f0c" || !q.Received.Equal(received()) || q.Body == [16]byte{} {
		t.Errorf("got %+v, want reason %s and size %d", q, reason, size)
	}
	for _, personal := range []string{"Erika", "8005550142", "Bath", click, "90456"} {
		if strings.Contains(q.Shape+q.Detail, personal) {
			t.Errorf("%q is in quarantine: %+v", personal, q)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	type change func(*http.Request)
	header := func(key, value string) change { return func(r *http.Request) { r.Header.Set(key, value) } }
	tests := map[string]struct {
		path    string
		body    string
		change  change
		status  int
		answer  string
		inLog   string
		headers map[string]string
	}{
		"unknown source": {"/webhooks/nobody", sample, nil, 404, "unknown source", "detail=nobody", nil},
		"no source":      {"/webhooks/", sample, nil, 404, "unknown source", "outcome=unknown_source", nil},
		"deeper path":    {"/webhooks/main/x", sample, nil, 404, "unknown source", "outcome=unknown_source", nil},
		"other path":     {"/main", sample, nil, 404, "unknown source", "outcome=unknown_source", nil},
		"unknown source before its method": {
			"/webhooks/nobody", "", func(r *http.Request) { r.Method = http.MethodGet },
			404, "unknown source", "outcome=unknown_source", nil,
		},
		"GET": {
			"/webhooks/main", "", func(r *http.Request) { r.Method = http.MethodGet },
			405, "use POST", "outcome=method",
			map[string]string{"Allow": "POST"},
		},
		"method before size": {
			"/webhooks/main", padded(mebibyte + 1), func(r *http.Request) { r.Method = http.MethodPut },
			405, "use POST", "outcome=method", nil,
		},
		"1 MiB and a byte": {"/webhooks/main", padded(mebibyte + 1), nil, 413, "too large", "outcome=too_large", nil},
		"the same in chunks": {
			"/webhooks/main", padded(mebibyte + 1), func(r *http.Request) { r.ContentLength = -1 },
			413, "too large", "outcome=too_large", nil,
		},
		"size before signature": {
			"/webhooks/main", padded(mebibyte + 1), header("X-Varda-Signature", ""),
			413, "too large", "outcome=too_large", nil,
		},
		"no signature": {
			"/webhooks/main", sample, func(r *http.Request) { r.Header.Del("X-Varda-Signature") },
			401, "signature", "reason=signature_missing", nil,
		},
		"garbage signature": {
			"/webhooks/main", sample, header("X-Varda-Signature", "v1=x"),
			401, "signature", "reason=signature_malformed", nil,
		},
		"wrong signature": {
			"/webhooks/main", sample, header("X-Varda-Signature", signature(sample+" ")),
			401, "signature", "reason=signature_mismatch", nil,
		},
		"signature before content": {
			"/webhooks/main", "\x00", header("X-Varda-Signature", signature("")),
			401, "signature", "reason=signature_mismatch", nil,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			server := httptest.NewServer(b.handler)
			t.Cleanup(server.Close)
			r := post(t.Context(), server.URL+tt.path, tt.body)
			if tt.change != nil {
				tt.change(r)
			}
			answer, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = answer.Body.Close() }()
			raw, _ := io.ReadAll(answer.Body)
			if want := `{"error":"` + tt.answer + `"}`; answer.StatusCode != tt.status || string(raw) != want {
				t.Errorf("got %d %s, want %d %s", answer.StatusCode, raw, tt.status, want)
			}
			for key, want := range tt.headers {
				if got := answer.Header.Get(key); got != want {
					t.Errorf("%s: got %q, want %q", key, got, want)
				}
			}
			if got := answer.Header.Get("Content-Type"); got != "application/json" {
				t.Errorf("got content type %q", got)
			}
			if len(b.store.events)+len(b.store.quarantined) != 0 {
				t.Error("something was stored")
			}
			if line := b.log.String(); !strings.Contains(line, tt.inLog) || strings.Contains(line, "v1=") || strings.Contains(line, "Erika") {
				t.Errorf("got the log line %s, want %s in it and nothing personal", line, tt.inLog)
			}
		})
	}
}

// unread is a body that must not be touched.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, io.EOF
}

func TestTooLargeIsNotRead(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := post(t.Context(), "/webhooks/main", "")
	r.Body, r.ContentLength = io.NopCloser(unread{t}), mebibyte+1
	if w := b.serve(r); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("got %d, want 413", w.Code)
	}
}

// halfway is a connection that breaks.
type halfway struct{ r io.Reader }

func (h halfway) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	if err == io.EOF {
		err = io.ErrClosedPipe
	}
	return n, err
}

func TestBrokenBody(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := post(t.Context(), "/webhooks/main", sample)
	r.Body = io.NopCloser(halfway{strings.NewReader(sample[:200])})
	if w := b.serve(r); w.Code != http.StatusBadRequest || len(b.store.quarantined) != 0 {
		t.Errorf("got %d and %d in quarantine, want 400 and none", w.Code, len(b.store.quarantined))
	}
}

// TestBuffersDoNotMix sends long and short bodies in turn through one
// handler: nothing of one may show in the next.
func TestBuffersDoNotMix(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i := range 20 {
		body := edit("7742", strings.Repeat("9", 1+i))
		if i%2 == 0 {
			body += strings.Repeat(" ", 100_000)
		}
		b.serve(post(t.Context(), "/webhooks/main", body))
		if got, want := b.store.events[i].Lead, conversions.LeadID(strings.Repeat("9", 1+i)); got != want {
			t.Fatalf("got lead %s, want %s", got, want)
		}
	}
	if !bytes.Contains([]byte(b.log.String()), []byte("seq=20")) {
		t.Error("the log has no twentieth event")
	}
}
