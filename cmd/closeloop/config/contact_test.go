package config_test

import (
	"testing"

	"closeloop/cmd/closeloop/config"
)

func TestMatchContact(t *testing.T) {
	t.Parallel()
	check(t, []value{
		{text: "true", want: true},
		{text: "false", want: false},
		{text: "sometimes", wrong: "neither true nor false"},
	}, func(t *testing.T, text string) string {
		t.Helper()
		return minimal(t, "consent: granted", "consent: granted\n    match_contact: "+text)
	}, func(cfg *config.Config) any { return cfg.Accounts[0].Rules().MatchContact })
}

func TestMatchContactIsOffByDefault(t *testing.T) {
	t.Parallel()
	if mustLoad(t, minimal(t), nil, nil).Accounts[0].Rules().MatchContact {
		t.Error("got on, want off")
	}
}
