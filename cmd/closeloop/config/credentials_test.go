package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"closeloop/cmd/closeloop/config"
)

const serviceKey = `{"type": "service_account", "client_email": "ads@example.com", "private_key": "hunter2"}`

func TestCredentials(t *testing.T) {
	t.Parallel()
	token := config.Credentials{
		Method: config.RefreshToken, ClientID: "id",
		ClientSecret: config.NewSecret("cs"), RefreshToken: config.NewSecret("rt"),
	}
	withDeveloper := token
	withDeveloper.DeveloperToken = config.NewSecret("dt")
	for _, test := range []struct {
		name, setting string
		files         files
		env           map[string]string
		want          config.Credentials
		wrong         string
	}{
		{name: "refresh token", setting: "refresh_token: {client_id: id, client_secret: cs, refresh_token: rt}", want: token},
		{
			name: "refresh token, incomplete", setting: "refresh_token: {client_id: id, client_secret: cs}",
			wrong: "credentials.refresh_token.refresh_token: is missing",
		},
		{
			name: "developer token", setting: "refresh_token: {client_id: id, client_secret: cs, refresh_token: rt}\n      developer_token_file: d",
			files: files{"d": "dt\n"}, want: withDeveloper,
		},
		{
			name: "service account", setting: "service_account: {key_file: k.json, impersonate: a@example.com}",
			files: files{"k.json": serviceKey},
			want:  config.Credentials{Method: config.ServiceAccount, KeyFile: "k.json", Impersonate: "a@example.com"},
		},
		{
			name: "not a key", setting: "service_account: {key_file: k.json}", files: files{"k.json": `{"type": "authorized_user", "x": "hunter2"}`},
			wrong: `the file "k.json" is not the JSON key of a service account`,
		},
		{
			name: "key without its secret part", setting: "service_account: {key_file: k.json}",
			files: files{"k.json": `{"type": "service_account", "client_email": "ads@example.com"}`},
			wrong: `the file "k.json" is not the JSON key of a service account`,
		},
		{name: "service account without key", setting: "service_account: {}", wrong: "service_account.key_file: is missing"},
		{name: "application default", setting: "application_default: true", want: config.Credentials{Method: config.ApplicationDefault}},
		{name: "application default, off", setting: "application_default: false", wrong: "nothing says how to prove"},
		{
			name: "token URL", setting: "application_default: true\n      token_url: http://127.0.0.1:1/token",
			want: config.Credentials{Method: config.ApplicationDefault, TokenURL: "http://127.0.0.1:1/token"},
		},
		{
			name: "token URL in plain text", setting: "application_default: true\n      token_url: http://user:hunter2@example.com/token",
			wrong: "token_url: is not the address of a token server",
		},
		{
			name: "token URL in plain text elsewhere", setting: "application_default: true\n      token_url: http://example.com/hunter2",
			wrong: "token_url: would send secrets unencrypted",
		},
		{
			name: "google-ads.yaml", setting: "google_ads_yaml: google-ads.yaml",
			files: files{"google-ads.yaml": "client_id: id\nclient_secret: cs\nrefresh_token: rt\ndeveloper_token: dt\nuse_proto_plus: True\nlogging: {a: b}\n"},
			want:  withDeveloper,
		},
		{
			name: "google-ads.yaml with a key file", setting: "google_ads_yaml: google-ads.yaml",
			files: files{"google-ads.yaml": "path_to_private_key_file: /k.json\ndelegated_account: a@example.com\n", "/k.json": serviceKey},
			want:  config.Credentials{Method: config.ServiceAccount, KeyFile: "/k.json", Impersonate: "a@example.com"},
		},
		{
			name: "google-ads.yaml without credentials", setting: "google_ads_yaml: google-ads.yaml",
			files: files{"google-ads.yaml": "developer_token: hunter2\n"}, wrong: `credentials.google_ads_yaml: "google-ads.yaml" holds no credentials`,
		},
		{
			name: "google-ads.yaml with two kinds", setting: "google_ads_yaml: google-ads.yaml",
			files: files{"google-ads.yaml": "client_id: id\nuse_application_default_credentials: true\n"}, wrong: "more than one kind",
		},
		{
			name: "google-ads.yaml that is none", setting: "google_ads_yaml: google-ads.yaml",
			files: files{"google-ads.yaml": "hunter2"}, wrong: `"google-ads.yaml" is not in the form of google-ads.yaml`,
		},
		{
			name: "google-ads.yaml that is not YAML", setting: "google_ads_yaml: google-ads.yaml",
			files: files{"google-ads.yaml": "client_id: id\nrefresh_token: [hunter2"},
			wrong: `credentials.google_ads_yaml: line 2 of "google-ads.yaml" is not YAML`,
		},
		{
			name: "google-ads.yaml with a wrong manager", setting: "google_ads_yaml: google-ads.yaml",
			files: files{"google-ads.yaml": "use_application_default_credentials: true\nlogin_customer_id: hunter2\n"},
			wrong: `line 2 of "google-ads.yaml": login_customer_id is not a customer id` + "\n  hint: write the ten digits",
		},
		{
			name: "google-ads.yaml with a wrong switch", setting: "google_ads_yaml: google-ads.yaml",
			files: files{"google-ads.yaml": "use_application_default_credentials: hunter2\n"},
			wrong: `line 1 of "google-ads.yaml": use_application_default_credentials is neither true nor false`,
		},
		{
			name: "google-ads.yaml, incomplete", setting: "google_ads_yaml: google-ads.yaml",
			files: files{"google-ads.yaml": "client_id: id\nclient_secret: hunter2\n"},
			wrong: `"google-ads.yaml": refresh_token is missing`,
		},
		{
			name: "google-ads.yaml named by a variable", setting: "google_ads_yaml: ${FILE}", env: map[string]string{"FILE": "hunter2"},
			files: files{"hunter2": "a"}, wrong: `"${FILE}" is not in the form of google-ads.yaml`,
		},
		{name: "no google-ads.yaml", setting: "google_ads_yaml: google-ads.yaml", wrong: `the file "google-ads.yaml" cannot be read`},
		{
			name: "environment", setting: "environment: true",
			env:  map[string]string{"GOOGLE_ADS_CLIENT_ID": "id", "GOOGLE_ADS_CLIENT_SECRET": "cs", "GOOGLE_ADS_REFRESH_TOKEN": "rt"},
			want: token,
		},
		{
			name: "environment, incomplete", setting: "environment: true",
			env:   map[string]string{"GOOGLE_ADS_CLIENT_ID": "id", "GOOGLE_ADS_REFRESH_TOKEN": "hunter2"},
			wrong: "credentials.environment: GOOGLE_ADS_CLIENT_SECRET is missing\n  hint: an OAuth client, its secret and a refresh token belong together",
		},
		{
			name: "environment, key file missing", setting: "environment: true",
			env: map[string]string{"GOOGLE_ADS_JSON_KEY_FILE_PATH": "k.json"}, wrong: "names a key file that cannot be read",
		},
		{
			name: "environment, application default", setting: "environment: true",
			env:  map[string]string{"GOOGLE_ADS_USE_APPLICATION_DEFAULT_CREDENTIALS": "True"},
			want: config.Credentials{Method: config.ApplicationDefault},
		},
		{
			name: "environment names a file", setting: "environment: true",
			env:   map[string]string{"GOOGLE_ADS_CONFIGURATION_FILE_PATH": "/g.yaml", "GOOGLE_ADS_CLIENT_ID": "other"},
			files: files{"/g.yaml": "client_id: id\nclient_secret: cs\nrefresh_token: rt\n"}, want: token,
		},
		{
			name: "environment names no google-ads.yaml", setting: "environment: true",
			env: map[string]string{"GOOGLE_ADS_CONFIGURATION_FILE_PATH": "hunter2"}, files: files{"hunter2": "a: b\nb: [hunter2"},
			wrong: "credentials.environment: line 2 of the file named by GOOGLE_ADS_CONFIGURATION_FILE_PATH is not YAML",
		},
		{
			name: "environment names no file", setting: "environment: true",
			env:   map[string]string{"GOOGLE_ADS_CONFIGURATION_FILE_PATH": "hunter2"},
			wrong: "credentials.environment: the file named by GOOGLE_ADS_CONFIGURATION_FILE_PATH cannot be read",
		},
		{name: "environment, nothing set", setting: "environment: true", wrong: "credentials.environment: holds no credentials"},
		{name: "two ways", setting: "application_default: true\n      service_account: {key_file: k.json}", files: files{"k.json": serviceKey}, wrong: "more than one way"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg, err := load(minimal(t, "application_default: true", test.setting), test.files, test.env)
			if test.wrong != "" {
				ps := problems(t, err)
				if len(ps) != 1 || !strings.Contains(ps.Error(), test.wrong) || strings.Contains(ps.Error(), "hunter2") {
					t.Errorf("got\n%v\nwant one problem with %q", ps, test.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, cfg.Accounts[0].Credentials, comparers()...); diff != "" {
				t.Errorf("credentials (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGoogleAdsYAMLFillsInWhatTheAccountLeavesOut(t *testing.T) {
	t.Parallel()
	more := files{"g.yaml": "use_application_default_credentials: true\nlogin_customer_id: 3333333333\nendpoint: ads.example.com\nhttp_proxy: p\n"}
	cfg := mustLoad(t, minimal(t, "application_default: true", "google_ads_yaml: g.yaml"), more, nil)
	a := cfg.Accounts[0]
	if a.LoginCustomer != "3333333333" || a.Endpoint != "ads.example.com:443" {
		t.Errorf("got login customer %s and endpoint %s", a.LoginCustomer, a.Endpoint)
	}
	want := `closeloop.yaml:20: accounts[0].credentials.google_ads_yaml: line 4 of "g.yaml": http_proxy is not used`
	if len(cfg.Warnings) != 1 || cfg.Warnings[0].String() != want {
		t.Errorf("got warnings %v, want one: %s", cfg.Warnings, want)
	}
	cfg = mustLoad(t, minimal(t, "application_default: true", "google_ads_yaml: g.yaml",
		"    mode: test", "    mode: test\n    login_customer: 444-444-4444\n    endpoint: 127.0.0.1:1"), more, nil)
	if a := cfg.Accounts[0]; a.LoginCustomer != "4444444444" || a.Endpoint != "127.0.0.1:1" {
		t.Errorf("got login customer %s and endpoint %s, want the account's own", a.LoginCustomer, a.Endpoint)
	}
}

// TestSecretFilesOfGoogleAdsYAML: the files with secrets in them are known, however they were named.
func TestSecretFilesOfGoogleAdsYAML(t *testing.T) {
	t.Parallel()
	more := files{"/g.yaml": "json_key_file_path: /k.json\n", "/k.json": serviceKey}
	env := map[string]string{"GOOGLE_ADS_CONFIGURATION_FILE_PATH": "/g.yaml"}
	for _, setting := range []string{"google_ads_yaml: /g.yaml", "environment: true"} {
		cfg := mustLoad(t, minimal(t, "application_default: true", setting), more, env)
		var got []string
		for _, secret := range cfg.SecretFiles {
			got = append(got, secret.File)
		}
		if diff := cmp.Diff([]string{"closeloop.yaml", "/g.yaml", "/k.json"}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", setting, diff)
		}
	}
}

func TestDeveloperTokenMustBePrintable(t *testing.T) {
	t.Parallel()
	_, err := load(minimal(t, "application_default: true", "application_default: true\n      developer_token_file: d"), files{"d": "hunter2\nhunter2\n"}, nil)
	want := "closeloop.yaml:19: accounts[0].credentials.developer_token: holds a character that cannot be sent"
	if got := problems(t, err)[0].String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
