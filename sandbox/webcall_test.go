package sandbox_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"closeloop/sandbox"
)

const ingestPath = "/v1/events:ingest"

// raw is the JSON of a good request.
func raw(t *testing.T, req object) []byte {
	t.Helper()
	body, err := json.Marshal(req)
	if err != nil {
		t.Fatalf("Marshal: %v", err)
	}
	return body
}

func TestDataManagerAccess(t *testing.T) {
	t.Parallel()
	r, clock := startTimed(t)
	old := r.server.Token()
	clock.add(2 * time.Hour)
	tests := []struct{ name, token, want string }{
		{"both scopes", r.server.Token(), ""},
		{"its own scope", r.server.Token(sandbox.DataManagerScope), ""},
		{"no token", "", "Unauthorized UNAUTHENTICATED CREDENTIALS_MISSING googleapis.com"},
		{"unknown token", "x", "Unauthorized UNAUTHENTICATED ACCESS_TOKEN_TYPE_UNSUPPORTED googleapis.com"},
		{"old token", old, "Unauthorized UNAUTHENTICATED ACCESS_TOKEN_EXPIRED googleapis.com"},
		{
			"the scope of the Google Ads API alone", r.server.Token(sandbox.AdsScope),
			"Forbidden PERMISSION_DENIED ACCESS_TOKEN_SCOPE_INSUFFICIENT googleapis.com",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for path, method := range map[string]string{ingestPath: http.MethodPost, "/v1/requestStatus:retrieve?requestId=x": http.MethodGet} {
				a, err := r.dataManager(t, tt.token, method, path, raw(t, ingestion(event("a-1"))))
				if err != nil {
					t.Fatalf("call: %v", err)
				}
				got := reason(a)
				if tt.want == "" {
					if a.status == http.StatusUnauthorized || a.status == http.StatusForbidden {
						t.Errorf("%s: %s, want access", path, got)
					}
					continue
				}
				if got != tt.want {
					t.Errorf("%s: %q, want %q", path, got, tt.want)
				}
			}
		})
	}
}

func TestScopesOfARefreshToken(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		granted []string
		asked   string
		ads, dm bool
		refused bool
	}{
		{"both by default", nil, "", true, true, false},
		{"ads alone", []string{sandbox.AdsScope}, "", true, false, false},
		{"data manager alone", []string{sandbox.DataManagerScope}, "", false, true, false},
		{"narrowed", nil, sandbox.DataManagerScope, false, true, false},
		{"never granted", []string{sandbox.AdsScope}, sandbox.DataManagerScope, false, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := oauthConfig()
			cfg.OAuth.Scopes = tt.granted
			r := start(t, cfg)
			client := oauth2.Config{ClientID: "client", ClientSecret: "secret", Endpoint: oauth2.Endpoint{TokenURL: r.server.TokenURL()}}
			token, err := refresh(t.Context(), r, &client, tt.asked)
			if (err != nil) != tt.refused {
				t.Fatalf("refresh: %v, want refused = %t", err, tt.refused)
			}
			if tt.refused {
				return
			}
			if got := upload1(t, r, token) == "OK"; got != tt.ads {
				t.Errorf("Google Ads API opened = %t, want %t", got, tt.ads)
			}
			a, err := r.dataManager(t, token, http.MethodPost, ingestPath, raw(t, ingestion(event("a-1"))))
			if err != nil {
				t.Fatalf("ingest: %v", err)
			}
			if got := a.status == http.StatusOK; got != tt.dm {
				t.Errorf("Data Manager API opened = %t (%s), want %t", got, a.raw, tt.dm)
			}
		})
	}
}

// refresh asks for an access token with these scopes, "" for those granted.
func refresh(ctx context.Context, r *rig, client *oauth2.Config, scope string) (string, error) {
	if scope == "" {
		token, err := client.TokenSource(ctx, &oauth2.Token{RefreshToken: "refresh"}).Token()
		if err != nil {
			return "", err
		}
		return token.AccessToken, nil
	}
	form := strings.NewReader("grant_type=refresh_token&client_id=client&client_secret=secret&refresh_token=refresh&scope=" + scope)
	resp, err := http.Post(r.server.TokenURL(), "application/x-www-form-urlencoded", form)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var body struct {
		AccessToken string `json:"access_token"`
		Error       string
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		return "", err
	}
	if body.Error != "" {
		return "", &oauth2.RetrieveError{ErrorCode: body.Error, Response: resp}
	}
	return body.AccessToken, nil
}

