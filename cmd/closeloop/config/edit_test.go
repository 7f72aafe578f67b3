package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"closeloop/cmd/closeloop/config"
	"closeloop/conversions"
)

func TestEditAPI(t *testing.T) {
	t.Parallel()
	second := "  - {name: bolt, api: google_ads, note: x}\n"
	for name, test := range map[string]struct {
		text, line string
		at         int
	}{
		"plain":             {minimal(t), "api: data_manager", 10},
		"double quotes":     {minimal(t, "api: google_ads", `api: "google_ads" # why`), `api: "data_manager" # why`, 10},
		"single quotes":     {minimal(t, "api: google_ads", "api:   'google_ads'"), "api:   'data_manager'", 10},
		"on the next line":  {minimal(t, "api: google_ads", "api:\n      google_ads"), "data_manager", 11},
		"CRLF":              {strings.ReplaceAll(minimal(t), "\n", "\r\n"), "api: data_manager", 10},
		"umlauts before it": {minimal(t, "    api: google_ads", "    ä: {ö: ü, api: x}\n    api: google_ads"), "api: data_manager", 11},
		"flow":              {minimal(t) + second, "api: data_manager", 10},
		"name after it":     {minimal(t, "  - name: acme\n", "  - ", "    customer", "customer", "mode: test", "mode: test\n    name: acme"), "api: data_manager", 9},
		"no newline at end": {strings.TrimRight(minimal(t), "\n"), "api: data_manager", 10},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, fault := config.EditAPI("closeloop.yaml", []byte(test.text), variables(nil), "acme", conversions.APIDataManager)
			if fault != nil {
				t.Fatalf("got %v, want an edit", fault)
			}
			if e.After != test.line || e.Line != test.at || !strings.Contains(e.Before, "google_ads") {
				t.Errorf("got line %d %q, before it %q, want line %d %q", e.Line, e.After, e.Before, test.at, test.line)
			}
			if diff := cmp.Diff(test.text, strings.Replace(string(e.Text), "data_manager", "google_ads", 1)); diff != "" {
				t.Errorf("more than the value changed (-before +after, value put back):\n%s", diff)
			}
		})
	}
}

func TestEditAPIOfOneAmongOthers(t *testing.T) {
	t.Parallel()
	text := minimal(t) + "  - {customer: 1, name: bolt, mode: live, api: google_ads, note: \"ä: google_ads\"}\n"
	e, fault := config.EditAPI("closeloop.yaml", []byte(text), variables(map[string]string{"A": "bolt"}), "bolt", conversions.APIDataManager)
	if fault != nil {
		t.Fatal(fault)
	}
	want := `- {customer: 1, name: bolt, mode: live, api: data_manager, note: "ä: google_ads"}`
	if e.After != want || e.Line != 21 || !strings.Contains(string(e.Text), "\n    api: google_ads\n") {
		t.Errorf("got line %d %q, want line 21 %q and the other account as it was", e.Line, e.After, want)
	}
	text = strings.Replace(text, "name: bolt", "name: \"${A}\"", 1)
	if e, fault = config.EditAPI("closeloop.yaml", []byte(text), variables(map[string]string{"A": "bolt"}), "bolt", conversions.APIGoogleAds); fault != nil || e.Line != 21 {
		t.Errorf("with a name from a variable: got line %d, %v", e.Line, fault)
	}
}

func TestEditAPIRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ text, want string }{
		"variable":              {minimal(t, "api: google_ads", "api: ${API}"), "closeloop.yaml:10: api: comes from an environment variable"},
		"alias":                 {minimal(t, "api: google_ads", "api: *a", "sources:", "x: &a google_ads\nsources:"), "closeloop.yaml:9: api: comes from an anchor"},
		"anchor":                {minimal(t, "api: google_ads", "api: &a google_ads"), "closeloop.yaml:8: api: comes from an anchor"},
		"merged":                {minimal(t, "    api: google_ads\n", "    <<: *a\n", "sources:", "x: &a {api: google_ads}\nsources:"), "closeloop.yaml:9: api: comes from an anchor"},
		"alias of all":          {minimal(t, "accounts:", "x: &a") + "accounts: *a\n", "closeloop.yaml: accounts: does not stand in the file as a list"},
		"alias of one":          {"x: &a {name: acme, api: google_ads}\naccounts: [*a]\n", "closeloop.yaml: accounts: account \"acme\" does not stand in the file"},
		"no such":               {minimal(t, "name: acme", "name: acne"), "account \"acme\" does not stand in the file"},
		"escapes":               {minimal(t, "api: google_ads", `api: "google\x5fads"`), "closeloop.yaml:10: api: is not written as one plain word"},
		"block":                 {minimal(t, "api: google_ads", "api: |-\n      google_ads"), "closeloop.yaml:10: api: is not written as one plain word"},
		"tag":                   {minimal(t, "api: google_ads", "api: !!str google_ads"), "closeloop.yaml:10: api: is not written as one plain word"},
		"no YAML":               {"accounts: {", "closeloop.yaml: is not one YAML document"},
		"a break of YAML's own": {"# \u2028\naccounts:\n- name: acme\n  api: google_ads\n  abc: google_ads\n", "is not written as one plain word"},
		"strange breaks":        {"a: b\rc: d\r" + minimal(t), "is not written as one plain word"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, fault := config.EditAPI("closeloop.yaml", []byte(test.text), variables(map[string]string{"API": "google_ads"}), "acme", conversions.APIDataManager)
			if fault == nil {
				t.Fatalf("got %q, want it refused", e.After)
			}
			if !strings.Contains(fault.String(), test.want) || fault.Hint == "" || e.Text != nil {
				t.Errorf("got %q with hint %q, want %q", fault.String(), fault.Hint, test.want)
			}
		})
	}
}

// FuzzEditAPI holds that an edit, once loaded, is the same configuration but
// for the one value, or is refused.
func FuzzEditAPI(f *testing.F) {
	f.Add(config.Example())
	f.Add("accounts: [{name: acme, api: 'google_ads'}, {name: acme, api: data_manager}]")
	f.Add("accounts:\n- {\"name\": acme, ? api : google_ads}\n")
	f.Add("# \u0085\naccounts:\n- name: acme\n  api: google_ads\n- name: bolt\n  api: google_ads\n")
	f.Fuzz(func(t *testing.T, text string) {
		e, fault := config.EditAPI("closeloop.yaml", []byte(text), variables(nil), "acme", "data_manager_instead")
		if fault != nil {
			if strings.ContainsAny(fault.String(), "\n\x00") || fault.What == "" {
				t.Errorf("problem %+v says too little or breaks the line", fault)
			}
			return
		}
		var before, after yaml.Node
		if err := yaml.Unmarshal([]byte(text), &before); err != nil {
			t.Fatalf("edited what is no YAML: %v", err)
		}
		if err := yaml.Unmarshal(e.Text, &after); err != nil {
			t.Fatalf("made what is no YAML: %v", err)
		}
		if n := differing(&before, &after); n != 1 {
			t.Errorf("%d values differ, want one:\n%q\n%q", n, text, e.Text)
		}
	})
}

// differing counts the nodes whose value is another; -1000 for another shape.
func differing(a, b *yaml.Node) int {
	if a.Kind != b.Kind || a.Anchor != b.Anchor || len(a.Content) != len(b.Content) {
		return -1000
	}
	n := 0
	if a.Value != b.Value {
		n = 1
	}
	for i := range a.Content {
		n += differing(a.Content[i], b.Content[i])
	}
	return n
}
