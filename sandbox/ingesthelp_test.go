package sandbox_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"closeloop/sandbox"
)

// object is a JSON object that a test changes before it is sent.
type object = map[string]any

// event is an event that passes every check; change makes variants of it.
func event(id string, change ...func(object)) object {
	e := object{
		"destinationReferences": []string{"booked"}, "transactionId": id, "eventTimestamp": "2026-11-22T14:05:09-05:00",
		"eventSource": "PHONE", "adIdentifiers": object{"gclid": knownID}, "conversionValue": 2500.0, "currency": "USD",
		"consent": object{"adUserData": "CONSENT_GRANTED"},
	}
	for _, c := range change {
		c(e)
	}
	return e
}

// with sets a field of an event.
func with(name string, value any) func(object) { return func(o object) { o[name] = value } }

func destinationOf(reference, customer, action string) object {
	return object{
		"reference": reference, "productDestinationId": action,
		"operatingAccount": object{"accountType": "GOOGLE_ADS", "accountId": customer},
	}
}

// ingestion is a request for the account's action 11 with these events.
func ingestion(events ...object) object {
	return object{"destinations": []object{destinationOf("booked", account, "11")}, "events": events, "encoding": "HEX"}
}

// answer is what the Data Manager API answered.
type answer struct {
	status int
	raw    []byte
	body   struct {
		RequestID string `json:"requestId"`
		Error     struct {
			Code    int
			Status  string
			Message string
			Details []struct {
				Type            string `json:"@type"`
				Reason, Domain  string
				Metadata        map[string]string
				FieldViolations []struct{ Field, Description, Reason string }
				RequestID       string `json:"requestId"`
				RetryDelay      string
				Violations      []struct{ Subject, Description string }
			}
		}
		PerDestination []struct {
			Destination struct{ Reference string }
			Status      string `json:"requestStatus"`
			ErrorInfo   *struct {
				ErrorCounts []struct {
					RecordCount   string
					Reason        string
					RecordIndices []any
				}
			}
			Events *struct{ RecordCount string } `json:"eventsIngestionStatus"`
		} `json:"requestStatusPerDestination"`
	}
}

// dataManager calls the Data Manager API and returns the error of the transport, if any.
func (r *rig) dataManager(t *testing.T, token, method, path string, body []byte) (answer, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.server.DataManagerURL()+path, bytes.NewReader(body))
	if err != nil {
		t.Fatalf("NewRequest: %v", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	return read(t, resp), nil
}

// read reads an answer and closes it.
func read(t *testing.T, resp *http.Response) answer {
	t.Helper()
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode}
	var err error
	if a.raw, err = io.ReadAll(resp.Body); err != nil {
		t.Fatalf("read answer: %v", err)
	}
	if err := json.Unmarshal(a.raw, &a.body); err != nil {
		t.Fatalf("answer %s: %v", a.raw, err)
	}
	return a
}

// ingest sends a request with a good token; the answer may be a refusal.
func (r *rig) ingest(t *testing.T, req any) answer {
	t.Helper()
	body, err := json.Marshal(req)
	if err != nil {
		t.Fatalf("Marshal: %v", err)
	}
	a, err := r.dataManager(t, r.server.Token(sandbox.DataManagerScope), http.MethodPost, "/v1/events:ingest", body)
	if err != nil {
		t.Fatalf("ingest: %v", err)
	}
	return a
}

// take sends events and fails the test unless they are accepted; it returns the request id.
func (r *rig) take(t *testing.T, events ...object) string {
	t.Helper()
	a := r.ingest(t, ingestion(events...))
	if a.status != http.StatusOK {
		t.Fatalf("ingest = %d %s", a.status, a.raw)
	}
	return a.body.RequestID
}

// look asks for the status of a request.
func (r *rig) look(t *testing.T, id string) answer {
	t.Helper()
	a, err := r.dataManager(t, r.server.Token(sandbox.DataManagerScope), http.MethodGet,
		"/v1/requestStatus:retrieve?requestId="+url.QueryEscape(id), nil)
	if err != nil {
		t.Fatalf("status: %v", err)
	}
	return a
}

// clock is a sandbox's clock that a test moves.
type clock struct{ passed atomic.Int64 }

func (c *clock) now() time.Time { return testNow().Add(time.Duration(c.passed.Load())) }

func (c *clock) add(d time.Duration) { c.passed.Add(int64(d)) }

// startTimed starts a sandbox whose clock the test moves.
func startTimed(t *testing.T, change ...func(*sandbox.Config)) (*rig, *clock) {
	t.Helper()
	c, cfg := new(clock), testConfig()
	cfg.Now = c.now
	for _, ch := range change {
		ch(&cfg)
	}
	return start(t, cfg), c
}
