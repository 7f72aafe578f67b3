package config_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"closeloop/cmd/closeloop/config"
)

// FuzzLoad holds that no file panics, that an error has something to say, and
// that what stands in variables and secret files is never shown.
func FuzzLoad(f *testing.F) {
	many, err := os.ReadFile("testdata/many.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(config.Example())
	f.Add(string(many))
	f.Add("sources: &a [{<<: *a}, *a]\naccounts: [{name: ${A}, zone: ${B}, schedule: ${C}}]\n")
	f.Add("a: &x {b: 1}\nsources: *x\n---\n---\n")
	f.Add("listen: {address: ${A}, tls: {cert: a, key: ${B}}}\nretention: ~\n")
	f.Add("accounts: [{credentials: {google_ads_yaml: a}}, {credentials: {environment: true}}, {credentials: {service_account: {key_file: a}}}]")
	f.Add("database: postgres://u:${A}@${B}/c?x=${C}\nreplicas: 3\naccounts: [{api: data_manager, event_source: ${D}, credentials: {quota_project: ${E}}}]\n")
	f.Add("database: ${A}\n")
	const secret = "hunter2-never-shown"
	getenv := func(name string) string {
		if name == "UNSET" {
			return ""
		}
		return secret
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, secret) {
			return // the file itself holds what is looked for
		}
		readFile := func(name string) ([]byte, error) {
			if name == "closeloop.yaml" {
				return []byte(text), nil
			}
			return []byte(secret), nil
		}
		cfg, err := config.Load("closeloop.yaml", getenv, readFile)
		var shown string
		if err != nil {
			ps := problems(t, err)
			for _, p := range ps {
				if p.What == "" || p.File == "" || strings.ContainsAny(p.String(), "\n\x00") {
					t.Errorf("problem %+v says too little or breaks the line", p)
				}
			}
			shown = fmt.Sprintf("%v %+v", err, ps)
		} else {
			shown = fmt.Sprintf("%v", cfg.Warnings)
			if _, err := cfg.Validate(); err != nil {
				t.Errorf("a loaded file does not pass Validate: %v", err)
			}
			for _, a := range cfg.Accounts {
				_ = a.Rules().Fingerprint()
			}
		}
		if strings.Contains(shown, secret) {
			t.Errorf("a secret is shown: %s", shown)
		}
	})
}
