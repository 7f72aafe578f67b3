package sandbox_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/google"
	"google.golang.org/grpc/metadata"

	"closeloop/sandbox"
)

const (
	adsScope = sandbox.AdsScope
	email1   = "uploader@sandbox.example.com"
)

func oauthConfig() sandbox.Config {
	cfg := testConfig()
	cfg.OAuth = sandbox.OAuth{
		ClientID: "client", ClientSecret: "secret", RefreshToken: "refresh",
		Now: time.Now, // the oauth2 library measures in real time
	}
	return cfg
}

// upload1 uploads one row with the token and returns the answer.
func upload1(t *testing.T, r *rig, token string) string {
	t.Helper()
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token)
	_, err := r.upload.UploadClickConversions(ctx, request(good()))
	return refusal(t, err)
}

func TestRefreshToken(t *testing.T) {
	t.Parallel()
	for name, style := range map[string]oauth2.AuthStyle{"header": oauth2.AuthStyleInHeader, "form": oauth2.AuthStyleInParams} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, oauthConfig())
			client := oauth2.Config{
				ClientID: "client", ClientSecret: "secret",
				Endpoint: oauth2.Endpoint{TokenURL: r.server.TokenURL(), AuthStyle: style},
			}
			token, err := client.TokenSource(t.Context(), &oauth2.Token{RefreshToken: "refresh"}).Token()
			if err != nil {
				t.Fatalf("Token: %v", err)
			}
			if left := time.Until(token.Expiry); left < 50*time.Minute || left > time.Hour {
				t.Errorf("token lasts %v, want an hour", left)
			}
			if got := upload1(t, r, token.AccessToken); got != "OK" {
				t.Errorf("upload = %s, want OK", got)
			}
		})
	}
}

func TestTokenRefused(t *testing.T) {
	t.Parallel()
	form := func(kv ...string) url.Values {
		v := url.Values{
			"grant_type": {"refresh_token"}, "client_id": {"client"}, "client_secret": {"secret"}, "refresh_token": {"refresh"},
		}
		for i := 0; i < len(kv); i += 2 {
			v.Set(kv[i], kv[i+1])
		}
		return v
	}
	tests := []struct {
		name   string
		form   url.Values
		fault  sandbox.FaultKind
		status int
		want   string
	}{
		{"good", form(), "", 200, ""},
		{"no grant type", form("grant_type", ""), "", 400, "invalid_request"},
		{"other grant type", form("grant_type", "password"), "", 400, "unsupported_grant_type"},
		{"other client", form("client_id", "x"), "", 401, "invalid_client"},
		{"other secret", form("client_secret", "x"), "", 401, "invalid_client"},
		{"other refresh token", form("refresh_token", "x"), "", 400, "invalid_grant"},
		{"no refresh token", form("refresh_token", ""), "", 400, "invalid_request"},
		{"assertion that is none", form("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion", "x"), "", 400, "invalid_request"},
		{"revoked", form(), sandbox.FaultInvalidGrant, 400, "invalid_grant"},
		{"unavailable", form(), sandbox.FaultUnavailable, 503, ""},
		{"internal", form(), sandbox.FaultInternal, 500, ""},
		{"too many", form(), sandbox.FaultQuota, 429, "rate_limit_exceeded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, oauthConfig())
			if tt.fault != "" {
				if err := r.server.Fault(sandbox.Fault{Kind: tt.fault, On: sandbox.OnToken}); err != nil {
					t.Fatalf("Fault: %v", err)
				}
			}
			resp, err := http.PostForm(r.server.TokenURL(), tt.form)
			if err != nil {
				t.Fatalf("post: %v", err)
			}
			defer resp.Body.Close()
			var body struct {
				Error string `json:"error"`
			}
			_ = json.NewDecoder(resp.Body).Decode(&body) // a 5xx has no JSON
			if resp.StatusCode != tt.status || body.Error != tt.want {
				t.Errorf("answer = %d %q, want %d %q", resp.StatusCode, body.Error, tt.status, tt.want)
			}
		})
	}
}

