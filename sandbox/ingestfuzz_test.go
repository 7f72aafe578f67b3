package sandbox_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"closeloop/sandbox"
)

// FuzzIngest: whatever comes as a request, it is answered in the form of Google's errors or taken, and what is taken is
// processed to an end.
func FuzzIngest(f *testing.F) {
	cfg := testConfig()
	cfg.DataManager = sandbox.DataManagerConfig{Processing: -1, PerMinute: -1, PerDay: -1}
	s, err := sandbox.Start(f.Context(), cfg)
	if err != nil {
		f.Fatalf("Start: %v", err)
	}
	f.Cleanup(func() { _ = s.Close() })
	token := s.Token()
	for _, req := range []object{
		ingestion(event("a-1"), event("a-2", userIdentifiers(ofEmail(knownHash)))),
		ingestion(event("1", without("eventSource"), with("adIdentifiers", object{"gbraid": knownGB, "wbraid": knownWB}))),
		{"destinations": []object{{"operatingAccount": nil}, {}}, "events": []object{{}}, "encoding": "BASE64"},
		{"events": []object{{"conversionValue": 1e308, "cartData": object{"items": []object{{"quantity": "9223372036854775807"}}}}}},
	} {
		seed, err := json.Marshal(req)
		if err != nil {
			f.Fatalf("Marshal: %v", err)
		}
		f.Add(seed)
	}
	f.Add([]byte(`{"events":[{"eventTimestamp":"0000-01-01T00:00:00Z"}],"events":[]}`))
	f.Add([]byte("{\"a/~1\":\"\xff"))
	f.Fuzz(func(t *testing.T, body []byte) {
		a := post(t, s, token, http.MethodPost, ingestPath, body)
		if a.status != http.StatusOK {
			if a.body.Error.Code != a.status || a.body.Error.Status == "" || len(a.body.Error.Details) == 0 {
				t.Errorf("answer = %d %s, want Google's form of an error", a.status, a.raw)
			}
			return
		}
		var req struct{ ValidateOnly bool }
		if err := json.Unmarshal(body, &req); err != nil || req.ValidateOnly {
			return // taken and not to be looked at
		}
		status := post(t, s, token, http.MethodGet, "/v1/requestStatus:retrieve?requestId="+a.body.RequestID, nil)
		if len(status.body.PerDestination) == 0 {
			t.Fatalf("status = %s, want one per destination", status.raw)
		}
		for _, d := range status.body.PerDestination {
			if d.Status == "PROCESSING" || d.Events == nil {
				t.Errorf("status = %+v, want a final one", d)
			}
		}
	})
}

// post calls the handler without a network between, so that coverage depends on the input alone.
func post(t *testing.T, s *sandbox.Server, token, method, path string, body []byte) answer {
	t.Helper()
	req := httptest.NewRequest(method, path, bytes.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, req)
	return read(t, w.Result())
}
