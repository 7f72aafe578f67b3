package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// withDataManager points the loop's account at the sandbox's Data Manager API
// as well.
func withDataManager(t *testing.T, l *loop) {
	t.Helper()
	l.edit(t, "    plaintext: true", "    plaintext: true\n    data_manager_endpoint: "+strings.TrimPrefix(l.sandbox, "http://"))
}

func (l *loop) text(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(l.config)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAccountMovesToTheDataManagerAPI(t *testing.T) {
	t.Parallel()
	l := newQuickLoop(t)
	withDataManager(t, l)
	server, url := l.serve(t)
	for lead := range 3 {
		post(t, http.DefaultClient, url, tagged(lead+1, 1, "booked", 100_00, sampleID(lead+1)))
	}
	if out, stderr, code := l.run(t, "run"); code != 0 {
		t.Fatalf("run: exit %d\n%s%s", code, out, stderr)
	}
	post(t, http.DefaultClient, url, tagged(1, 2, "booked", 150_00, sampleID(1)))
	post(t, http.DefaultClient, url, tagged(4, 1, "booked", 400_00, sampleID(4)))
	if err := server.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = server.cmd.Wait()
	before := l.text(t)
	if err := os.Chmod(l.config, 0o640); err != nil {
		t.Fatal(err)
	}

	plan, stderr, code := l.run(t, "account", "migrate", "acme", "--to", "data_manager", "--dry-run")
	for _, want := range []string{
		`(?m)^Account acme: google_ads -> data_manager$`, `known at google_ads +3 outcomes worth 300\.00 USD: they stay there`,
		`credentials +Google takes them`, `closeloop\.yaml:\d+ +api: google_ads -> api: data_manager`, `Nothing was changed`,
	} {
		if !regexp.MustCompile(want).MatchString(plan) || code != 0 {
			t.Errorf("the plan, exit %d, does not say %q:\n%s%s", code, want, plan, stderr)
		}
	}
	if l.text(t) != before {
		t.Fatal("a dry run changed the file")
	}
	if out, stderr, code := l.run(t, "account", "migrate", "acme", "--to", "data_manager"); code != 0 || !strings.Contains(out, "Restart closeloop serve") {
		t.Fatalf("migrate: exit %d\n%s%s", code, out, stderr)
	}
	if diff := strings.Replace(l.text(t), "api: data_manager", "api: google_ads", 1); diff != before {
		t.Errorf("more than one word changed:\n%s", l.text(t))
	}
	if info, err := os.Stat(l.config); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the file has mode %v, %v, want 0640 as before", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(l.dir, ".closeloop-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	l.afterTheMove(t)
}

// afterTheMove checks that the old outcome is corrected where it is, and the
// new one sent through the other API, once each.
func (l *loop) afterTheMove(t *testing.T) {
	t.Helper()
	out, stderr, code := l.run(t, "run")
	if code != 0 || !strings.Contains(out, "restate 1") || !strings.Contains(out, "submitted") {
		t.Fatalf("run after the move: exit %d\n%s%s", code, out, stderr)
	}
	held := strings.Split(l.holds(t), ", ")
	slices.Sort(held)
	if got, want := strings.Join(held, ", "), "1001 100.00, 1001 100.00, 1001 150.00"; got != want {
		t.Errorf("Google holds %q, want %q, and the new outcome under processing", got, want)
	}
	states, _, _ := l.run(t, "audit", "list", "--format", "json")
	var rows []struct {
		State string `json:"state"`
	}
	if err := json.Unmarshal([]byte(states), &rows); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, r := range rows {
		counts[r.State]++
	}
	if counts["done"] != 3 || counts["submitted"] != 1 || len(rows) != 4 {
		t.Errorf("states are %v, want 3 done and 1 submitted", counts)
	}
	back, stderr, code := l.run(t, "account", "migrate", "acme", "--to", "google_ads", "--format", "json")
	var m migration
	if err := json.Unmarshal([]byte(back), &m); err != nil || code != 0 {
		t.Fatalf("migrate back: exit %d, %v\n%s%s", code, err, back, stderr)
	}
	if m.Known["google_ads"].Outcomes != 3 || m.Unanswered["data_manager"].Processing != 1 || m.CredentialsFit == nil || !*m.CredentialsFit {
		t.Errorf("the plan back is %+v", m)
	}
	if out, _, code := l.run(t, "account", "migrate", "acme", "--to", "google_ads"); code != 0 || !strings.Contains(out, "already") {
		t.Errorf("migrate to where it is: exit %d\n%s", code, out)
	}
}

// TestAccountThatMustMove is the story of a new user: Google refuses the old
// API, and nothing that was queued is lost on the way to the other one.
func TestAccountThatMustMove(t *testing.T) {
	t.Parallel()
	l := newQuickLoop(t)
	withDataManager(t, l)
	server, url := l.serve(t)
	l.does(t, exitOK, "account pause acme --note 'as Google would have it'", `account acme is paused`)
	post(t, http.DefaultClient, url, tagged(1, 1, "booked", 100_00, sampleID(1)))
	l.does(t, exitUnsent, "run", `rows 0,`)
	if err := server.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = server.cmd.Wait()
	l.does(t, exitOK, "account migrate acme --to data_manager",
		`queued +1 outcomes: they go through data_manager`, `paused +account acme, also after the move: Paused by .* To send again at once: closeloop account resume acme\n`)
	l.does(t, exitOK, "account resume acme")
	l.does(t, exitOK, "run", `submitted +1`)
	l.does(t, exitOK, "audit show 1", `in a request of 1 row to customer 1234567890 through the Data Manager API`)
	if held := l.holds(t); held != "" {
		t.Errorf("Google holds %s, want nothing before it was processed", held)
	}
}

func TestMigrateRefuses(t *testing.T) {
	t.Parallel()
	l := newLoop(t, "")
	l.does(t, exitUsage, "account migrate acme", `error: --to is missing`)
	l.does(t, exitUsage, "account migrate acme --to data-manager", `error: --to cannot be "data-manager"`)
	l.does(t, exitNotFound, "account migrate acne --to data_manager", `error: no account "acne"`)
	l.does(t, exitConfig, "account migrate acme --to data_manager", `accounts\[0\]\.plaintext: Google is not reached without encryption\nhint: .*data_manager_endpoint`)
	withDataManager(t, l)
	l.edit(t, "    api: google_ads", "    api: &api google_ads")
	l.does(t, exitConfig, "account migrate acme --to data_manager --offline", `closeloop.yaml:\d+: api: comes from an anchor`)
	l.edit(t, "&api google_ads", "google_ads")
	l.edit(t, "token_url: ", "token_url: http://127.0.0.1:1/token #")
	before := l.text(t)
	l.does(t, exitUnsent, "account migrate acme --to data_manager", `error: nothing was changed: account acme: .*\nhint: .*--offline`)
	if l.text(t) != before {
		t.Error("the file was changed although Google could not be asked")
	}
	l.does(t, exitOK, "account migrate acme --to data_manager --offline", `Restart closeloop serve`)
}

func TestMigrateKeepsOtherAccountsWhereTheyAre(t *testing.T) {
	t.Parallel()
	l := newLoop(t, "")
	withDataManager(t, l)
	l.edit(t, "  - name: acme", "  - &acme\n    name: acme")
	text := l.text(t) + "  - <<: *acme\n    name: bolt\n    customer: 2222222222\n"
	if err := os.WriteFile(l.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l.does(t, exitConfig, "account migrate acme --to data_manager --offline", `the line also decides for account bolt\nhint: give each account an api of its own`)
	l.does(t, exitConfig, "account migrate bolt --to data_manager --offline", `api: comes from an anchor`)
	if l.text(t) != text {
		t.Error("the file was changed")
	}
}

func TestReplaceFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	whole, link := filepath.Join(dir, "real.yaml"), filepath.Join(dir, "link.yaml")
	if err := os.WriteFile(whole, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real.yaml", link); err != nil {
		t.Fatal(err)
	}
	if err := replaceFile(link, []byte("other"), []byte("new")); err == nil || !strings.Contains(err.Error(), "changed meanwhile") {
		t.Errorf("got %v, want that the file was changed meanwhile", err)
	}
	if err := replaceFile(link, []byte("old"), []byte("new")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(whole)
	if info, _ := os.Lstat(link); err != nil || string(text) != "new" || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the file holds %q, %v, and the link is %v", text, err, info.Mode())
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the folder holds %v, %v, want the file and the link", entries, err)
	}
}