func TestTokenExpires(t *testing.T) {
	t.Parallel()
	var passed atomic.Int64
	cfg := testConfig()
	cfg.Now = func() time.Time { return testNow().Add(time.Duration(passed.Load())) }
	cfg.OAuth.TokenLifetime = time.Minute
	r := start(t, cfg)
	token := r.server.Token()
	if got := upload1(t, r, token); got != "OK" {
		t.Errorf("fresh token: %s", got)
	}
	passed.Store(int64(time.Minute))
	if got, want := upload1(t, r, token), "Unauthenticated AuthenticationError.OAUTH_TOKEN_EXPIRED"; got != want {
		t.Errorf("old token: %q, want %q", got, want)
	}
}

func TestServiceAccount(t *testing.T) {
	t.Parallel()
	r := start(t, oauthConfig())
	key, err := r.server.NewServiceAccountKey(email1)
	if err != nil {
		t.Fatalf("NewServiceAccountKey: %v", err)
	}
	token := func(ctx context.Context, scopes ...string) (string, error) {
		cfg, err := google.JWTConfigFromJSON(key, scopes...)
		if err != nil {
			t.Fatalf("JWTConfigFromJSON: %v", err)
		}
		tok, err := cfg.TokenSource(ctx).Token()
		if err != nil {
			return "", err
		}
		return tok.AccessToken, nil
	}
	tests := []struct {
		name   string
		scopes []string
		want   string
	}{
		{"ads scope", []string{adsScope}, "OK"},
		{"other scope", []string{"https://www.googleapis.com/auth/datamanager"}, "PermissionDenied AuthorizationError.AUTHORIZATION_ERROR"},
	}
	for _, tt := range tests {
		access, err := token(t.Context(), tt.scopes...)
		if err != nil {
			t.Fatalf("%s: Token: %v", tt.name, err)
		}
		if diff := cmp.Diff(tt.want, upload1(t, r, access)); diff != "" {
			t.Errorf("%s: upload (-want +got):\n%s", tt.name, diff)
		}
	}
	if _, err := token(t.Context()); err == nil || !strings.Contains(err.Error(), "invalid_scope") {
		t.Errorf("no scope: %v, want invalid_scope", err)
	}
	if _, err := r.server.NewServiceAccountKey(email1); err != nil { // replaces the key
		t.Fatalf("NewServiceAccountKey: %v", err)
	}
	if _, err := token(t.Context(), adsScope); err == nil || !strings.Contains(err.Error(), "invalid_grant") {
		t.Errorf("replaced key: %v, want invalid_grant", err)
	}
}

func TestAcceptAny(t *testing.T) {
	t.Parallel()
	foreign := start(t, oauthConfig())
	key, err := foreign.server.NewServiceAccountKey(email1)
	if err != nil {
		t.Fatalf("NewServiceAccountKey: %v", err)
	}
	cfg := oauthConfig()
	cfg.OAuth.AcceptAny = true
	r := start(t, cfg)
	account, err := google.JWTConfigFromJSON(key, adsScope)
	if err != nil {
		t.Fatalf("JWTConfigFromJSON: %v", err)
	}
	account.Audience, account.TokenURL = "https://oauth2.googleapis.com/token", r.server.TokenURL()
	client := oauth2.Config{ClientID: "my", ClientSecret: "own", Endpoint: oauth2.Endpoint{TokenURL: r.server.TokenURL()}}
	for name, source := range map[string]oauth2.TokenSource{
		"service account": account.TokenSource(t.Context()),
		"refresh token":   client.TokenSource(t.Context(), &oauth2.Token{RefreshToken: "credentials"}),
	} {
		if _, err := source.Token(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTokenFaultAfterWork(t *testing.T) {
	t.Parallel()
	r := start(t, oauthConfig())
	f := sandbox.Fault{Kind: sandbox.FaultCut, On: sandbox.OnToken, AfterWork: true}
	if err := r.server.Fault(f); err != nil {
		t.Fatalf("Fault: %v", err)
	}
	form := url.Values{
		"grant_type": {"refresh_token"}, "client_id": {"client"}, "client_secret": {"secret"}, "refresh_token": {"refresh"},
	}
	resp, err := http.PostForm(r.server.TokenURL(), form)
	if err == nil {
		_ = resp.Body.Close()
		t.Errorf("answer = %s, want a cut connection", resp.Status)
	}
}
