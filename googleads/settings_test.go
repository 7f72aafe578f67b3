package googleads_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/googleads"
)

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		config googleads.Config
		want   error
	}{
		{"zero", googleads.Config{}, nil},
		{"host without port", googleads.Config{Endpoint: "googleads.example.com"}, nil},
		{"https", googleads.Config{Endpoint: "https://googleads.example.com/"}, nil},
		{"plain text to loopback", googleads.Config{Endpoint: "127.0.0.1:9000", Plaintext: true}, nil},
		{"plain text to loopback, IPv6", googleads.Config{Endpoint: "http://[::1]:9000"}, nil},
		{"plain text to localhost", googleads.Config{Endpoint: "http://localhost:9000"}, nil},
		{"plain text to Google", googleads.Config{Plaintext: true}, googleads.ErrPlaintext},
		{"plain text to a private address", googleads.Config{Endpoint: "http://10.0.0.1:9000"}, googleads.ErrPlaintext},
		{"plain text to a name like localhost", googleads.Config{Endpoint: "http://localhost.example.com:80"}, googleads.ErrPlaintext},
		{"plain text to a name like loopback", googleads.Config{Endpoint: "http://127.0.0.1.example.com:80"}, googleads.ErrPlaintext},
		{"path", googleads.Config{Endpoint: "https://googleads.example.com/v25"}, googleads.ErrConfig},
		{"user in address", googleads.Config{Endpoint: "http://127.0.0.1@example.com:80"}, googleads.ErrConfig},
		{"no host", googleads.Config{Endpoint: ":443"}, googleads.ErrConfig},
		{"socket", googleads.Config{Endpoint: "unix:///run/socket"}, googleads.ErrConfig},
		{"manager with dashes", googleads.Config{LoginCustomerID: "123-456-7890"}, nil},
		{"manager too short", googleads.Config{LoginCustomerID: "123-456-789"}, googleads.ErrConfig},
		{"manager with letters", googleads.Config{LoginCustomerID: "123456789a"}, googleads.ErrConfig},
		{"token with a line break", googleads.Config{DeveloperToken: "a\nb"}, googleads.ErrConfig},
		{"longest call", googleads.Config{Timeout: conversions.CallTimeout}, nil},
		{"call longer than its lease", googleads.Config{Timeout: conversions.CallTimeout + 1}, googleads.ErrConfig},
		{"negative call", googleads.Config{Timeout: -time.Second}, googleads.ErrConfig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if err := tt.config.Validate(); !errors.Is(err, tt.want) {
				t.Errorf("error = %v, want %v", err, tt.want)
			}
			c, err := googleads.Dial(tt.config, nil)
			if !errors.Is(err, tt.want) {
				t.Errorf("dial: error = %v, want %v", err, tt.want)
			}
			if c != nil {
				_ = c.Close()
			}
		})
	}
}

func TestCredentialsValidate(t *testing.T) {
	t.Parallel()
	app := googleads.Credentials{ClientID: "a", ClientSecret: "b", RefreshToken: "c"}
	with := func(change func(*googleads.Credentials)) googleads.Credentials {
		c := app
		change(&c)
		return c
	}
	tests := []struct {
		name        string
		credentials googleads.Credentials
		want        error
	}{
		{"refresh token", app, nil},
		{"application default", googleads.Credentials{ApplicationDefault: true}, nil},
		{"key file", googleads.Credentials{KeyFile: "key.json", ImpersonatedEmail: "jane@example.com"}, nil},
		{"none", googleads.Credentials{}, googleads.ErrConfig},
		{"two kinds", with(func(c *googleads.Credentials) { c.KeyFile = "key.json" }), googleads.ErrConfig},
		{"no secret", with(func(c *googleads.Credentials) { c.ClientSecret = "" }), googleads.ErrConfig},
		{"no token", with(func(c *googleads.Credentials) { c.RefreshToken = "" }), googleads.ErrConfig},
		{"a user acts for a user", with(func(c *googleads.Credentials) { c.ImpersonatedEmail = "jane@example.com" }), googleads.ErrConfig},
		{"plain text to loopback", with(func(c *googleads.Credentials) { c.TokenURL = "http://127.0.0.1:1/token" }), nil},
		{"plain text", with(func(c *googleads.Credentials) { c.TokenURL = "http://oauth.example.com/token" }), googleads.ErrPlaintext},
		{"no URL", with(func(c *googleads.Credentials) { c.TokenURL = "oauth.example.com" }), googleads.ErrConfig},
		{"file", with(func(c *googleads.Credentials) { c.TokenURL = "file://localhost/etc" }), googleads.ErrConfig},
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
	c := googleads.Credentials{ClientID: "a", ClientSecret: clientSecret, RefreshToken: refreshToken}
	d := googleads.Config{DeveloperToken: "developer-token-value"}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).InfoContext(t.Context(), "settings", "credentials", c, "config", d)
	for _, text := range []string{
		log.String(), fmt.Sprint(c, d), fmt.Sprintf("%+v %+v", c, d), fmt.Sprintf("%#v %#v", c, d),
		fmt.Sprintf("%+v", googleads.Settings{Config: d, Credentials: c}),
	} {
		for _, secret := range []string{clientSecret, refreshToken, "developer-token-value"} {
			if strings.Contains(text, secret) {
				t.Errorf("%q holds a secret", text)
			}
		}
	}
}

