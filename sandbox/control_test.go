package sandbox_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/sandbox"
)

// control sends a request to the control endpoint and returns status and body.
func (r *rig) control(t *testing.T, method, path, body string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.server.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatalf("NewRequest: %v", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read answer: %v", err)
	}
	return resp.StatusCode, out
}

func TestControlReads(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	if status, body := r.control(t, "GET", "/conversions", ""); status != 200 || string(bytes.TrimSpace(body)) != "[]" {
		t.Errorf("empty conversions = %d %s, want 200 []", status, body)
	}
	r.send(t, good())
	_, body := r.control(t, "GET", "/conversions", "")
	var held []sandbox.Conversion
	if err := json.Unmarshal(body, &held); err != nil {
		t.Fatalf("conversions: %v", err)
	}
	if diff := cmp.Diff(r.server.Conversions(), held); diff != "" {
		t.Errorf("conversions (-want +got):\n%s", diff)
	}
	_, body = r.control(t, "GET", "/requests", "")
	var requests []sandbox.Request
	if err := json.Unmarshal(body, &requests); err != nil {
		t.Fatalf("requests: %v", err)
	}
	if diff := cmp.Diff(r.server.Requests(), requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestControlFaults(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	if status, body := r.control(t, "POST", "/faults", `{"kind":"quota","retry_delay":"1m30s","times":2}`); status != 201 {
		t.Fatalf("one fault = %d %s", status, body)
	}
	if status, body := r.control(t, "POST", "/faults", `[{"kind":"unavailable","after_work":true}, {"kind":"error","family":"authorization_error","number":32}]`); status != 201 {
		t.Fatalf("two faults = %d %s", status, body)
	}
	want := []sandbox.Fault{
		{Kind: sandbox.FaultQuota, RetryDelay: sandbox.Duration(90 * time.Second), Times: 2},
		{Kind: sandbox.FaultUnavailable, AfterWork: true, Times: 1},
		{Kind: sandbox.FaultError, Family: "authorization_error", Number: 32, Times: 1},
	}
	_, body := r.control(t, "GET", "/faults", "")
	var got []sandbox.Fault
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatalf("faults: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	if status, _ := r.control(t, "DELETE", "/faults", ""); status != 204 || len(r.server.Faults()) != 0 {
		t.Errorf("delete = %d, %d faults left", status, len(r.server.Faults()))
	}
}

func TestControlRefuses(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	for _, body := range []string{"", "nothing", `"quota"`, `{"kind":"flood"}`, `{"kind":"quota","retry_delay":"soon"}`, `[{"kind":"quota"},{"kind":"flood"}]`, `{"kind":"quota","tmies":2}`} {
		if status, answer := r.control(t, "POST", "/faults", body); status != 400 || !bytes.Contains(answer, []byte(`"error"`)) {
			t.Errorf("POST %s = %d %s, want 400 and an error", body, status, answer)
		}
	}
	if status, _ := r.control(t, "POST", "/clicks", `{"kind":"gclid","id":"x"}`); status != 400 {
		t.Errorf("click without customer = %d, want 400", status)
	}
	if got := r.server.Faults(); len(got) != 0 {
		t.Errorf("waiting faults = %v, want none", got)
	}
	resp, err := http.Post(r.server.URL()+"/faults", "text/plain", strings.NewReader(`{"kind":"quota"}`))
	if err != nil {
		t.Fatalf("post: %v", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("text/plain = %d, want 415", resp.StatusCode)
	}
}

func TestControlClicks(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	status, body := r.control(t, "POST", "/clicks", `{"kind":"gclid","id":"CjwKCAjwPosted","customer":"1234567890","time":"2026-11-21T00:00:00Z"}`)
	if status != 201 {
		t.Fatalf("click = %d %s", status, body)
	}
	if got := failures(t, r.send(t, good(withGCLID("CjwKCAjwPosted")))); got != nil {
		t.Errorf("failures = %v, want none", got)
	}
}