func TestLimits(t *testing.T) {
	t.Parallel()
	limits := func(minute, day int) func(*sandbox.Config) {
		return func(c *sandbox.Config) { c.DataManager.PerMinute, c.DataManager.PerDay = minute, day }
	}
	t.Run("a minute", func(t *testing.T) {
		t.Parallel()
		r, clock := startTimed(t, limits(2, 0))
		id := r.take(t, event("a-1"))
		r.take(t, event("a-2"))
		a := r.ingest(t, ingestion(event("a-3")))
		checkLimit(t, a, "IngestionMutateRequestsPerMinutePerProject", "")
		for range 2 { // counted apart
			if a := r.look(t, id); a.status != http.StatusOK {
				t.Errorf("status = %d %s, want it counted apart", a.status, a.raw)
			}
		}
		checkLimit(t, r.look(t, id), "IngestionReadRequestsPerMinutePerProject", "")
		clock.add(time.Minute)
		r.take(t, event("a-3"))
	})
	t.Run("a day", func(t *testing.T) {
		t.Parallel()
		r, clock := startTimed(t, limits(-1, 1), func(c *sandbox.Config) { c.Unproven.DataManager.QuotaRetryInfo = true })
		r.take(t, event("a-1"))
		clock.add(3*time.Hour + time.Millisecond)
		checkLimit(t, r.ingest(t, ingestion(event("a-2"))), "IngestionMutateRequestsPerDayPerProject", "43200s")
		clock.add(12 * time.Hour)
		r.take(t, event("a-2"))
	})
	t.Run("by default", func(t *testing.T) {
		t.Parallel()
		r := start(t, testConfig())
		for range 300 {
			r.take(t, event("a-1"))
		}
		checkLimit(t, r.ingest(t, ingestion(event("a-1"))), "IngestionMutateRequestsPerMinutePerProject", "")
	})
}

func checkLimit(t *testing.T, a answer, limit, retry string) {
	t.Helper()
	if got, want := reason(a), "Too Many Requests RESOURCE_EXHAUSTED RATE_LIMIT_EXCEEDED googleapis.com"; got != want {
		t.Fatalf("answer = %q, want %q", got, want)
	}
	var got []string
	for _, d := range a.body.Error.Details {
		got = append(got, d.Metadata["quota_limit"], d.RetryDelay)
		for _, v := range d.Violations {
			got = append(got, v.Description)
		}
	}
	got = slices.DeleteFunc(got, func(s string) bool { return s == "" })
	want := []string{limit, limit} // ErrorInfo and QuotaFailure
	if retry != "" {
		want = append(want, retry)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("details (-want +got):\n%s", diff)
	}
}

func TestDataManagerFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault sandbox.Fault
		want  string // "" is a cut connection
	}{
		{"unavailable", sandbox.Fault{Kind: sandbox.FaultUnavailable}, "Service Unavailable UNAVAILABLE"},
		{"internal", sandbox.Fault{Kind: sandbox.FaultInternal}, "Internal Server Error INTERNAL INTERNAL_ERROR datamanager.googleapis.com"},
		{"quota", sandbox.Fault{Kind: sandbox.FaultQuota}, "Too Many Requests RESOURCE_EXHAUSTED RATE_LIMIT_EXCEEDED googleapis.com"},
		{"token expired", sandbox.Fault{Kind: sandbox.FaultTokenExpired}, "Unauthorized UNAUTHENTICATED ACCESS_TOKEN_EXPIRED googleapis.com"},
		{
			"terms not signed",
			sandbox.Fault{Kind: sandbox.FaultError, Reason: "TERMS_AND_CONDITIONS_NOT_SIGNED"},
			"Bad Request INVALID_ARGUMENT TERMS_AND_CONDITIONS_NOT_SIGNED datamanager.googleapis.com",
		},
		{
			"permission",
			sandbox.Fault{Kind: sandbox.FaultError, Reason: "PERMISSION_DENIED", Status: 403},
			"Forbidden PERMISSION_DENIED PERMISSION_DENIED datamanager.googleapis.com",
		},
		{
			"credentials",
			sandbox.Fault{Kind: sandbox.FaultError, Reason: "CREDENTIALS_MISSING", Status: 401},
			"Unauthorized UNAUTHENTICATED CREDENTIALS_MISSING datamanager.googleapis.com",
		},
		{
			"too slow",
			sandbox.Fault{Kind: sandbox.FaultError, Reason: "DEADLINE_EXCEEDED", Status: 504},
			"Gateway Timeout DEADLINE_EXCEEDED DEADLINE_EXCEEDED datamanager.googleapis.com",
		},
		{
			"a field of a destination",
			sandbox.Fault{Kind: sandbox.FaultError, Reason: "NOT_ALLOWLISTED", Field: "destinations[0]"},
			"Bad Request INVALID_ARGUMENT INVALID_ARGUMENT datamanager.googleapis.com destinations[0] NOT_ALLOWLISTED",
		},
		{"cut", sandbox.Fault{Kind: sandbox.FaultCut}, ""},
	}
	for _, tt := range tests {
		for _, after := range []bool{false, true} {
			t.Run(map[bool]string{false: tt.name + " before", true: tt.name + " after"}[after], func(t *testing.T) {
				t.Parallel()
				r, clock := startTimed(t)
				fault := tt.fault
				fault.On, fault.AfterWork = sandbox.OnIngest, after
				if err := r.server.Fault(fault); err != nil {
					t.Fatalf("Fault: %v", err)
				}
				a, err := r.dataManager(t, r.server.Token(), http.MethodPost, ingestPath, raw(t, ingestion(event("a-1"))))
				got := ""
				if err == nil {
					got = strings.Join(append([]string{reason(a)}, violations(a)...), " ")
				}
				if got != tt.want {
					t.Errorf("answer = %q (%v), want %q", got, err, tt.want)
				}
				clock.add(testDay)
				if held := len(r.server.Conversions()) == 1; held != after {
					t.Errorf("held = %t, want %t", held, after)
				}
				q := r.server.Requests()[0]
				if q.Fault != tt.fault.Kind || q.Outcome == "OK" {
					t.Errorf("request = %+v, want the fault and no OK", q)
				}
				r.take(t, event("a-1")) // the fault is over
			})
		}
	}
}

