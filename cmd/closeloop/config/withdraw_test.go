package config_test

import (
	"strings"
	"testing"
	"time"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
)

func TestWithdrawWait(t *testing.T) {
	t.Parallel()
	check(t, []value{
		{text: "0s", want: time.Duration(0)},
		{text: "36h", want: 36 * time.Hour},
		{text: "30d", want: 720 * time.Hour},
		{text: "31d", wrong: "choose from 0s to 30d"},
		{text: "soon", wrong: "not a length of time"},
	}, func(t *testing.T, text string) string {
		t.Helper()
		return minimal(t, "consent: granted", "consent: granted\n    withdraw_wait: "+text)
	}, func(cfg *config.Config) any { return cfg.Accounts[0].Rules().WithdrawWait })
}

func TestWithdrawDenied(t *testing.T) {
	t.Parallel()
	check(t, []value{
		{text: "true", want: true},
		{text: "false", want: false},
		{text: "maybe", wrong: "neither true nor false"},
	}, func(t *testing.T, text string) string {
		t.Helper()
		return minimal(t, "consent: granted", "consent: granted\n    withdraw_denied: "+text)
	}, func(cfg *config.Config) any { return cfg.Accounts[0].Rules().WithdrawDenied })
}

func TestWithdrawnBy(t *testing.T) {
	t.Parallel()
	check(t, []value{
		{text: "[]", want: ""},
		{text: "[spam]", want: "spam"},
		{text: "[spam, cancelled_by_client]", want: "spam cancelled_by_client"},
		{text: "[booked]", wrong: "is the stage itself"},
		{text: "[spam, spam]", wrong: "already used"},
		{text: "spam", wrong: "must be a list"},
		{text: "[[spam]]", wrong: "must be a single value"},
	}, func(t *testing.T, text string) string {
		t.Helper()
		return minimal(t, "action: 555", "action: 555\n        withdrawn_by: "+text)
	}, func(cfg *config.Config) any { return withdrawnBy(t, cfg, conversions.StageBooked) })
}

// withdrawnBy are the outcomes that take a stage back, which must be written
// out in rules.
func withdrawnBy(t *testing.T, cfg *config.Config, s conversions.Stage) string {
	t.Helper()
	by := cfg.Accounts[0].Rules().Stages[s].WithdrawnBy
	if by == nil {
		t.Errorf("the rules of %s leave open what takes it back", s)
	}
	words := make([]string, len(by))
	for i, o := range by {
		words[i] = string(o)
	}
	return strings.Join(words, " ")
}

func TestWithdrawalDefaults(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, minimal(t, "action: 555", "action: 555\n      quoted: {action: 556, share: 20%}"), nil, nil)
	rules := cfg.Accounts[0].Rules()
	if rules.WithdrawWait != conversions.DefaultWithdrawWait || rules.WithdrawDenied {
		t.Errorf("got %v and %v, want a day and no retraction for denied consent", rules.WithdrawWait, rules.WithdrawDenied)
	}
	for stage, want := range map[conversions.Stage]string{
		conversions.StageBooked: "quoted not_interested spam wrong_number", conversions.StageQuoted: "spam wrong_number",
	} {
		if got := withdrawnBy(t, cfg, stage); got != want {
			t.Errorf("%s is withdrawn by %q, want %q", stage, got, want)
		}
	}
}

func TestUnknownOutcomeIsWarnedOf(t *testing.T) {
	t.Parallel()
	for word, hint := range map[string]string{
		"spma":      `did you mean "spam"?`,
		"cancelled": "taken as it is; known are booked, quoted, follow_up",
	} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			cfg := mustLoad(t, minimal(t, "action: 555", "action: 555\n        withdrawn_by:\n          - spam\n          - "+word), nil, nil)
			if len(cfg.Warnings) != 1 {
				t.Fatalf("got %v, want one warning", cfg.Warnings)
			}
			w := cfg.Warnings[0]
			if !strings.HasPrefix(w.String(), `closeloop.yaml:21: accounts[0].stages.booked.withdrawn_by[1]: "`+word) || !strings.Contains(w.Hint, hint) {
				t.Errorf("got %q with hint %q, want line 21 and %q", w.String(), w.Hint, hint)
			}
		})
	}
}
