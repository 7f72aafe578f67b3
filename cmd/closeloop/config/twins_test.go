package config_test

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"closeloop/cmd/closeloop/config"
)

func reveal(secrets []config.Secret) []string {
	out := make([]string, len(secrets))
	for i, s := range secrets {
		out[i] = s.Reveal()
	}
	return out
}

func TestSecretsOfASource(t *testing.T) {
	t.Parallel()
	env := map[string]string{"A": "one", "B": "two", "DOLLAR": "$x${A}"}
	for _, test := range []struct {
		name, setting, file string
		want                []string
		wrong               string
	}{
		{name: "literal", setting: "secrets: [one]", want: []string{"one"}},
		{name: "a single one", setting: "secrets: one", want: []string{"one"}},
		{name: "number", setting: "secrets: [0123]", want: []string{"0123"}},
		{name: "variables", setting: `secrets: ["${A}", "x${A}-${B}y"]`, want: []string{"one", "xone-twoy"}},
		{name: "dollars", setting: `secrets: ["$${A}", "a$b", "$$$$", "${DOLLAR}", "a$"]`, want: []string{"${A}", "a$b", "$$", "$x${A}", "a$"}},
		{name: "not set", setting: `secrets: ["${A}", "${C}"]`, wrong: "secrets[1]: the environment variable C is not set"},
		{name: "not closed", setting: `secrets: ["hunter2${A"]`, wrong: "${ is not closed"},
		{name: "operator", setting: `secrets: ["${A:-hunter2}"]`, wrong: "not the name of a variable"},
		{name: "empty name", setting: `secrets: ["${}"]`, wrong: "not the name of a variable"},
		{name: "spaces", setting: `secrets: ["  "]`, wrong: "secrets[0]: the secret is empty"},
		{name: "none", setting: "secrets: []", wrong: "sources[0].secrets: is missing"},
		{name: "mapping", setting: "secrets: {hunter2: x}", wrong: "must be a list, not settings of its own"},
		{name: "file", setting: "secrets_file: f", file: "one\n", want: []string{"one"}},
		{name: "file of several", setting: "secrets_file: f", file: "one\r\n\ntwo\r\n", want: []string{"one", "two"}},
		{name: "file is not expanded", setting: "secrets_file: f", file: "${A}\n", want: []string{"${A}"}},
		{name: "empty file", setting: "secrets_file: f", file: "\n", wrong: `"f" is empty`},
		{name: "no file", setting: "secrets_file: g", wrong: `secrets_file: the file "g" cannot be read: there is no such file`},
		{name: "large file", setting: "secrets_file: f", file: strings.Repeat("x", 65<<10), wrong: "larger than 65536 bytes"},
		{name: "both", setting: "secrets: [hunter2]\n    secrets_file: f", file: "one", wrong: "secrets and secrets_file are both given"},
		{name: "variable used as path", setting: "secrets_file: ${A}", wrong: `"${A}" cannot be read`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg, err := load(minimal(t, "secrets: [signing-secret]", test.setting), files{"f": test.file}, env)
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
			if got := reveal(cfg.Sources[0].Secrets); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestSecretFileLosesOneNewline(t *testing.T) {
	t.Parallel()
	text := minimal(t, "application_default: true", "refresh_token: {client_id: a, client_secret_file: s, refresh_token_file: r}")
	cfg := mustLoad(t, text, files{"s": " one \n", "r": "two\r\n\n"}, nil)
	k := cfg.Accounts[0].Credentials
	if k.ClientSecret.Reveal() != " one " || k.RefreshToken.Reveal() != "two\r\n" {
		t.Errorf("got %q and %q", k.ClientSecret.Reveal(), k.RefreshToken.Reveal())
	}
	if len(cfg.Warnings) != 2 || !strings.Contains(cfg.Warnings[0].What, "white space") {
		t.Errorf("got warnings %v, want white space twice", cfg.Warnings)
	}
}

// TestVariableInTheWrongSetting puts a secret where it is quoted if wrong.
func TestVariableInTheWrongSetting(t *testing.T) {
	t.Parallel()
	env := map[string]string{"S": "hunter2!"}
	for _, old := range []string{
		"- name: varda", "key: varda-main", "type: varda", "account: acme", "- name: acme", "customer: 1234567890",
		"api: google_ads", "mode: test", `schedule: "@hourly"`, "zone: America/New_York", "currency: USD",
		"consent: granted", "action: 555", "application_default: true",
	} {
		t.Run(old, func(t *testing.T) {
			t.Parallel()
			key, _, _ := strings.Cut(old, ":")
			_, err := load(minimal(t, old, key+": ${S}"), nil, env)
			if text := problems(t, err).Error(); strings.Contains(text, "hunter2") || !strings.Contains(text, `"${S}"`) {
				t.Errorf("got\n%s\nwant the variable's name and not its value", text)
			}
		})
	}
}

func TestExposedFilesAreWarnedOf(t *testing.T) {
	t.Parallel()
	disk := fstest.MapFS{
		"closeloop.yaml": {Mode: 0o644},
		"r":              {Mode: 0o640},
	}
	stat := func(name string) (fs.FileInfo, error) { return fs.Stat(disk, name) }
	credentials := "refresh_token: {client_id: a, client_secret: b, refresh_token_file: r}"
	with := mustLoad(t, minimal(t, "application_default: true", credentials), files{"r": "x"}, nil)
	got := with.Exposed(stat)
	if len(got) != 1 || got[0].Line != 6 || got[0].Hint != "chmod o-r closeloop.yaml" {
		t.Errorf("got %v, want one warning of closeloop.yaml at line 6", got)
	}
	without := mustLoad(t, minimal(t, "[signing-secret]", `["${S}"]`), nil, map[string]string{"S": "x"})
	if got := without.Exposed(stat); len(got) != 0 {
		t.Errorf("got %v, want none: the file holds no secret", got)
	}
}
