package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
)

func TestWarnings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		replace []string
		want    string
	}{
		{"hold", []string{"    mode: test", "    mode: test\n    hold: 1h"}, "closeloop.yaml:12: accounts[0].hold: Google refuses clicks younger than 6h"},
		{"listener", []string{"sources:", "listen: {address: \":8080\"}\nsources:"}, "closeloop.yaml:1: listen.address: other machines are served without encryption"},
		{"denied", []string{"mode: test", "mode: live", "consent: granted", "consent: denied"}, "closeloop.yaml:15: accounts[0].consent: nothing is sent"},
		{"no source", []string{"sources:\n  - name: varda\n    key: varda-main\n    type: varda\n    account: acme\n    secrets: [signing-secret]\n", ""}, "closeloop.yaml:2: accounts[0].name: no source is bound"},
		{"sandbox", []string{"mode: test", "mode: live\n    endpoint: localhost:9091\n    plaintext: true"}, "closeloop.yaml:12: accounts[0].endpoint: conversions go to this machine and not to Google"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg := mustLoad(t, minimal(t, test.replace...), nil, nil)
			if len(cfg.Warnings) != 1 || !strings.HasPrefix(cfg.Warnings[0].String(), test.want) {
				t.Errorf("got %v, want one warning %q", cfg.Warnings, test.want)
			}
		})
	}
}

func TestConfigBuiltInCode(t *testing.T) {
	t.Parallel()
	built := func() *config.Config {
		a := config.NewAccount()
		a.Name, a.Customer, a.API, a.Mode = "demo", "1234567890", conversions.APIGoogleAds, conversions.ModeLive
		a.Schedule, a.Zone, a.Currency, a.Consent = "@hourly", time.UTC, "USD", conversions.ConsentRuleGranted
		a.Stages = map[conversions.Stage]conversions.StageRules{conversions.StageBooked: {Action: "1", Share: conversions.Whole}}
		a.Credentials = config.Credentials{Method: config.ApplicationDefault}
		cfg := config.New()
		cfg.Accounts = []config.Account{a}
		cfg.Sources = []config.Source{{
			Name: "demo", Key: "demo", Type: config.SourceVarda, Account: "demo", Secrets: []config.Secret{config.NewSecret("s")},
		}}
		return cfg
	}
	warnings, err := built().Validate()
	if err != nil || len(warnings) > 0 {
		t.Errorf("got %v and %v, want neither", warnings, err)
	}
	for path, spoil := range map[string]func(*config.Config){
		"database":                            func(c *config.Config) { c.Database.SQLite = "" },
		"listen.address":                      func(c *config.Config) { c.Listen.Address = "" },
		"listen.tls.key":                      func(c *config.Config) { c.Listen.TLS.Cert = "a" },
		"listen.drain":                        func(c *config.Config) { c.Listen.Drain = 2 * time.Minute },
		"schedule_spread":                     func(c *config.Config) { c.SpreadWindow = -1 },
		"retention.quarantine":                func(c *config.Config) { c.Retention.Quarantine = 0 },
		"accounts":                            func(c *config.Config) { c.Accounts, c.Sources = nil, nil },
		"sources[0].secrets":                  func(c *config.Config) { c.Sources[0].Secrets = nil },
		"sources[0].tolerance":                func(c *config.Config) { c.Sources[0].Tolerance = 48 * time.Hour },
		"sources[0].account":                  func(c *config.Config) { c.Sources[0].Account = "" },
		"accounts[0].customer":                func(c *config.Config) { c.Accounts[0].Customer = "123-456-7890" },
		"accounts[0].login_customer":          func(c *config.Config) { c.Accounts[0].LoginCustomer = "1" },
		"accounts[0].zone":                    func(c *config.Config) { c.Accounts[0].Zone = nil },
		"accounts[0].api":                     func(c *config.Config) { c.Accounts[0].API = "" },
		"accounts[0].event_source":            func(c *config.Config) { c.Accounts[0].EventSource = "phone" },
		"replicas":                            func(c *config.Config) { c.Replicas = 0 },
		"accounts[0].schedule":                func(c *config.Config) { c.Accounts[0].Schedule = "TZ=UTC * * * * *" },
		"accounts[0].hold":                    func(c *config.Config) { c.Accounts[0].Hold = -time.Second },
		"accounts[0].stages":                  func(c *config.Config) { c.Accounts[0].Stages["won"] = conversions.StageRules{} },
		"accounts[0].stages.booked.share":     func(c *config.Config) { spoilBooked(c, func(r *conversions.StageRules) { r.Share = -1 }) },
		"accounts[0].stages.booked.minimum":   func(c *config.Config) { spoilBooked(c, func(r *conversions.StageRules) { r.Minimum = -1 }) },
		"accounts[0].stages.booked.look_back": func(c *config.Config) { spoilBooked(c, func(r *conversions.StageRules) { r.LookBack = time.Hour }) },
		"accounts[0].stages.booked.action":    func(c *config.Config) { spoilBooked(c, func(r *conversions.StageRules) { r.Action = "x" }) },
		"accounts[0].credentials":             func(c *config.Config) { c.Accounts[0].Credentials.Method = "magic" },
		"accounts[0].data_manager_endpoint":   func(c *config.Config) { c.Accounts[0].DataManagerEndpoint = "example.com" },
		"accounts[0].plaintext":               func(c *config.Config) { c.Accounts[0].Endpoint, c.Accounts[0].Plaintext = "example.com:1", true },
		"accounts[0].stages.booked.missing_value": func(c *config.Config) {
			spoilBooked(c, func(r *conversions.StageRules) { r.Missing = "invent" })
		},
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			cfg := built()
			spoil(cfg)
			_, err := cfg.Validate()
			ps := problems(t, err)
			if len(ps) != 1 || ps[0].Path != path || ps[0].Line != 0 || ps[0].What == "" || ps[0].Hint == "" {
				t.Errorf("got\n%v\nwant one problem at %s", ps, path)
			}
		})
	}
}

func spoilBooked(c *config.Config, change func(*conversions.StageRules)) {
	stages := c.Accounts[0].Stages
	rules := stages[conversions.StageBooked]
	change(&rules)
	stages[conversions.StageBooked] = rules
}

func TestCertificateIsLoaded(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	_, other := certificate(t)
	text := minimal(t, "sources:", "listen:\n  address: 0.0.0.0:8443\n  tls:\n    cert: c.pem\n    key: k.pem\nsources:")
	cfg := mustLoad(t, text, files{"c.pem": cert, "k.pem": key}, nil)
	if !cfg.Listen.TLS.Enabled() || len(cfg.Warnings) > 0 {
		t.Errorf("got %+v and warnings %v", cfg.Listen, cfg.Warnings)
	}
	for name, wrong := range map[string]files{
		"of another key": {"c.pem": cert, "k.pem": other},
		"not PEM":        {"c.pem": cert, "k.pem": "hunter2"},
	} {
		_, err := load(text, wrong, nil)
		got := problems(t, err).Error()
		if !strings.HasPrefix(got, "closeloop.yaml:3: listen.tls: certificate and key do not load: ") || strings.Contains(got, "hunter2") {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

// certificate makes a PEM certificate and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	certDER, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certDER})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
}
