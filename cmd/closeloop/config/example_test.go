package config_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
)

func exampleVariables() map[string]string {
	return map[string]string{
		"VARDA_SECRET":             "signing-secret",
		"GOOGLE_ADS_CLIENT_SECRET": "client-secret",
		"GOOGLE_ADS_REFRESH_TOKEN": "refresh-token",
	}
}

func TestExampleIsReadAsWritten(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, config.Example(), nil, exampleVariables())

	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	order := conversions.DefaultValueOrder()
	want := &config.Config{
		Path:         "closeloop.yaml",
		Database:     config.Database{SQLite: "closeloop.db"},
		Listen:       config.Listen{Address: "127.0.0.1:8080"},
		SpreadWindow: 10 * time.Minute,
		Replicas:     1,
		Retention:    config.Retention{Quarantine: 720 * time.Hour},
		Sources: []config.Source{{
			Name: "varda", Key: "varda-main", Type: config.SourceVarda, Account: "acme",
			Secrets: []config.Secret{config.NewSecret("signing-secret")}, PhoneRegion: "US",
		}},
		Accounts: []config.Account{{
			Name: "acme", Customer: "1234567890", API: conversions.APIDataManager, Mode: conversions.ModeTest,
			Schedule: "*/15 * * * *", Zone: zone, Currency: "USD", Consent: conversions.ConsentRuleUnspecified,
			Hold: 24 * time.Hour, Settle: time.Hour, ClickWait: 168 * time.Hour, WithdrawWait: 24 * time.Hour,
			UploadFrom: time.Date(2026, 11, 1, 0, 0, 0, 0, zone), OnBooked: conversions.KeepQuote, EventSource: "PHONE",
			Stages: map[conversions.Stage]conversions.StageRules{
				conversions.StageBooked: {
					Action: "555", ValueOrder: order, Share: conversions.Whole, Missing: conversions.MissingSkip, LookBack: 720 * time.Hour,
					WithdrawnBy: conversions.DefaultWithdrawnBy(conversions.StageBooked),
				},
				conversions.StageQuoted: {
					Action: "556", ValueOrder: order, Share: 2000, Missing: conversions.MissingSkip,
					WithdrawnBy: conversions.DefaultWithdrawnBy(conversions.StageQuoted),
				},
			},
			Credentials: config.Credentials{
				Method: config.RefreshToken, ClientID: "1234567890-example.apps.googleusercontent.com",
				ClientSecret: config.NewSecret("client-secret"), RefreshToken: config.NewSecret("refresh-token"),
			},
		}},
		Warnings: []config.Problem{},
	}
	if diff := cmp.Diff(want, cfg, comparers()...); diff != "" {
		t.Errorf("Load(Example()) (-want +got):\n%s", diff)
	}
}

func comparers() []cmp.Option {
	return []cmp.Option{
		cmp.Comparer(func(a, b config.Secret) bool { return a == b }),
		cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() }),
	}
}

func TestExampleHoldsEveryKey(t *testing.T) {
	t.Parallel()
	written := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^[ #-]*([a-z_]+):`).FindAllStringSubmatch(config.Example(), -1) {
		written[m[1]] = true
	}
	for section, keys := range config.KnownKeys() {
		for _, key := range keys {
			if !written[key] {
				t.Errorf("the example lacks %q of %s", key, section)
			}
		}
	}
}

func TestExampleNamesTheVariablesThatAreMissing(t *testing.T) {
	t.Parallel()
	_, err := load(config.Example(), nil, nil)
	ps := problems(t, err)
	if len(ps) != len(exampleVariables()) {
		t.Errorf("got %d problems, want one for each variable:\n%v", len(ps), err)
	}
	for name := range exampleVariables() {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("the error does not name %s:\n%v", name, err)
		}
	}
}
