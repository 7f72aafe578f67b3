package googleads_test

import (
	"os"
	"path/filepath"
	"testing"

	"closeloop/conversions"
	"closeloop/googleads"
	"closeloop/googleauth"
	"closeloop/sandbox"
)

func TestUploadExpiredTokenIsRefreshedOnce(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault sandbox.Fault
		want  conversions.Verdict
		calls int
	}{
		{"once", sandbox.Fault{Kind: sandbox.FaultTokenExpired}, conversions.Done, 2},
		{"always", sandbox.Fault{Kind: sandbox.FaultTokenExpired, Times: sandbox.Always}, conversions.Pause, 2},
		{"invalid", sandbox.Fault{Kind: sandbox.FaultError, Family: "authentication_error", Number: 15}, conversions.Done, 2},
		{"another reason", sandbox.Fault{Kind: sandbox.FaultError, Family: "authentication_error", Number: 18}, conversions.Pause, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, sandboxConfig())
			fault(t, s, tt.fault)
			r := connect(t, s).Upload(t.Context(), batch(t, 2), false)
			diff(t, verdicts(r), []conversions.Verdict{tt.want, tt.want})
			if got := len(s.Requests()); got != tt.calls || r.Unknown {
				t.Errorf("%d calls, want %d; unknown = %t", got, tt.calls, r.Unknown)
			}
			if tt.want == conversions.Pause && r.Call.Scope != conversions.ScopeAccount {
				t.Errorf("call = %+v", r.Call)
			}
		})
	}
}

func TestUploadWithoutToken(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind    sandbox.FaultKind
		verdict conversions.Verdict
		code    string
	}{
		{sandbox.FaultInvalidGrant, conversions.Pause, "OAuth.invalid_grant"},
		{sandbox.FaultUnavailable, conversions.Retry, "OAuth.http_503"},
		{sandbox.FaultCut, conversions.Retry, "OAuth.unreachable"},
		{sandbox.FaultQuota, conversions.Retry, "OAuth.rate_limit_exceeded"},
	}
	for _, tt := range tests {
		t.Run(string(tt.kind), func(t *testing.T) {
			t.Parallel()
			s := start(t, sandboxConfig())
			fault(t, s, sandbox.Fault{Kind: tt.kind, On: sandbox.OnToken, Times: sandbox.Always})
			r := connect(t, s).Upload(t.Context(), batch(t, 2), false)
			if r.Call == nil || r.Call.Code != tt.code || r.Call.Verdict != tt.verdict || r.Unknown || len(r.Answers) != 2 {
				t.Errorf("call = %+v, unknown = %t, %d answers", r.Call, r.Unknown, len(r.Answers))
			}
			if n := len(s.Requests()); n != 0 {
				t.Errorf("%d calls without a token", n)
			}
		})
	}
}

func TestUploadRefreshFails(t *testing.T) {
	t.Parallel()
	s := start(t, sandboxConfig())
	c := connect(t, s)
	if r := c.Upload(t.Context(), batch(t, 1), false); r.Call != nil {
		t.Fatalf("call = %+v", r.Call)
	}
	fault(t, s, sandbox.Fault{Kind: sandbox.FaultTokenExpired}, sandbox.Fault{Kind: sandbox.FaultInvalidGrant, On: sandbox.OnToken})
	r := c.Upload(t.Context(), batch(t, 1), false)
	if r.Call == nil || r.Call.Code != "OAuth.invalid_grant" || r.Unknown {
		t.Errorf("call = %+v, unknown = %t", r.Call, r.Unknown)
	}
}

func TestServiceAccount(t *testing.T) {
	t.Parallel()
	s := start(t, sandboxConfig())
	key, err := s.NewServiceAccountKey("uploader@project.example.com")
	if err != nil {
		t.Fatal(err)
	}
	source := tokens(t, googleauth.Credentials{KeyFile: file(t, "key.json", string(key))})
	c := dial(t, googleads.Config{Endpoint: s.GRPCAddr(), Plaintext: true}, source)
	if r := c.Upload(t.Context(), batch(t, 1), false); r.Call != nil {
		t.Errorf("call = %+v", r.Call)
	}
}

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