func TestFromEnv(t *testing.T) {
	t.Parallel()
	env := map[string]string{
		"GOOGLE_ADS_DEVELOPER_TOKEN": "dev", "GOOGLE_ADS_LOGIN_CUSTOMER_ID": "123-456-7890",
		"GOOGLE_ADS_ENDPOINT": "ads.example.com", "GOOGLE_ADS_CLIENT_ID": "id", "GOOGLE_ADS_CLIENT_SECRET": "secret",
		"GOOGLE_ADS_REFRESH_TOKEN": " token\n", "GOOGLE_ADS_USE_PROTO_PLUS": "True", "GOOGLE_ADS_LOGGING": "{}",
		"GOOGLE_ADS_CONFIGURATION_FILE_PATH": "ads.yaml", "GOOGLE_ADS_CUSTOMER_ID": "1112223333",
	}
	got, err := googleads.FromEnv(func(key string) string { return env[key] })
	if err != nil {
		t.Fatal(err)
	}
	diff(t, got, googleads.Settings{
		Config:      googleads.Config{DeveloperToken: "dev", LoginCustomerID: "1234567890", Endpoint: "ads.example.com"},
		Credentials: googleads.Credentials{ClientID: "id", ClientSecret: "secret", RefreshToken: "token"},
		File:        "ads.yaml",
		Notes: []string{
			"GOOGLE_ADS_LOGGING is ignored: logging is configured elsewhere",
			"GOOGLE_ADS_USE_PROTO_PLUS is ignored: it is about Python",
		},
	})
}

func TestFromEnvRefuses(t *testing.T) {
	t.Parallel()
	for key, value := range map[string]string{
		"GOOGLE_ADS_LOGIN_CUSTOMER_ID":                   "12345",
		"GOOGLE_ADS_USE_APPLICATION_DEFAULT_CREDENTIALS": "perhaps",
	} {
		_, err := googleads.FromEnv(func(k string) string { return map[string]string{key: value}[k] })
		if !errors.Is(err, googleads.ErrConfig) || !strings.Contains(err.Error(), key) || strings.Contains(err.Error(), value) {
			t.Errorf("%s: error = %v", key, err)
		}
	}
}

