package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// postAs posts a signed delivery with a content type.
func postAs(t *testing.T, url, content string, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/webhooks/varda", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", content)
	req.Header.Set("X-Varda-Signature", signature(body))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("a delivery of type %s is answered %d, want 202", content, resp.StatusCode)
	}
}

// payload writes a delivery's body into a file and returns its name.
func (l *loop) payload(t *testing.T, name string, body []byte) string {
	t.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.WriteFile(path, body, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// until runs a command until what it prints holds a text: a server is at work
// beside it.
func (l *loop) until(t *testing.T, command, text string) string {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		if out := l.does(t, exitOK, command); strings.Contains(out, text) {
			return out
		}
	}
	t.Fatalf("closeloop %s never says %q:\n%s", command, text, l.does(t, exitOK, command))
	return ""
}

func TestResolveQuarantined(t *testing.T) {
	t.Parallel()
	l := newQuickLoop(t)
	server, url := l.serve(t)
	body := outcome(1, "booked", 2500_00, sampleID(1))
	cut := body[:len(body)-20]
	postAs(t, url, "text/plain", body)       // 1
	postAs(t, url, "application/json", cut)  // 2
	postAs(t, url, "text/plain", body[:100]) // 3
	good, short := l.payload(t, "good.json", body), l.payload(t, "cut.json", cut)
	said := l.refusesToResolve(t, good, short)

	said += l.does(t, exitOK, "resolve quarantined 2 give-up --by sam --note 'a test of the CRM'", `^quarantined delivery 2 is given up\n$`)
	said += l.does(t, exitOK, "resolve quarantined 1 retry --payload "+good+" --by sam --note 'wrong content type'",
		`^quarantined delivery 1 is event 1 now; the server folds it in a moment`)
	said += l.until(t, "audit list", "queued") // by the server
	var again strings.Builder
	for _, way := range []string{"1 retry --payload " + good, "1 retry --payload " + short, "1 give-up", "2 give-up"} {
		again.WriteString(l.does(t, exitFailed, "resolve quarantined "+way+" --note x", `error: quarantined delivery [12] was decided already\nhint: closeloop quarantine show [12]`))
	}
	said += l.does(t, exitOK, "quarantine list", `\n 3 +acme`, `Left out because they were decided: 2`)
	said += l.does(t, exitOK, "quarantine list --all", `\n 3 .* open\n`, `\n 2 .* given up\n`, `\n 1 .* read\n`)
	said += l.does(t, exitOK, "quarantine show 1", `decided +read after all, as event 1 at 20.*, decided by sam: wrong content type`)
	said += l.does(t, exitOK, "quarantine show 2", `decided +given up at 20.*, decided by sam: a test of the CRM`)
	said += l.does(t, exitOK, "audit summary", `In quarantine, because they could not be read: 1\.`)
	postAs(t, url, "application/json", body) // the CRM sends it once more
	said += l.does(t, exitOK, "run", `done +1`)
	if got := l.holds(t); got != "1001 2500.00" {
		t.Errorf("Google holds %s, want the booking once", got)
	}
	private(t, server.printed()+said+again.String())
}

// refusesToResolve tries what cannot be decided, which leaves all three
// deliveries open.
func (l *loop) refusesToResolve(t *testing.T, good, short string) string {
	t.Helper()
	var said strings.Builder
	longer := l.payload(t, "longer.json", append(outcome(1, "booked", 2500_00, sampleID(1)), '\n'))
	for _, tt := range []struct {
		command string
		code    int
		want    string
	}{
		{"", exitUsage, `error: ID is missing, and whether to give-up or retry\nhint: closeloop resolve quarantined --help`},
		{"1 --note x", exitUsage, `error: ID needs to be followed by give-up or retry`},
		{"1 approve --note x", exitUsage, `error: "approve" is neither give-up nor retry`},
		{"1 2 give-up --note x", exitUsage, `error: one ID at a time`},
		{"1 give-up", exitUsage, `error: --note is missing`},
		{"1 retry --note x", exitUsage, `error: --payload is missing: retry needs the delivery's body`},
		{"1 give-up --note x --payload " + good, exitUsage, `error: --payload is only for retry`},
		{"9 give-up --note x", exitNotFound, `error: quarantined delivery 9: not found\nhint: closeloop quarantine list --all`},
		{"first give-up --note x", exitNotFound, `error: quarantined delivery first: not found`},
		{"1 retry --note x --payload missing.json", exitFailed, `error: read payload: open missing.json: .*\nhint: --payload names a file`},
		{"1 retry --note x --payload " + l.dir, exitFailed, `error: read payload: `},
		{"1 retry --note x --payload " + short, exitFailed, `error: .*cut.json is not the body of quarantined delivery 1, which has \d+ bytes\nhint: `},
		{"1 retry --note x --payload " + longer, exitFailed, `error: .*longer.json is not the body of quarantined delivery 1`},
		{"2 retry --note x --payload " + good, exitFailed, `error: .*good.json is not the body of quarantined delivery 2`},
		{"2 retry --note x --payload " + short, exitFailed, `error: quarantined delivery 2 still cannot be read: malformed delivery: bad_json at byte \d+\nhint: nothing was changed`},
	} {
		out, stderr, code := l.run(t, append([]string{"resolve", "quarantined"}, fields(tt.command)...)...)
		if code != tt.code {
			t.Errorf("resolve quarantined %s: exit %d, want %d", tt.command, code, tt.code)
		}
		says(t, "resolve quarantined "+tt.command, out+stderr, tt.want)
		said.WriteString(out + stderr)
	}
	l.edit(t, "key: varda-e2e", "key: varda-new")
	said.WriteString(l.does(t, exitFailed, "resolve quarantined 1 retry --note x --payload "+good,
		`error: the configuration has no source with the key varda-e2e for account acme\nhint: put it back`))
	l.edit(t, "key: varda-new", "key: varda-e2e")
	return said.String() + l.does(t, exitOK, "quarantine list", `\n 3 +acme`, `\n 2 +acme`, `\n 1 +acme`)
}
