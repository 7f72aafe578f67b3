package config_test

import (
	"strings"
	"testing"
	"time"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
)

// throughDataManager is minimal for the Data Manager API, with more settings of
// the account.
func throughDataManager(t *testing.T, settings ...string) string {
	t.Helper()
	return minimal(t, "api: google_ads", strings.Join(append([]string{"api: data_manager"}, settings...), "\n    "))
}

func TestHoldIsByTheAPI(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text string
		want time.Duration
	}{
		"google ads":          {minimal(t), 6 * time.Hour},
		"data manager":        {throughDataManager(t), 24 * time.Hour},
		"data manager, given": {throughDataManager(t, "hold: 8h"), 8 * time.Hour},
		"given before api":    {minimal(t, "api: google_ads", "hold: 7h\n    api: data_manager"), 7 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := mustLoad(t, test.text, nil, nil)
			if got := cfg.Accounts[0].Rules().Hold; got != test.want || len(cfg.Warnings) > 0 {
				t.Errorf("got hold %s and warnings %v, want %s and none", got, cfg.Warnings, test.want)
			}
		})
	}
}

func TestWithdrawAsZero(t *testing.T) {
	t.Parallel()
	if mustLoad(t, throughDataManager(t), nil, nil).Accounts[0].Rules().KeepValue {
		t.Error("values are kept by default, want them set to 0")
	}
	check(t, []value{
		{text: "true", want: false},
		{text: "false", want: true},
		{text: "never", wrong: "neither true nor false"},
	}, func(t *testing.T, text string) string {
		t.Helper()
		return throughDataManager(t, "withdraw_as_zero: "+text)
	}, func(cfg *config.Config) any { return cfg.Accounts[0].Rules().KeepValue })
}

func TestEventSources(t *testing.T) {
	t.Parallel()
	if got := mustLoad(t, throughDataManager(t), nil, nil).Accounts[0].EventSource; got != "PHONE" {
		t.Errorf("got %q by default, want PHONE", got)
	}
	check(t, []value{
		{text: "WEB", want: "WEB"},
		{text: "IN_STORE", want: "IN_STORE"},
		{text: "MESSAGE", want: "MESSAGE"},
		{text: "web", wrong: "write WEB or APP"},
		{text: "CALL", wrong: "write WEB or APP or IN_STORE or PHONE or OTHER or MESSAGE"},
		{text: "EVENT_SOURCE_UNSPECIFIED", wrong: "is not known here"},
	}, func(t *testing.T, text string) string {
		t.Helper()
		return throughDataManager(t, "event_source: "+text)
	}, func(cfg *config.Config) any { return cfg.Accounts[0].EventSource })
}

func TestQuotaProjects(t *testing.T) {
	t.Parallel()
	check(t, []value{
		{text: "my-project-1", want: "my-project-1"},
		{text: "example.com:my-project", want: "example.com:my-project"},
		{text: "123456789012", want: "123456789012"},
		{text: "My Project", wrong: "is not the id of a Google Cloud project"},
		{text: "short", wrong: "is not the id of a Google Cloud project"},
		{text: `"a-project\r\nx-header: y"`, wrong: "is not the id of a Google Cloud project"},
	}, func(t *testing.T, text string) string {
		t.Helper()
		return minimal(t, "api: google_ads", "api: data_manager", "application_default: true", "application_default: true\n      quota_project: "+text)
	}, func(cfg *config.Config) any { return cfg.Accounts[0].Credentials.QuotaProject })
}

func TestSettingsOfTheOtherAPIAreWarnedOf(t *testing.T) {
	t.Parallel()
	token := []string{"application_default: true", "application_default: true\n      developer_token: hunter2"}
	project := []string{"application_default: true", "application_default: true\n      quota_project: my-project"}
	newAPI := []string{"api: google_ads", "api: data_manager"}
	for name, test := range map[string]struct {
		replace []string
		want    string
	}{
		"developer token":  {append(newAPI, token...), "closeloop.yaml:21: accounts[0].credentials.developer_token: the Data Manager API takes no developer token"},
		"quota project":    {project, "closeloop.yaml:21: accounts[0].credentials.quota_project: requests to the Google Ads API name no quota project"},
		"event source":     {[]string{"    mode: test", "    mode: test\n    event_source: WEB"}, "closeloop.yaml:12: accounts[0].event_source: the Google Ads API has no event source"},
		"withdraw as zero": {[]string{"    mode: test", "    mode: test\n    withdraw_as_zero: false"}, "closeloop.yaml:12: accounts[0].withdraw_as_zero: the Google Ads API retracts"},
		"this machine":     {[]string{"api: google_ads", "api: data_manager\n    data_manager_endpoint: localhost:1", "mode: test", "mode: live"}, "closeloop.yaml:11: accounts[0].data_manager_endpoint: conversions go to this machine"},
		"database":         {[]string{"sources:", "database: postgres://u:hunter2@db.example.com/c\nsources:"}, "closeloop.yaml:1: database: what is kept may travel to the server unencrypted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := mustLoad(t, minimal(t, test.replace...), nil, nil)
			if len(cfg.Warnings) != 1 || !strings.HasPrefix(cfg.Warnings[0].String(), test.want) || cfg.Warnings[0].Hint == "" {
				t.Errorf("got %v, want one warning %q", cfg.Warnings, test.want)
			}
		})
	}
}

func TestBothAPIsHaveTheirEndpoint(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, throughDataManager(t, "endpoint: 127.0.0.1:1", "data_manager_endpoint: 127.0.0.1:2", "plaintext: true"), nil, nil)
	a := cfg.Accounts[0]
	if a.Endpoint != "127.0.0.1:1" || a.DataManagerEndpoint != "127.0.0.1:2" || a.API != conversions.APIDataManager {
		t.Errorf("got %q, %q, %q", a.Endpoint, a.DataManagerEndpoint, a.API)
	}
}