func TestStallEndsWithTheCaller(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{}, 2)
	r, clock := startTimed(t, func(c *sandbox.Config) {
		c.Sleep = func(context.Context, time.Duration) error { reached <- struct{}{}; return nil }
	})
	stall := func(on sandbox.FaultPlace) sandbox.Fault {
		return sandbox.Fault{Kind: sandbox.FaultStall, On: on, AfterWork: true, Delay: 1}
	}
	if err := r.server.Fault(stall(sandbox.OnIngest), stall(sandbox.OnUpload)); err != nil {
		t.Fatalf("Fault: %v", err)
	}
	// patience is a context that ends once the work is done.
	patience := func(parent context.Context) context.Context {
		ctx, cancel := context.WithCancel(parent)
		go func() { <-reached; cancel() }()
		return ctx
	}
	body := bytes.NewReader(raw(t, ingestion(event("a-1"))))
	req, err := http.NewRequestWithContext(patience(t.Context()), http.MethodPost, r.server.DataManagerURL()+ingestPath, body)
	if err != nil {
		t.Fatalf("NewRequest: %v", err)
	}
	req.Header.Set("Authorization", "Bearer "+r.server.Token())
	if resp, err := http.DefaultClient.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Errorf("answer = %s, want none", resp.Status)
	}
	clock.add(testDay)
	if held := r.server.Conversions(); len(held) != 1 {
		t.Errorf("held = %+v, want the work done", held)
	}
	if _, err := r.upload.UploadClickConversions(patience(r.authorized(t)), request(numbered(1))); refusal(t, err) != "Canceled" {
		t.Errorf("upload: %v, want no answer", err)
	}
	if held := r.server.Conversions(); len(held) != 2 {
		t.Errorf("held = %+v, want the work done", held)
	}
}

// TestFaultAfterWorkThatFailed: what is refused is answered; there is no answer to lose.
func TestFaultAfterWorkThatFailed(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	if err := r.server.Fault(sandbox.Fault{Kind: sandbox.FaultUnavailable, On: sandbox.OnIngest, AfterWork: true}); err != nil {
		t.Fatalf("Fault: %v", err)
	}
	if a := r.ingest(t, ingestion(event("a-1", with("currency", "x")))); a.status != http.StatusBadRequest {
		t.Errorf("answer = %d %s, want the refusal", a.status, a.raw)
	}
}

func TestExpiredTokenStaysSo(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	if err := r.server.Fault(sandbox.Fault{Kind: sandbox.FaultTokenExpired, On: sandbox.OnIngest}); err != nil {
		t.Fatalf("Fault: %v", err)
	}
	token := r.server.Token()
	for i := range 2 { // the fault befalls only the first
		a, err := r.dataManager(t, token, http.MethodPost, ingestPath, raw(t, ingestion(event("a-1"))))
		if err != nil {
			t.Fatalf("ingest: %v", err)
		}
		if a.status != http.StatusUnauthorized {
			t.Errorf("call %d = %d %s, want 401", i, a.status, a.raw)
		}
	}
	r.take(t, event("a-1")) // with a new token
}

