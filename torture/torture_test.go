package main_test

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The short form of `make torture`: a few kills of every kind on either
// storage, and the whole check. It runs the program itself, as make does. The
// disk is filled in the way that needs no privileges.
func TestShortCampaign(t *testing.T) {
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "torture")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), binary, "-seed", "1", "-kills", "25", "-minutes", "0.2", "-stores", "sqlite,postgres", "-disk", "limit")
	cmd.Env = append(cmd.Environ(), "TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil || bytes.Count(out, []byte("violations     0\n")) != 2 {
		t.Errorf("torture: %v\n%s", err, out)
	}
}

// The binary that is shipped has no fail points: the files that have them are
// no part of it. `make static` looks for them in the binary itself.
func TestFailPointsAreNotShipped(t *testing.T) {
	t.Parallel()
	ordinary, tortured := files(t), files(t, "-tags", "failpoints")
	for _, name := range []string{"failpoints.go", "frail.go"} {
		if slices.Contains(ordinary, name) {
			t.Errorf("%s is part of the binary that is shipped", name)
		}
		if !slices.Contains(tortured, name) {
			t.Errorf("%s is no part of the binary with fail points: the test looks for the wrong file", name)
		}
	}
}

// files are those that the program is made of.
func files(t *testing.T, arguments ...string) []string {
	t.Helper()
	list := append([]string{"list", "-f", "{{join .GoFiles \" \"}}"}, append(arguments, "closeloop/cmd/closeloop")...)
	out, err := exec.CommandContext(t.Context(), "go", list...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return strings.Fields(string(out))
}
