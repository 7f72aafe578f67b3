package config_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
)

// TestEveryMistakeAtOnce reads a file with many mistakes; the golden file
// holds the whole error.
func TestEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/many.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, err = load(string(text), nil, map[string]string{"VARDA_SECRET": "hunter2"})
	golden(t, "many.golden", problems(t, err).Error()+"\n")
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("the error holds a secret")
	}
}

func TestMinimalFilePassesWithoutWarning(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, minimal(t), nil, nil)
	if len(cfg.Warnings) > 0 {
		t.Errorf("got warnings %v, want none", cfg.Warnings)
	}
	rules := cfg.Accounts[0].Rules()
	if rules.Hold != conversions.DefaultHold || rules.Settle != conversions.DefaultSettle || rules.ClickWait != conversions.DefaultClickWait {
		t.Errorf("got %v, %v, %v, want the default clocks", rules.Hold, rules.Settle, rules.ClickWait)
	}
	if got := rules.Stages[conversions.StageBooked].Share; got != conversions.Whole {
		t.Errorf("got share %v, want the whole", got)
	}
}

func TestDefaultsWrittenOutGiveTheSameRules(t *testing.T) {
	t.Parallel()
	short := mustLoad(t, minimal(t), nil, nil)
	long := mustLoad(t, minimal(t,
		"consent: granted", "consent: granted\n    hold: 6h\n    settle: 1h\n    click_wait: 7d\n    on_booked: keep_quote",
		"action: 555", "action: 555\n        share: 100%\n        missing_value: skip\n        value_order: [actual, revenue, estimated]",
	), nil, nil)
	a, b := short.Accounts[0].Rules(), long.Accounts[0].Rules()
	if a.Fingerprint() != b.Fingerprint() {
		t.Errorf("rules differ (-short +long):\n%s", cmp.Diff(a, b))
	}
}

// TestMistakes holds one mistake a file: where it is told, and how.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "closeloop.yaml: is empty"},
		{"only comments", "# nothing\n", "closeloop.yaml: is empty"},
		{"only a text", "hello", "closeloop.yaml:1: must hold settings"},
		{"a list", "- a", "closeloop.yaml:1: must hold settings, not a list"},
		{"null", "~", "closeloop.yaml:1: accounts: is missing"},
		{"two documents", minimal(t) + "---\na: b\n", "closeloop.yaml:21: a second YAML document starts here"},
		{"tab", "sources:\n\t- name: a\n", "closeloop.yaml:2: the line is indented with a tab"},
		{"bad UTF-8", "a: b\nc: \xff\n", "closeloop.yaml:2: the line is not UTF-8"},
		{"NUL", "a: b\nc: \x00\n", "closeloop.yaml:2: the line holds a control character"},
		{"bad YAML", "database: sqlite:a.db\nlisten: {address\n", "closeloop.yaml:2: not YAML: did not find expected ',' or '}', on this line"},
		{"unquoted variable in a list", minimal(t, "[signing-secret]", "[${A}]"), `hint: put quotes around it: "${NAME}"`},
		{"unknown anchor", "# one\ndatabase: *hunter2\n", "closeloop.yaml:2: not YAML: an alias (*name) has no anchor"},
		{"tag", minimal(t, "[signing-secret]", "[!hunter2 ]"), "closeloop.yaml:6: sources[0].secrets[0]: is a YAML tag"},
		{"too large", "# " + strings.Repeat("x", config.MaxFile), "closeloop.yaml: is larger than 1048576 bytes"},
		{"key that is no word", minimal(t, "sources:", "[a]: b\nsources:"), "closeloop.yaml:1: a key must be a word"},
		{"key given twice", minimal(t, "    mode: test", "    mode: test\n    mode: live"), "closeloop.yaml:12: accounts[0].mode: given twice, first on line 11"},
		{"unknown key", minimal(t, "    mode: test", "    mode: test\n    hodl: 1h"), "closeloop.yaml:12: accounts[0]: unknown key \"hodl\"\n  hint: did you mean \"hold\"?"},
		{"meant key is not missing", minimal(t, "    mode: test", "    mod: test"), "closeloop.yaml:11: accounts[0]: unknown key \"mod\"\n  hint: did you mean \"mode\"?"},
		{"key of another section", minimal(t, "    mode: test", "    mode: test\n    look_back: 1h"), `hint: "look_back" belongs under accounts[].stages.booked or .quoted`},
		{"key that may be a secret", minimal(t, "sources:", "8f3a77e1: x\nsources:"), "closeloop.yaml:1: unknown key\n"},
		{"account of a source", minimal(t, "account: acme", "account: acne"), "closeloop.yaml:5: sources[0].account: \"acne\" is not an account\n  hint: did you mean \"acme\"?"},
		{"missing setting", minimal(t, "    consent: granted\n", ""), "closeloop.yaml:8: accounts[0].consent: is missing"},
		{"no share of quotes", minimal(t, "booked:", "quoted:"), "closeloop.yaml:17: accounts[0].stages.quoted.share: is missing or zero"},
		{"no stages", minimal(t, "      booked:\n        action: 555\n", ""), "closeloop.yaml:16: accounts[0].stages: is missing"},
		{"one action for both", minimal(t, "action: 555", "action: 555\n      quoted: {action: 555, share: 20%}"), "closeloop.yaml:19: accounts[0].stages.quoted.action: \"555\" is the action of booked too"},
		{"no look-back", minimal(t, "action: 555", "action: 555\n        look_back: 0s"), "closeloop.yaml:19: accounts[0].stages.booked.look_back: 0s is out of bounds\n  hint: choose from 1d to 90d"},
		{"schedule that never fires", minimal(t, `"@hourly"`, `"0 0 30 2 *"`), "closeloop.yaml:12: accounts[0].schedule: \"0 0 30 2 *\" is not a schedule: it never fires"},
		{"zone of the machine", minimal(t, "America/New_York", "Local"), "closeloop.yaml:13: accounts[0].zone: \"Local\" is not a time zone"},
		{"plain text to Google", minimal(t, "    mode: test", "    mode: test\n    plaintext: true"), "closeloop.yaml:12: accounts[0].plaintext: Google is not reached without encryption"},
		{"endpoint without port", minimal(t, "    mode: test", "    mode: test\n    endpoint: localhost"), "closeloop.yaml:12: accounts[0].endpoint: \"localhost\" is not host:port"},
		{"data manager, misspelt", minimal(t, "api: google_ads", "api: data-manager"), "closeloop.yaml:10: accounts[0].api: \"data-manager\" is not known here\n  hint: did you mean \"data_manager\"?"},
		{"no API", minimal(t, "    api: google_ads\n", ""), "closeloop.yaml:8: accounts[0].api: is missing\n  hint: write data_manager or google_ads"},
		{"data manager without encryption", minimal(t, "api: google_ads", "api: data_manager\n    endpoint: 127.0.0.1:1\n    plaintext: true"), "closeloop.yaml:12: accounts[0].plaintext: Google is not reached without encryption\n  hint: delete the line, or set data_manager_endpoint"},
		{"plain text elsewhere", minimal(t, "    mode: test", "    mode: test\n    data_manager_endpoint: example.com:443\n    endpoint: localhost:1\n    plaintext: true"), "closeloop.yaml:14: accounts[0].plaintext: plain text is allowed to a loopback address only"},
		{"two databases", minimal(t, "sources:", "database: [sqlite:a.db, postgres://b/c]\nsources:"), "closeloop.yaml:1: database: must be a single value"},
		{"merge of a text", minimal(t, "    mode: test", "    mode: test\n    <<: base"), "closeloop.yaml:12: accounts[0]: << must name an anchored mapping"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(test.text, nil, nil)
			ps := problems(t, err)
			if len(ps) != 1 && test.name != "tab" {
				t.Errorf("got %d problems, want one", len(ps))
			}
			if !strings.Contains(ps.Error()+"\n", test.want) {
				t.Errorf("got\n%v\nwant it to contain\n%s", ps, test.want)
			}
			if strings.Contains(ps.Error(), "hunter2") {
				t.Errorf("the error quotes what may be a secret:\n%v", ps)
			}
		})
	}
}