func TestParseGoogleAdsYAML(t *testing.T) {
	t.Parallel()
	refresh := googleads.Credentials{ClientID: "id", ClientSecret: "secret", RefreshToken: "1//token"}
	const app = "client_id: id\nclient_secret: secret\nrefresh_token: 1//token\n"
	tests := []struct {
		name string
		text string
		want googleads.Settings
	}{
		{"empty", "", googleads.Settings{}},
		{"comments only", "# nothing\n", googleads.Settings{}},
		{"refresh token", app, googleads.Settings{Credentials: refresh}},
		{"number as manager", "login_customer_id: 0234567890\n", googleads.Settings{Config: googleads.Config{LoginCustomerID: "0234567890"}}},
		{"dashes in manager", "login_customer_id: 123-456-7890\n", googleads.Settings{Config: googleads.Config{LoginCustomerID: "1234567890"}}},
		{"null", "developer_token: null\nendpoint:\nclient_id: ~\n", googleads.Settings{}},
		{"key file", "json_key_file_path: key.json\nimpersonated_email: jane@example.com\n", googleads.Settings{
			Credentials: googleads.Credentials{KeyFile: "key.json", ImpersonatedEmail: "jane@example.com"},
		}},
		{"deprecated", "path_to_private_key_file: key.json\ndelegated_account: jane@example.com\n", googleads.Settings{
			Credentials: googleads.Credentials{KeyFile: "key.json", ImpersonatedEmail: "jane@example.com"},
			Notes: []string{
				"delegated_account is deprecated: use impersonated_email",
				"path_to_private_key_file is deprecated: use json_key_file_path",
			},
		}},
		{"without meaning", "use_proto_plus: True\nlogging:\n  version: 1\nlinked_customer_id: 1\nmine: [1]\n", googleads.Settings{
			Notes: []string{
				"linked_customer_id is ignored: it is for app analytics providers",
				"logging is ignored: logging is configured elsewhere",
				"mine is ignored: Google documents no such key",
				"use_proto_plus is ignored: it is about Python",
			},
		}},
		{"two kinds", app + "json_key_file_path: key.json\n", googleads.Settings{
			Credentials: refresh,
			Notes: []string{"several kinds of credentials are given (use_application_default_credentials, refresh_token, " +
				"json_key_file_path): the refresh token is used"},
		}},
		{"half a refresh token", "client_id: id\njson_key_file_path: key.json\n", googleads.Settings{
			Credentials: googleads.Credentials{KeyFile: "key.json"},
			Notes: []string{"several kinds of credentials are given (use_application_default_credentials, refresh_token, " +
				"json_key_file_path): the service account is used"},
		}},
		{"application default", "use_application_default_credentials: true\n", googleads.Settings{
			Credentials: googleads.Credentials{ApplicationDefault: true},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := googleads.ParseGoogleAdsYAML([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			diff(t, got, tt.want)
		})
	}
}

func TestParseGoogleAdsYAMLRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"syntax":       "client_id: id\nrefresh_token: [1//SECRET\n",
		"anchor":       "refresh_token: *1//SECRET\n",
		"list":         "- SECRET\n",
		"text":         "SECRET",
		"list as text": "refresh_token: [SECRET]\n",
		"twice":        "refresh_token: SECRET\nrefresh_token: SECRET2\n",
		"manager":      "login_customer_id: SECRET\n",
		"flag":         "use_application_default_credentials: SECRET\n",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := googleads.ParseGoogleAdsYAML([]byte(text))
			if !errors.Is(err, googleads.ErrConfig) || strings.Contains(err.Error(), "SECRET") {
				t.Errorf("error = %v", err)
			}
		})
	}
}

func TestLoadGoogleAdsYAML(t *testing.T) {
	t.Parallel()
	got, err := googleads.LoadGoogleAdsYAML(file(t, "google-ads.yaml", "developer_token: dev\n"))
	if err != nil || got.Config.DeveloperToken != "dev" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := googleads.LoadGoogleAdsYAML("nowhere.yaml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error = %v", err)
	}
}

func TestSettingsOr(t *testing.T) {
	t.Parallel()
	own := googleads.Settings{
		Config:      googleads.Config{LoginCustomerID: "1111111111"},
		Credentials: googleads.Credentials{KeyFile: "key.json"},
		Notes:       []string{"a"},
	}
	env := googleads.Settings{
		Config:      googleads.Config{LoginCustomerID: "2222222222", DeveloperToken: "dev", Timeout: time.Second},
		Credentials: googleads.Credentials{ClientID: "id", ClientSecret: "secret", RefreshToken: "token"},
		Notes:       []string{"b"},
	}
	diff(t, own.Or(env), googleads.Settings{
		Config:      googleads.Config{LoginCustomerID: "1111111111", DeveloperToken: "dev", Timeout: time.Second},
		Credentials: googleads.Credentials{KeyFile: "key.json"},
		Notes:       []string{"a", "b"},
	})
	none := googleads.Settings{Credentials: googleads.Credentials{TokenURL: "https://oauth.example.com"}}
	want := env.Credentials
	want.TokenURL = "https://oauth.example.com"
	diff(t, none.Or(env).Credentials, want)
}

func FuzzGoogleAdsYAML(f *testing.F) {
	for _, seed := range []string{
		"", "client_id: a\n", "login_customer_id: 123-456-7890\n", "logging:\n  version: 1\n", "a: &a [*a]\n", "? [a]\n: b\n",
		"- a", "\x00", "a: *b", "use_application_default_credentials: yes",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := googleads.ParseGoogleAdsYAML(text)
		if err != nil && !errors.Is(err, googleads.ErrConfig) {
			t.Errorf("error = %v", err)
		}
		if id := s.Config.LoginCustomerID; id != "" && len(id) != 10 {
			t.Errorf("login customer = %q", id)
		}
		if c := s.Credentials; c.Kind() == "" && c.String() != (googleads.Credentials{}).String() {
			t.Errorf("several kinds of credentials")
		}
	})
}
