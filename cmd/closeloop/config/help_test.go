package config_test

import (
	"errors"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	_ "time/tzdata" // the zones of the tests, wherever they run

	"github.com/google/go-cmp/cmp"

	"closeloop/cmd/closeloop/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

// files is a file system of a test.
type files map[string]string

func (f files) read(name string) ([]byte, error) {
	text, ok := f[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return []byte(text), nil
}

func variables(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

// load reads text as closeloop.yaml, with more files and variables.
func load(text string, more files, env map[string]string) (*config.Config, error) {
	all := files{"closeloop.yaml": text}
	maps.Copy(all, more)
	return config.Load("closeloop.yaml", variables(env), all.read)
}

// minimal is the shortest file that passes without a warning. What stands in
// old is replaced by new, once each.
func minimal(t *testing.T, replace ...string) string {
	t.Helper()
	text := `sources:
  - name: varda
    key: varda-main
    type: varda
    account: acme
    secrets: [signing-secret]
accounts:
  - name: acme
    customer: 1234567890
    api: google_ads
    mode: test
    schedule: "@hourly"
    zone: America/New_York
    currency: USD
    consent: granted
    stages:
      booked:
        action: 555
    credentials:
      application_default: true
`
	for i := 0; i+1 < len(replace); i += 2 {
		if strings.Count(text, replace[i]) != 1 {
			t.Fatalf("%q stands %d times in the file, want once", replace[i], strings.Count(text, replace[i]))
		}
		text = strings.Replace(text, replace[i], replace[i+1], 1)
	}
	return text
}

func mustLoad(t *testing.T, text string, more files, env map[string]string) *config.Config {
	t.Helper()
	cfg, err := load(text, more, env)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return cfg
}

// problems returns the problems of an error that must be some.
func problems(t *testing.T, err error) config.Problems {
	t.Helper()
	var ps config.Problems
	if !errors.As(err, &ps) || len(ps) == 0 {
		t.Fatalf("got error %v, want problems", err)
	}
	return ps
}

// golden compares got with the file of that name in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