func TestMissingFile(t *testing.T) {
	t.Parallel()
	_, err := config.Load("nowhere.yaml", variables(nil), files{}.read)
	want := "nowhere.yaml: cannot be read: there is no such file\n  hint: closeloop config example prints a complete file to start from"
	if got := problems(t, err).Error(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAnchorsAndMerges(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, minimal(t, "  - name: acme", "  - &base\n    name: acme")+`
  - <<: *base
    name: bolt
    customer: 222-222-2222
    mode: live
`, nil, nil)
	a, b := cfg.Accounts[0], cfg.Accounts[1]
	if b.Name != "bolt" || b.Customer != "2222222222" || b.Mode != conversions.ModeLive {
		t.Errorf("got %s, %s, %s: a key of its own was lost to the merged one", b.Name, b.Customer, b.Mode)
	}
	if diff := cmp.Diff(a.Stages, b.Stages); diff != "" || b.Schedule != a.Schedule || b.Credentials != a.Credentials {
		t.Errorf("merged keys differ: %s", diff)
	}
}

func TestAliasesAreBounded(t *testing.T) {
	t.Parallel()
	keys := strings.Builder{}
	for i := range 2000 {
		fmt.Fprintf(&keys, "    k%d: 1\n", i)
	}
	for name, text := range map[string]string{
		"wide":   "sources:\n  - &a\n" + keys.String() + strings.Repeat("  - *a\n", 20_000),
		"itself": "sources:\n  - &a\n    name: x\n    <<: *a\n",
		"list":   "sources: &a\n  - <<: *a\n",
		"deep":   "sources: &a [*a, *a]\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(text, nil, nil)
			if ps := problems(t, err); len(ps) > 101 {
				t.Errorf("got %d problems, want no more than 101", len(ps))
			}
		})
	}
}

func TestEmptySectionsAreDefaults(t *testing.T) {
	t.Parallel()
	cfg := mustLoad(t, minimal(t, "sources:", "listen:\nretention:\n  # quarantine: 1h\nsources:"), nil, nil)
	if cfg.Listen.Address != config.DefaultAddress || cfg.Retention.Quarantine != config.DefaultQuarantineRetention {
		t.Errorf("got %+v and %+v, want the defaults", cfg.Listen, cfg.Retention)
	}
}

func TestRelativePathsStartAtTheFile(t *testing.T) {
	t.Parallel()
	all := files{
		"/etc/closeloop/closeloop.yaml": minimal(t, "secrets: [signing-secret]", "secrets_file: varda.secrets"),
		"/etc/closeloop/varda.secrets":  "one\n",
	}
	cfg, err := config.Load("/etc/closeloop/closeloop.yaml", variables(nil), all.read)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := cfg.Database.SQLite, "/etc/closeloop/closeloop.db"; got != want {
		t.Errorf("got database %s, want %s", got, want)
	}
}
