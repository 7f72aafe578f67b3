package googleauth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/googleauth"
	"closeloop/sandbox"
)

func TestTokenIsKeptAndShared(t *testing.T) {
	t.Parallel()
	asked := 0
	var mu sync.Mutex
	source := tokens(t, appAt(tokenServer(t, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"ya29.%d","token_type":"Bearer","expires_in":3600}`, asked)
	})))
	get := func(want string, from func() (string, error)) {
		t.Helper()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if got, err := from(); err != nil || got != want {
					t.Errorf("token = %q, %v, want %q", got, err, want)
				}
			})
		}
		wg.Wait()
	}
	get("ya29.1", func() (string, error) { return source.Token(t.Context()) })
	get("ya29.2", func() (string, error) { return source.Refresh(t.Context(), "ya29.1") })
	get("ya29.2", func() (string, error) { return source.Token(t.Context()) })
	if asked != 2 {
		t.Errorf("the token endpoint was asked %d times, want 2", asked)
	}
}

func tokenServer(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func appAt(url string) googleauth.Credentials {
	return googleauth.Credentials{ClientID: "client", ClientSecret: clientSecret, RefreshToken: refreshToken, TokenURL: url}
}

func TestTokenErrors(t *testing.T) {
	t.Parallel()
	respond := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	secret := `"error_description":"echo ` + refreshToken + " " + clientSecret + `"`
	tests := []struct {
		name    string
		handler http.HandlerFunc
		verdict conversions.Verdict
		code    string
		hint    string
	}{
		{"invalid grant", respond(400, `{"error":"invalid_grant",`+secret+`}`), conversions.Pause, "OAuth.invalid_grant", "7 days"},
		{"invalid client", respond(401, `{"error":"invalid_client",`+secret+`}`), conversions.Pause, "OAuth.invalid_client", "client secret"},
		{"unauthorized client", respond(401, `{"error":"unauthorized_client",`+secret+`}`), conversions.Pause, "OAuth.unauthorized_client", "impersonated"},
		{"scope", respond(400, `{"error":"invalid_scope",`+secret+`}`), conversions.Pause, "OAuth.invalid_scope", googleauth.ScopeDataManager},
		{"another refusal", respond(400, `{"error":"org_internal"}`), conversions.Pause, "OAuth.org_internal", "new credentials"},
		{"a code that is data", respond(400, `{"error":"`+refreshToken+`"}`), conversions.Pause, "OAuth.http_400", "token URL"},
		{"not found", respond(404, "<html>"+refreshToken), conversions.Pause, "OAuth.http_404", "token URL"},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, conversions.Pause, "OAuth.http_307", "token URL"},
		{"busy", respond(429, `{"error":"rate_limit_exceeded"}`), conversions.Retry, "OAuth.rate_limit_exceeded", "network"},
		{"broken", respond(503, refreshToken), conversions.Retry, "OAuth.http_503", "network"},
		{"cut", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, conversions.Retry, "OAuth.unreachable", "network"},
		{"no JSON", respond(200, refreshToken), conversions.Retry, "OAuth.http_200", "network"},
		{"no token", respond(200, `{"token_type":"Bearer"}`), conversions.Retry, "OAuth.http_200", "network"},
		{"unsendable token", respond(200, `{"access_token":"a\nb","expires_in":3600}`), conversions.Retry, "OAuth.http_200", "network"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := tokens(t, appAt(tokenServer(t, tt.handler))).Token(t.Context())
			var te *googleauth.TokenError
			if !errors.As(err, &te) {
				t.Fatalf("error = %v", err)
			}
			a := te.Answer()
			if a.Verdict != tt.verdict || a.Code != tt.code || !strings.Contains(a.Hint, tt.hint) || a.Counts {
				t.Errorf("answer = %+v", a)
			}
			for _, text := range []string{err.Error(), fmt.Sprintf("%+v", a)} {
				for _, secret := range []string{refreshToken, clientSecret, "echo"} {
					if strings.Contains(text, secret) {
						t.Errorf("%q holds %q", text, secret)
					}
				}
			}
		})
	}
}

func TestTokenCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	url := tokenServer(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the caller is gone
		cancel()
		<-r.Context().Done()
	})
	_, err := tokens(t, appAt(url)).Token(ctx)
	var te *googleauth.TokenError
	if !errors.As(err, &te) || !errors.Is(err, context.Canceled) || te.Answer().Code != "OAuth.cancelled" {
		t.Errorf("error = %v", err)
	}
}

func TestServiceAccountTokenURL(t *testing.T) {
	t.Parallel()
	s := start(t)
	key, err := s.NewServiceAccountKey("uploader@project.example.com")
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := strings.ReplaceAll(string(key), s.TokenURL(), "http://oauth.example.com/token")
	if elsewhere == string(key) {
		t.Fatal("the key names no token endpoint")
	}
	path := file(t, "key.json", elsewhere)
	if _, err := googleauth.OpenTokens(googleauth.Credentials{KeyFile: path}, googleauth.ScopeGoogleAds); !errors.Is(err, googleauth.ErrPlaintext) {
		t.Errorf("plain text to another machine: error = %v", err)
	}
	source := tokens(t, googleauth.Credentials{KeyFile: path, TokenURL: s.TokenURL()})
	if _, err := source.Token(t.Context()); err != nil {
		t.Errorf("with another token URL: %v", err)
	}
}

func TestServiceAccountKeyIsGone(t *testing.T) {
	t.Parallel()
	s := start(t)
	key, err := s.NewServiceAccountKey("uploader@project.example.com")
	if err != nil {
		t.Fatal(err)
	}
	path := file(t, "key.json", string(key))
	source := tokens(t, googleauth.Credentials{KeyFile: path})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err = source.Token(t.Context())
	var te *googleauth.TokenError
	if !errors.As(err, &te) || te.Answer().Verdict != conversions.Pause || te.Answer().Code != "OAuth.setup" {
		t.Errorf("error = %v", err)
	}
}

func TestOpenTokensRefusesBadKeys(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"no JSON":     "PRIVATE-SECRET",
		"other kind":  `{"type":"authorized_user","client_secret":"PRIVATE-SECRET"}`,
		"no key":      `{"type":"service_account","private_key":"PRIVATE-SECRET"`,
		"large":       strings.Repeat("x", 1<<20+1),
		"plain token": `{"type":"service_account","private_key":"PRIVATE-SECRET","token_uri":"ftp://127.0.0.1"}`,
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := googleauth.OpenTokens(googleauth.Credentials{KeyFile: file(t, "key.json", text)}, googleauth.ScopeGoogleAds)
			if !errors.Is(err, googleauth.ErrConfig) || strings.Contains(err.Error(), "PRIVATE-SECRET") {
				t.Errorf("error = %v", err)
			}
		})
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

func TestApplicationDefault(t *testing.T) {
	s := start(t)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file(t, "adc.json", `{"type":"authorized_user","client_id":"client",`+
		`"client_secret":"`+clientSecret+`","refresh_token":"`+refreshToken+`"}`))
	source := tokens(t, googleauth.Credentials{ApplicationDefault: true, TokenURL: s.TokenURL()})
	if _, err := source.Token(t.Context()); err != nil {
		t.Error(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", file(t, "adc.json", refreshToken))
	_, err := tokens(t, googleauth.Credentials{ApplicationDefault: true}).Token(t.Context())
	var te *googleauth.TokenError
	if !errors.As(err, &te) || te.Code != "setup" || strings.Contains(err.Error(), refreshToken) {
		t.Errorf("error = %v", err)
	}
}

func TestTokenWaitsNoLongerThanItsCaller(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	entered := make(chan struct{})
	source := tokens(t, appAt(tokenServer(t, func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"access_token":"ya29","expires_in":3600}`))
	})))
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := source.Token(t.Context()); err != nil {
			t.Errorf("who asks: %v", err)
		}
	})
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := source.Token(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("who waits: %v", err)
	}
	close(release)
	wg.Wait()
}

const (
	clientSecret = "client-secret-value"
	refreshToken = "1//refresh-token-value"
)

// start is Google's token endpoint.
func start(t *testing.T) *sandbox.Server {
	t.Helper()
	s, err := sandbox.Start(t.Context(), sandbox.Config{
		Now:   func() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) },
		OAuth: sandbox.OAuth{ClientID: "client", ClientSecret: clientSecret, RefreshToken: refreshToken, Now: time.Now},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func tokens(t *testing.T, c googleauth.Credentials) *googleauth.Tokens {
	t.Helper()
	source, err := googleauth.OpenTokens(c, googleauth.ScopeGoogleAds)
	if err != nil {
		t.Fatal(err)
	}
	return source
}
