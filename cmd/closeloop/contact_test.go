package main

import (
	"bytes"
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestTheClickOfAContact: a call of the sample person brought a click id,
// another one of hers was booked without. The rule is switched on when both are
// stored already.
func TestTheClickOfAContact(t *testing.T) {
	t.Parallel()
	l := newLoop(t, "")
	_, url := l.serve(t)
	booked := outcome(43, "booked", 250000, "")
	for _, body := range [][]byte{outcome(42, "no_answer", 0, sampleID(1)), booked} {
		if status, text := post(t, http.DefaultClient, url, body); status != http.StatusAccepted {
			t.Fatalf("delivery answered %d %s", status, text)
		}
	}
	if out, stderr, code := l.run(t, "run"); code != 0 || len(l.held(t)) != 0 {
		t.Fatalf("with the rule off: exit %d, Google holds %v\n%s%s", code, l.held(t), out, stderr)
	}
	config, err := os.ReadFile(l.config)
	if err != nil {
		t.Fatal(err)
	}
	on := bytes.Replace(config, []byte("consent: granted"), []byte("consent: granted\n    match_contact: true"), 1)
	if err := os.WriteFile(l.config, on, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, stderr, code := l.run(t, "run"); code != 0 {
		t.Fatalf("run: exit %d\n%s%s", code, out, stderr)
	}
	held := l.held(t)
	if len(held) != 1 || held[0]["value"] != 2500.0 || held[0]["click_id"] != sampleID(1) {
		t.Fatalf("Google holds %v, want one conversion of 2500 by the contact's click", held)
	}
	if shown, _, _ := l.run(t, "audit", "show", "1"); !strings.Contains(shown, "gclid of the same contact") {
		t.Errorf("audit show does not tell the rule:\n%s", shown)
	}
}

// TestALateClickOfAContact: the call that brought the click is delivered after
// the outcome of another call of hers was closed for want of one. An outcome
// that names another channel stays closed.
func TestALateClickOfAContact(t *testing.T) {
	t.Parallel()
	l := newQuickLoop(t)
	l.edit(t, "    settle: 0s", "    settle: 0s\n    click_wait: 0s\n    match_contact: true")
	server, url := l.serve(t)
	social := bytes.ReplaceAll(tagged(44, 6, "booked", 900_00, ""), []byte(`"google_ads","medium":"cpc"`), []byte(`"facebook","medium":"social"`))
	post(t, http.DefaultClient, url, tagged(43, 5, "booked", 2500_00, ""))
	post(t, http.DefaultClient, url, social)
	l.does(t, exitOK, "run", `rows 0,`)
	l.does(t, exitOK, "audit list --state skipped", `43 +booked +skipped +2500\.00 `, `44 +booked +skipped +900\.00 `)

	post(t, http.DefaultClient, url, tagged(42, 1, "no_answer", 0, sampleID(1)))
	l.does(t, exitOK, "run", `done +1`)
	if held := l.held(t); len(held) != 1 || held[0]["value"] != 2500.0 || held[0]["click_id"] != sampleID(1) {
		t.Errorf("Google holds %v, want one conversion of 2500 by the contact's click", held)
	}
	shown := l.does(t, exitOK, "audit show 1", `state +done`, `click id +gclid of the same contact`)
	list := l.does(t, exitOK, "audit list --lead 44", `booked +skipped +900\.00 .* No Google click id came`)
	private(t, server.printed()+shown+list)
}
