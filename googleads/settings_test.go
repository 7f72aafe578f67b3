package googleads_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/googleads"
	"closeloop/googleauth"
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
		{"plain text to Google", googleads.Config{Plaintext: true}, googleauth.ErrPlaintext},
		{"plain text to a private address", googleads.Config{Endpoint: "http://10.0.0.1:9000"}, googleauth.ErrPlaintext},
		{"plain text to a name like localhost", googleads.Config{Endpoint: "http://localhost.example.com:80"}, googleauth.ErrPlaintext},
		{"plain text to a name like loopback", googleads.Config{Endpoint: "http://127.0.0.1.example.com:80"}, googleauth.ErrPlaintext},
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

func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	c := googleauth.Credentials{ClientID: "a", ClientSecret: clientSecret, RefreshToken: refreshToken}
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
		"GOOGLE_ADS_HTTP_PROXY": "p", "GOOGLE_ADS_CUSTOMER_ID": "1112223333",
	}
	getenv := func(key string) string { return env[key] }
	got, err := googleads.FromEnv(getenv)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, got, googleads.Settings{
		Config:      googleads.Config{DeveloperToken: "dev", LoginCustomerID: "1234567890", Endpoint: "ads.example.com"},
		Credentials: googleauth.Credentials{ClientID: "id", ClientSecret: "secret", RefreshToken: "token"},
		Notes:       []googleads.Remark{{Key: "GOOGLE_ADS_HTTP_PROXY", What: "is not used", Hint: "a proxy is taken from HTTPS_PROXY"}},
	})
	env["GOOGLE_ADS_CONFIGURATION_FILE_PATH"] = "ads.yaml"
	got, err = googleads.FromEnv(getenv)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, got, googleads.Settings{File: "ads.yaml"})
}

func TestFromEnvRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		env  map[string]string
		want string
	}{
		{"manager", map[string]string{"LOGIN_CUSTOMER_ID": "hunter2", "JSON_KEY_FILE_PATH": "k"}, "GOOGLE_ADS_LOGIN_CUSTOMER_ID is not a customer id"},
		{
			"switch",
			map[string]string{"USE_APPLICATION_DEFAULT_CREDENTIALS": "hunter2"},
			"GOOGLE_ADS_USE_APPLICATION_DEFAULT_CREDENTIALS is neither true nor false",
		},
		{"nothing", nil, "holds no credentials"},
		{
			"half of it",
			map[string]string{"CLIENT_ID": "hunter2"},
			"GOOGLE_ADS_CLIENT_SECRET is missing; GOOGLE_ADS_REFRESH_TOKEN is missing",
		},
		{
			"two kinds",
			map[string]string{"CLIENT_ID": "hunter2", "JSON_KEY_FILE_PATH": "hunter2"},
			"holds more than one kind of credentials (refresh token, service account)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := googleads.FromEnv(func(k string) string { return tt.env[strings.TrimPrefix(k, "GOOGLE_ADS_")] })
			checkSettingsError(t, err, tt.want)
		})
	}
}

// checkSettingsError wants an error with that text behind the usual beginning, with hints and without secrets.
func checkSettingsError(t *testing.T, err error, want string) {
	t.Helper()
	var wrong *googleads.SettingsError
	if !errors.Is(err, googleads.ErrConfig) || !errors.As(err, &wrong) {
		t.Fatalf("error = %v", err)
	}
	if want = "invalid Google Ads connection: " + want; err.Error() != want {
		t.Errorf("error = %q, want %q", err, want)
	}
	for _, fault := range wrong.Faults {
		if fault.Hint == "" || strings.Contains(fault.Hint+fault.String(), "hunter2") {
			t.Errorf("fault %+v", fault)
		}
	}
}

