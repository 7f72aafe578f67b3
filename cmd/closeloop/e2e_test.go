package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const e2eSecret = "e2e-secret-3f9c"

// process is the program running as a process of its own.
type process struct {
	cmd *exec.Cmd
	mu  sync.Mutex
	out bytes.Buffer // all it printed
	eof chan struct{}
}

// start runs the program until the test ends and waits for a line that
// matches ready, whose first group it returns.
func start(t *testing.T, dir string, ready string, arguments ...string) (*process, string) {
	t.Helper()
	p := &process{cmd: exec.CommandContext(context.Background(), "closeloop", arguments...), eof: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = dir, clockIn(dir)
	r, w := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = w, w
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start closeloop: %v", err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		_ = w.Close()
		<-p.eof
	})
	lines := make(chan string, 10_000)
	go func() {
		defer close(p.eof)
		scanner := bufio.NewScanner(r)
		for scanner.Scan() {
			p.mu.Lock()
			p.out.WriteString(scanner.Text() + "\n")
			p.mu.Unlock()
			select {
			case lines <- scanner.Text():
			default: // nobody waits for lines any more
			}
		}
	}()
	return p, p.await(t, lines, regexp.MustCompile(ready))
}

func (p *process) await(t *testing.T, lines <-chan string, ready *regexp.Regexp) string {
	t.Helper()
	timeout := time.After(60 * time.Second)
	for {
		select {
		case line := <-lines:
			if m := ready.FindStringSubmatch(line); m != nil {
				return m[1]
			}
		case <-timeout:
			t.Fatalf("closeloop %v did not say %q; it said:\n%s", p.cmd.Args[1:], ready, p.printed())
		}
	}
}

func (p *process) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// loop is a sandbox and a configuration that points at it.
type loop struct {
	dir, sandbox string // sandbox is the base URL of its control endpoint
	config       string
	google       *process // the sandbox
	moved        time.Duration
}