func TestSlowDataManager(t *testing.T) {
	t.Parallel()
	var slept time.Duration
	r, _ := startTimed(t, func(c *sandbox.Config) {
		c.Sleep = func(_ context.Context, d time.Duration) error { slept += d; return nil }
	})
	if err := r.server.Fault(sandbox.Fault{Kind: sandbox.FaultSlow, On: sandbox.OnStatus, Delay: sandbox.Duration(time.Minute)}); err != nil {
		t.Fatalf("Fault: %v", err)
	}
	r.look(t, r.take(t, event("a-1")))
	if slept != time.Minute {
		t.Errorf("slept %v, want a minute", slept)
	}
}

func TestFaultOfOneAccount(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	fault := func(on sandbox.FaultPlace) sandbox.Fault {
		return sandbox.Fault{Kind: sandbox.FaultUnavailable, On: on, Customer: other, Times: sandbox.Always}
	}
	if err := r.server.Fault(fault(sandbox.OnIngest), fault(sandbox.OnStatus)); err != nil {
		t.Fatalf("Fault: %v", err)
	}
	id := r.take(t, event("a-1"))
	if a := r.look(t, id); a.status != http.StatusOK {
		t.Errorf("status = %d %s", a.status, a.raw)
	}
	req := ingestion(event("a-1"))
	req["destinations"] = []object{destinationOf("booked", other, "11")}
	if a := r.ingest(t, req); a.status != http.StatusServiceUnavailable {
		t.Errorf("ingest for the other account = %d %s", a.status, a.raw)
	}
}

func TestBadDataManagerFaults(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	for name, f := range map[string]sandbox.Fault{
		"no reason":      {Kind: sandbox.FaultError, On: sandbox.OnIngest},
		"unknown status": {Kind: sandbox.FaultError, On: sandbox.OnIngest, Reason: "X", Status: 418},
		"unknown place":  {Kind: sandbox.FaultCut, On: "egress"},
	} {
		if err := r.server.Fault(f); err == nil {
			t.Errorf("%s: taken, want ErrConfig", name)
		}
	}
	if err := r.server.Reject(sandbox.Rejection{Reason: "INVALID_EVENT"}); err == nil {
		t.Error("rejection without a transaction id: taken, want ErrConfig")
	}
}

func TestDataManagerRequests(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	req := ingestion(event("a-1"), event("a-2"))
	req["destinations"] = []object{func() object {
		d := destinationOf("booked", managed, "11")
		d["loginAccount"] = object{"accountType": "GOOGLE_ADS", "accountId": manager}
		return d
	}()}
	id := r.ingest(t, req).body.RequestID
	r.look(t, id)
	req["events"] = []object{event("a-1", with("currency", "x")), event("a-2")}
	r.ingest(t, req)
	want := []sandbox.Request{
		{
			ID: id, API: sandbox.APIDataManager, Method: "/google.ads.datamanager.v1.IngestionService/IngestEvents",
			Customer: managed, LoginCustomer: manager, Rows: 2, Accepted: 2, Outcome: "OK", Time: testNow(),
		},
		{
			ID: "sandbox-00000002", API: sandbox.APIDataManager, Method: "/google.ads.datamanager.v1.IngestionService/RetrieveRequestStatus",
			Customer: managed, Outcome: "OK", Time: testNow(),
		},
		{
			ID: "sandbox-00000003", API: sandbox.APIDataManager, Method: "/google.ads.datamanager.v1.IngestionService/IngestEvents",
			Customer: managed, LoginCustomer: manager, Rows: 2, Outcome: "INVALID_ARGUMENT.INVALID_CURRENCY_CODE", Time: testNow(),
		},
	}
	if diff := cmp.Diff(want, r.server.Requests()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// TestDataManagerLogNamesNobody sends events of every kind and reads the log.
func TestDataManagerLogNamesNobody(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r, _ := startTimed(t, func(c *sandbox.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	token := r.server.Token()
	body := raw(t, ingestion(event("order-1", userIdentifiers(ofEmail(knownHash))), event("7", with("currency", "jane@example.com"))))
	bodies := [][]byte{
		body, body[:len(body)/2], raw(t, ingestion(event("order-1"))), raw(t, ingestion(event("jane@example.com", with("order-1", 1)))),
	}
	for _, b := range bodies {
		if _, err := r.dataManager(t, token, http.MethodPost, ingestPath, b); err != nil {
			t.Fatalf("ingest: %v", err)
		}
	}
	if err := r.server.Close(); err != nil { // the log is complete and nobody writes any more
		t.Fatalf("Close: %v", err)
	}
	if n := strings.Count(log.String(), "rows="); n != len(bodies) {
		t.Fatalf("log = %q, want a line per call", log.String())
	}
	for _, secret := range []string{knownID, knownHash, token, "order-1", "jane@example.com"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, log.String())
		}
	}
}
