package googleauth_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"closeloop/googleauth"
)

func TestCredentialsValidate(t *testing.T) {
	t.Parallel()
	app := googleauth.Credentials{ClientID: "a", ClientSecret: "b", RefreshToken: "c"}
	with := func(change func(*googleauth.Credentials)) googleauth.Credentials {
		c := app
		change(&c)
		return c
	}
	tests := []struct {
		name        string
		credentials googleauth.Credentials
		want        error
	}{
		{"refresh token", app, nil},
		{"application default", googleauth.Credentials{ApplicationDefault: true}, nil},
		{"key file", googleauth.Credentials{KeyFile: "key.json", ImpersonatedEmail: "jane@example.com"}, nil},
		{"none", googleauth.Credentials{}, googleauth.ErrConfig},
		{"two kinds", with(func(c *googleauth.Credentials) { c.KeyFile = "key.json" }), googleauth.ErrConfig},
		{"no secret", with(func(c *googleauth.Credentials) { c.ClientSecret = "" }), googleauth.ErrConfig},
		{"no token", with(func(c *googleauth.Credentials) { c.RefreshToken = "" }), googleauth.ErrConfig},
		{"a user acts for a user", with(func(c *googleauth.Credentials) { c.ImpersonatedEmail = "jane@example.com" }), googleauth.ErrConfig},
		{"plain text to loopback", with(func(c *googleauth.Credentials) { c.TokenURL = "http://127.0.0.1:1/token" }), nil},
		{"plain text", with(func(c *googleauth.Credentials) { c.TokenURL = "http://oauth.example.com/token" }), googleauth.ErrPlaintext},
		{"no URL", with(func(c *googleauth.Credentials) { c.TokenURL = "oauth.example.com" }), googleauth.ErrConfig},
		{"file", with(func(c *googleauth.Credentials) { c.TokenURL = "file://localhost/etc" }), googleauth.ErrConfig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := tt.credentials.Validate(); !errors.Is(err, tt.want) {
				t.Errorf("error = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	c := googleauth.Credentials{ClientID: "a", ClientSecret: clientSecret, RefreshToken: refreshToken}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).InfoContext(t.Context(), "settings", "credentials", c)
	for _, text := range []string{log.String(), fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c)} {
		for _, secret := range []string{clientSecret, refreshToken} {
			if strings.Contains(text, secret) {
				t.Errorf("%q holds a secret", text)
			}
		}
	}
}