// startSandbox starts a sandbox and returns the URL of its token endpoint and
// its address for gRPC.
func (l *loop) startSandbox(t *testing.T) (token, grpc string) {
	t.Helper()
	l.google, grpc = start(t, l.dir, `endpoint: (\S+)`, "sandbox", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0")
	token = regexp.MustCompile(`token_url: ([^ ,]+)`).FindStringSubmatch(waitFor(t, l.google, "token_url"))[1]
	l.sandbox = strings.TrimSuffix(token, "/token")
	return token, grpc
}

// newLoop makes a loop that keeps its data in a file, or when the test is run
// by TestOnPostgres, in a database of the test server.
func newLoop(t *testing.T, extra string) *loop {
	t.Helper()
	l := &loop{dir: t.TempDir()}
	token, grpc := l.startSandbox(t)
	l.config = filepath.Join(l.dir, "closeloop.yaml")
	text := fmt.Sprintf(`
database: sqlite:closeloop.db
listen: {address: "127.0.0.1:0"%s}
schedule_spread: 0s
sources:
  - {name: varda, key: varda-e2e, type: varda, account: acme, secrets: [old-secret, %s], phone_region: US}
accounts:
  - name: acme
    customer: "1234567890"
    api: google_ads
    mode: live
    schedule: "0 0 1 1 *"
    zone: America/New_York
    currency: USD
    consent: granted
    stages:
      booked: {action: "1001"}
      quoted: {action: "1002", share: 20%%}
    credentials:
      refresh_token: {client_id: a, client_secret: b, refresh_token: c}
      token_url: %s
    endpoint: %s
    plaintext: true
`, extra, e2eSecret, token, grpc)
	if err := os.WriteFile(l.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(t.Name(), onPostgres) {
		l.edit(t, "sqlite:closeloop.db", server.Database(t))
	}
	return l
}

// waitFor returns all the process printed once it holds text.
func waitFor(t *testing.T, p *process, text string) string {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for time.Now().Before(deadline) {
		if out := p.printed(); strings.Contains(out, text) {
			return out
		}
		select {
		case <-p.eof:
			t.Fatalf("closeloop ended without saying %q:\n%s", text, p.printed())
		case <-time.After(5 * time.Millisecond):
		}
	}
	t.Fatalf("closeloop did not say %q:\n%s", text, p.printed())
	return ""
}

func (l *loop) serve(t *testing.T) (*process, string) {
	t.Helper()
	p, address := start(t, l.dir, `msg=listening address=(\S+)`, "serve", "--config", l.config)
	return p, "http://" + address
}

// run runs a command to its end and returns what it printed, and its exit code.
func (l *loop) run(t *testing.T, arguments ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), "closeloop", append(arguments, "--config", l.config)...)
	cmd.Dir, cmd.Env = l.dir, clockIn(l.dir)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatalf("closeloop %v: %v", arguments, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// outcome is a signed call.outcome_tagged of yesterday.
func outcome(lead int, kind string, cents int, gclid string) []byte {
	at := time.Now().Add(-20 * time.Hour).UTC().Format(time.RFC3339)
	return fmt.Appendf(nil, `{"event":"call.outcome_tagged","timestamp":%q,"data":{"id":%d,"call_session_id":%d,`+
		`"outcome_type":%q,"estimated_value_cents":%d,"actual_value_cents":0,"revenue_cents":%d,`+
		`"notes":"Kitchen remodel","contact":{"id":456,"name":"Jane Doe","phone":"+18005559876"},`+
		`"attribution":{"source":"google_ads","medium":"cpc","gclid":%q,"type":"session"}}}`,
		at, lead+5000, lead, kind, cents, cents, gclid)
}

// sampleID is a click id of the usual shape, another for every n.
func sampleID(n int) string {
	return fmt.Sprintf("Cj0KCQjwSampleClickOfTheTests%08dAbCdEfGhIjKlMnOpQrStUvWxYzALw_wcB", n)
}

func post(t *testing.T, client *http.Client, url string, body []byte) (int, string) {
	t.Helper()
	status, text, err := deliver(client, url, body)
	if err != nil {
		t.Fatalf("post: %v", err)
	}
	return status, text
}

func deliver(client *http.Client, url string, body []byte) (int, string, error) {
	return deliverTo(client, url+"/webhooks/varda", body)
}

func deliverTo(client *http.Client, url string, body []byte) (int, string, error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Varda-Signature", signature(body))
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), err
}

func signature(body []byte) string {
	mac := hmac.New(sha256.New, []byte(e2eSecret))
	fmt.Fprintf(mac, "1700000000.%s", body)
	return "t=1700000000,v1=" + hex.EncodeToString(mac.Sum(nil))
}

// held is what the sandbox holds.
func (l *loop) held(t *testing.T) []map[string]any {
	t.Helper()
	var all []map[string]any
	l.read(t, "/conversions", &all)
	return all
}

// read reads a page of the sandbox.
func (l *loop) read(t *testing.T, page string, into any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.sandbox+page, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

func TestLoopOfRealProcesses(t *testing.T) {
	t.Parallel()
	l := newLoop(t, "")
	server, url := l.serve(t)
	if status, text := post(t, http.DefaultClient, url, outcome(42, "booked", 250000, sampleID(1))); status != 202 || !strings.Contains(text, "recorded") {
		t.Fatalf("delivery answered %d %s, want 202 recorded", status, text)
	}
	if status, text := post(t, http.DefaultClient, url, outcome(43, "spam", 0, sampleID(2))); status != 202 || !strings.Contains(text, "recorded") {
		t.Fatalf("spam answered %d %s, want 202 recorded", status, text)
	}

	dry, stderr, code := l.run(t, "run", "--dry-run")
	if code != 0 || !strings.Contains(dry, "nothing is changed") || !strings.Contains(dry, "done           1") {
		t.Fatalf("dry run: exit %d\n%s%s", code, dry, stderr)
	}
	if n := len(l.held(t)); n != 0 {
		t.Fatalf("after a dry run Google holds %d conversions, want none", n)
	}
	out, runErr, code := l.run(t, "run")
	if code != 0 {
		t.Fatalf("run: exit %d\n%s%s", code, out, runErr)
	}
	held := l.held(t)
	if len(held) != 1 || held[0]["value"] != 2500.0 || held[0]["click_id"] != sampleID(1) {
		t.Fatalf("Google holds %v, want one conversion of 2500 by the sample click", held)
	}

	shown, _, code := l.run(t, "audit", "show", "1", "--format", "json")
	var row struct {
		State   string `json:"state"`
		Known   string `json:"known"`
		OrderID string `json:"order_id"`
		History []struct {
			What      string `json:"what"`
			RequestID string `json:"request_id"`
			JobID     int64  `json:"job_id"`
		} `json:"history"`
	}
	if err := json.Unmarshal([]byte(shown), &row); err != nil || code != 0 {
		t.Fatalf("audit show: exit %d, %v\n%s", code, err, shown)
	}
	var steps []string
	for _, s := range row.History {
		steps = append(steps, s.What)
		if s.What == "sent" && (s.RequestID == "" || s.JobID == 0) {
			t.Errorf("step sent has request id %q and job id %d", s.RequestID, s.JobID)
		}
	}
	if got, want := strings.Join(steps, " "), "received decided sent answered"; got != want {
		t.Errorf("history is %q, want %q", got, want)
	}
	if row.State != "done" || row.Known != "2500.00" || row.OrderID != held[0]["order_id"] {
		t.Errorf("row is %+v", row)
	}
	list, _, _ := l.run(t, "audit", "list", "--gclid", sampleID(1))
	if !strings.Contains(list, "2500.00") {
		t.Errorf("audit list --gclid does not find the row:\n%s", list)
	}

	private(t, server.printed()+dry+stderr+out+runErr+shown+list)
}

// private fails if any of the sample person's data, a secret or a whole click
// id stands in what was printed.
func private(t *testing.T, printed string) {
	t.Helper()
	for _, secret := range []string{"Jane", "Doe", "5559876", "remodel", e2eSecret, "old-secret", sampleID(1), sampleID(2)} {
		if strings.Contains(printed, secret) {
			t.Errorf("what was printed holds %q", secret)
		}
	}
}

func TestKillNineLosesNothingAnswered(t *testing.T) {
	t.Parallel()
	l := newLoop(t, "")
	server, url := l.serve(t)
	const senders, enough = 16, 300
	var mu sync.Mutex
	var acked [][]byte
	full := make(chan struct{})
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for n := 0; ; n++ {
				body := outcome(s*1_000_000+n, "booked", 100+n, sampleID(s*1_000_000+n))
				status, _, err := deliver(http.DefaultClient, url, body)
				if err != nil || status != 202 {
					return // the server is dead
				}
				mu.Lock()
				acked = append(acked, body)
				if len(acked) == enough {
					close(full)
				}
				mu.Unlock()
			}
		})
	}
	<-full
	if err := server.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	_, url = l.serve(t)
	lost := 0
	for _, body := range acked {
		if status, text := post(t, http.DefaultClient, url, body); status != 202 || !strings.Contains(text, "duplicate") {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("of %d deliveries that were answered 202 before kill -9, %d are gone", len(acked), lost)
	}
}

func TestShutdownFinishesRequests(t *testing.T) {
	t.Parallel()
	l := newLoop(t, "")
	server, url := l.serve(t)
	body := outcome(1, "booked", 100, sampleID(1))
	pipe, w := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/webhooks/varda", pipe)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Varda-Signature", signature(body))
	req.Header.Set("Expect", "100-continue") // the body is asked for when the handler reads it
	result := make(chan error, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusAccepted {
				err = fmt.Errorf("answered %d", resp.StatusCode)
			}
		}
		result <- err
	}()
	if _, err := w.Write(body[:10]); err != nil { // returns once the server has asked for the body
		t.Fatal(err)
	}
	if err := server.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(body[10:]); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	if err := <-result; err != nil {
		t.Errorf("a request under way at SIGTERM: %v", err)
	}
	waitFor(t, server, "msg=stopped")
	if err := server.cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM closeloop ended with %v, want success", err)
	}
}