func TestParseGoogleAdsYAML(t *testing.T) {
	t.Parallel()
	refresh := googleauth.Credentials{ClientID: "id", ClientSecret: "secret", RefreshToken: "1//token"}
	const app = "client_id: id\nclient_secret: secret\nrefresh_token: 1//token\n"
	with := func(c googleads.Config) googleads.Settings {
		return googleads.Settings{Config: c, Credentials: refresh}
	}
	tests := []struct {
		name string
		text string
		want googleads.Settings
	}{
		{"refresh token", app, googleads.Settings{Credentials: refresh}},
		{"number as manager", app + "login_customer_id: 0234567890\n", with(googleads.Config{LoginCustomerID: "0234567890"})},
		{"dashes in manager", app + "login_customer_id: 123-456-7890\n", with(googleads.Config{LoginCustomerID: "1234567890"})},
		{"null", app + "developer_token: null\nendpoint:\njson_key_file_path: ~\nlogin_customer_id: ''\n", googleads.Settings{Credentials: refresh}},
		{"anchor", "client_id: &a id\nclient_secret: secret\nrefresh_token: 1//token\ndeveloper_token: *a\n", with(googleads.Config{DeveloperToken: "id"})},
		{"someone to act for is of no use to a user", app + "impersonated_email: jane@example.com\n", googleads.Settings{Credentials: refresh}},
		{"key file", "json_key_file_path: key.json\nimpersonated_email: jane@example.com\n", googleads.Settings{
			Credentials: googleauth.Credentials{KeyFile: "key.json", ImpersonatedEmail: "jane@example.com"},
		}},
		{"deprecated", "path_to_private_key_file: key.json\ndelegated_account: jane@example.com\n", googleads.Settings{
			Credentials: googleauth.Credentials{KeyFile: "key.json", ImpersonatedEmail: "jane@example.com"},
		}},
		{"application default", "use_application_default_credentials: True\n", googleads.Settings{
			Credentials: googleauth.Credentials{ApplicationDefault: true},
		}},
		{"not used", app + "use_proto_plus: True\nlogging:\n  version: 1\nmine: [1]\nlinked_customer_id: 1\n1//hunter2: 1\n", googleads.Settings{
			Credentials: refresh,
			Notes: []googleads.Remark{
				{Key: "mine", Line: 7, What: "is not used", Hint: "Google documents no such key: is it misspelt?"},
				{Key: "linked_customer_id", Line: 8, What: "is not used", Hint: "uploads need no linked customer"},
				{Key: "a key", Line: 9, What: "is not used", Hint: "Google documents no such key: is it misspelt?"},
			},
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
	tests := []struct{ name, text, want string }{
		{"empty", "", "holds no credentials"},
		{"comments only", "# nothing\n", "holds no credentials"},
		{"null", "~", "holds no credentials"},
		{"syntax", "client_id: id\nrefresh_token: [1//hunter2\n", "line 2: is not YAML"},
		{"anchor", "refresh_token: *1//hunter2\n", "is not YAML"},
		{"list", "- hunter2\n", "is not in the form of google-ads.yaml"},
		{"text", "hunter2", "is not in the form of google-ads.yaml"},
		{"key that is none", "? [hunter2]\n: 1\n", "line 1: a key is not a word"},
		{"list as text", "client_id: a\nrefresh_token: [hunter2]\n", "line 2: refresh_token is not a single value"},
		{"twice", "refresh_token: hunter2\nrefresh_token: hunter3\n", "line 2: refresh_token is given twice"},
		{
			"manager and switch", "\nlogin_customer_id: hunter2\nuse_application_default_credentials: hunter2\n",
			"line 3: use_application_default_credentials is neither true nor false; line 2: login_customer_id is not a customer id",
		},
		{
			"several kinds", "client_id: hunter2\njson_key_file_path: hunter2\nuse_application_default_credentials: 1\n",
			"holds more than one kind of credentials (refresh token, service account, application default)",
		},
		{"half of it", "refresh_token: hunter2\n", "client_id is missing; client_secret is missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := googleads.ParseGoogleAdsYAML([]byte(tt.text))
			checkSettingsError(t, err, tt.want)
		})
	}
}

func FuzzGoogleAdsYAML(f *testing.F) {
	for _, seed := range []string{
		"", "client_id: a\n", "login_customer_id: 123-456-7890\n", "logging:\n  version: 1\n", "a: &a [*a]\n", "? [a]\n: b\n",
		"- a", "\x00", "a: *b", "use_application_default_credentials: yes", "json_key_file_path: k\nimpersonated_email: a\nmine: 1\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := googleads.ParseGoogleAdsYAML(text)
		if err != nil {
			var wrong *googleads.SettingsError
			if !errors.As(err, &wrong) || len(wrong.Faults) == 0 {
				t.Errorf("error = %v", err)
			}
			return
		}
		if err := s.Credentials.Validate(); err != nil {
			t.Errorf("what was read cannot be used: %v", err)
		}
		if id := s.Config.LoginCustomerID; id != "" && len(id) != 10 {
			t.Errorf("login customer = %q", id)
		}
	})
}
