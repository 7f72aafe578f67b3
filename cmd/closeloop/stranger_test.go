package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// edit changes the configuration file.
func (l *loop) edit(t *testing.T, was, is string) {
	t.Helper()
	text, err := os.ReadFile(l.config)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(was)) {
		t.Fatalf("the configuration does not hold %q:\n%s", was, text)
	}
	if err := os.WriteFile(l.config, bytes.ReplaceAll(text, []byte(was), []byte(is)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// refusing returns an address that refuses connections as long as the test
// runs: a socket that has it and does not listen.
func refusing(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	inet, ok := name.(*syscall.SockaddrInet4)
	if !ok {
		t.Fatalf("the socket has the address %v", name)
	}
	return fmt.Sprintf("127.0.0.1:%d", inet.Port)
}

// says fails the test unless text matches every pattern.
func says(t *testing.T, what, text string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		if !regexp.MustCompile(p).MatchString(text) {
			t.Errorf("%s does not say %q:\n%s", what, p, text)
		}
	}
}

// get fetches a page.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// certificate writes a self-signed certificate for 127.0.0.1 and its key, and
// returns a client that trusts it.
func certificate(t *testing.T, dir string) *http.Client {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"server.crt": {Type: "CERTIFICATE", Bytes: der}, "server.key": {Type: "PRIVATE KEY", Bytes: pkcs8},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trusted, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(trusted)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
}

func TestServesTLS(t *testing.T) {
	t.Parallel()
	l := newLoop(t, ", tls: {cert: server.crt, key: server.key}")
	_, stderr, code := l.run(t, "config", "check")
	if code != exitConfig {
		t.Errorf("config check without the certificate: exit %d, want %d", code, exitConfig)
	}
	says(t, "config check", stderr, `tls.cert: the file "\S*server.crt" cannot be read: there is no such file\nhint: `)

	client := certificate(t, l.dir)
	server, url := l.serve(t)
	says(t, "the log", server.printed(), "tls=true")
	status, text := post(t, client, strings.Replace(url, "http://", "https://", 1), outcome(1, "booked", 100, sampleID(1)))
	if status != http.StatusAccepted || !strings.Contains(text, "recorded") {
		t.Errorf("over TLS a delivery is answered %d %s, want 202 recorded", status, text)
	}
	if status, text := get(t, url+"/healthz"); status != http.StatusBadRequest {
		t.Errorf("without TLS a request is answered %d %s, want 400", status, text)
	}
}

func TestAnswersToStrangers(t *testing.T) {
	t.Parallel()
	l := newLoop(t, "")
	server, address := start(t, l.dir, `"msg":"listening","address":"([^"]+)"`, "serve", "--config", l.config, "--log-format", "json")
	url := "http://" + address
	body := outcome(1, "booked", 100, sampleID(1))
	tests := []struct {
		name, method, path, signature string
		status                        int
		log                           string
	}{
		{"unknown source", http.MethodPost, "/webhooks/vardo", signature(body), 404, `"outcome":"unknown_source".*"detail":"vardo"`},
		{"no post", http.MethodGet, "/webhooks/varda", signature(body), 405, `"status":405,"outcome":"method"`},
		{"no signature", http.MethodPost, "/webhooks/varda", "", 401, `"status":401,"outcome":"refused".*"reason":"signature_missing"`},
		{"another secret", http.MethodPost, "/webhooks/varda", strings.Replace(signature(body), "v1=", "v1=00", 1)[:len(signature(body))], 401, `"reason":"signature_mismatch"`},
		{"no signature at all", http.MethodPost, "/webhooks/varda", "s3cret", 401, `"reason":"signature_malformed"`},
	}
	for _, tt := range tests {
		req, err := http.NewRequestWithContext(t.Context(), tt.method, url+tt.path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if tt.signature != "" {
			req.Header.Set("X-Varda-Signature", tt.signature)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != tt.status {
			t.Errorf("%s: answered %d, want %d", tt.name, resp.StatusCode, tt.status)
		}
	}
	if err := server.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	log := waitFor(t, server, `"msg":"stopped"`)
	for _, tt := range tests {
		says(t, tt.name+": the log", log, tt.log)
	}
	for line := range strings.Lines(log) {
		if !strings.HasPrefix(line, "warning: ") && !strings.HasPrefix(line, "hint: ") && !json.Valid([]byte(line)) {
			t.Errorf("with --log-format json this line is no JSON: %s", line)
		}
	}
}

func TestUnreachableGoogle(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ setting, code string }{
		"nobody at token_url": {"token_url", `OAuth\.unreachable`},
		"nobody at endpoint":  {"endpoint", `gRPC\.UNAVAILABLE`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLoop(t, "")
			text, err := os.ReadFile(l.config)
			if err != nil {
				t.Fatal(err)
			}
			good := regexp.MustCompile(tt.setting + `: (?:http://)?([0-9.:]+)`).FindStringSubmatch(string(text))[1]
			l.edit(t, tt.setting+": "+map[string]string{"token_url": "http://"}[tt.setting]+good,
				tt.setting+": "+map[string]string{"token_url": "http://"}[tt.setting]+refusing(t))
			_, url := l.serve(t)
			post(t, http.DefaultClient, url, outcome(1, "booked", 250000, sampleID(1)))
			out, stderr, code := l.run(t, "run")
			if code != exitUnsent {
				t.Errorf("run: exit %d, want %d", code, exitUnsent)
			}
			says(t, "run", out, `the call failed: .*could not be reached.*`+tt.code, `hint: .*network, proxy and firewall`)
			says(t, "run", stderr, `error: rows stay queued for: acme\nhint: `)
			list, _, _ := l.run(t, "audit", "list")
			says(t, "audit list", list, `booked +queued +2500\.00`)
		})
	}
}

func TestTestModeThenLive(t *testing.T) {
	t.Parallel()
	l := newLoop(t, "")
	l.edit(t, "mode: live", "mode: test")
	server, url := l.serve(t)
	says(t, "the log", server.printed(), `test_mode=\[acme\]`)
	post(t, http.DefaultClient, url, outcome(1, "booked", 250000, sampleID(1)))
	out, stderr, code := l.run(t, "run")
	if code != exitOK {
		t.Fatalf("run: exit %d\n%s%s", code, out, stderr)
	}
	says(t, "run", out, `acme \(test\): requests are validate-only, nothing is really sent`, `done +1`)
	if n := len(l.held(t)); n != 0 {
		t.Fatalf("in test mode Google holds %d conversions, want none", n)
	}
	list, _, _ := l.run(t, "audit", "list")
	says(t, "audit list", list, `booked +tested +2500\.00 `, `Account acme is in test mode: nothing is really sent\.`)
	summary, _, _ := l.run(t, "audit", "summary")
	says(t, "audit summary", summary, `Account acme is in test mode: nothing is really sent\.`)
	show, _, _ := l.run(t, "audit", "show", "1")
	says(t, "audit show", show, `account +acme \(test mode: nothing is really sent\)`, `tested +only checked, nothing is really sent: done`)

	if err := server.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitFor(t, server, "msg=stopped")
	l.edit(t, "mode: test", "mode: live")
	if out, stderr, code := l.run(t, "run"); code != exitOK {
		t.Fatalf("run, live: exit %d\n%s%s", code, out, stderr)
	}
	if n := len(l.held(t)); n != 1 {
		t.Fatalf("in live mode Google holds %d conversions, want 1", n)
	}
	list, _, _ = l.run(t, "audit", "list")
	says(t, "audit list", list, `booked +done +2500\.00 +2500\.00 `)
}

func TestSeveralProcessesOnOneDatabase(t *testing.T) {
	t.Parallel()
	l := newLoop(t, "")
	_, first := l.serve(t)
	_, second := l.serve(t)
	const each = 20
	for n := range each {
		body := outcome(n, "booked", 100+n, sampleID(n))
		post(t, http.DefaultClient, first, body)
		post(t, http.DefaultClient, second, outcome(each+n, "booked", 100+n, sampleID(each+n)))
		if status, text := post(t, http.DefaultClient, second, body); !strings.Contains(text, "duplicate") {
			t.Errorf("what the first server took, the second answers %d %s, want duplicate", status, text)
		}
	}
	runs := make(chan string, 2)
	for range cap(runs) {
		go func() {
			cmd := exec.CommandContext(context.Background(), "closeloop", "run", "--config", l.config)
			out, err := cmd.CombinedOutput()
			runs <- fmt.Sprintf("%v\n%s", err, out)
		}()
	}
	for range cap(runs) {
		if out := <-runs; !strings.HasPrefix(out, "<nil>") {
			t.Errorf("run beside serve: %s", out)
		}
	}
	if n := len(l.held(t)); n != 2*each {
		t.Errorf("Google holds %d conversions, want %d", n, 2*each)
	}
}

func TestAccountTakenOutOfTheConfiguration(t *testing.T) {
	t.Parallel()
	l := newLoop(t, "")
	server, url := l.serve(t)
	post(t, http.DefaultClient, url, outcome(1, "booked", 250000, sampleID(1)))
	post(t, http.DefaultClient, url, []byte(`{"event":`))
	if _, _, code := l.run(t, "run", "--dry-run"); code != exitOK {
		t.Fatalf("dry run: exit %d", code)
	}
	for deadline := time.Now().Add(30 * time.Second); ; { // the server folds within a second
		list, _, _ := l.run(t, "audit", "list")
		if strings.Contains(list, "queued") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server does not fold:\n%s", list)
		}
	}
	if err := server.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitFor(t, server, "msg=stopped")
	l.edit(t, "acme", "newco")
	l.edit(t, "varda-e2e", "varda-new")
	if out, stderr, code := l.run(t, "run"); code != exitOK {
		t.Errorf("run without the account: exit %d\n%s%s", code, out, stderr)
	}
	list, _, _ := l.run(t, "audit", "list")
	says(t, "audit list", list, `acme +1 +booked +queued .* Orphaned: its account is not in the configuration any more, so nothing is sent for it\.`)
	quarantine, _, _ := l.run(t, "quarantine", "list")
	says(t, "quarantine list", quarantine, `acme +varda-e2e .*bad_json`)
	if n := len(l.held(t)); n != 0 {
		t.Errorf("Google holds %d conversions, want none", n)
	}
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	l := newLoop(t, "")
	_, url := l.serve(t)
	l.edit(t, `"127.0.0.1:0"`, `"`+strings.TrimPrefix(url, "http://")+`"`)
	_, stderr, code := l.run(t, "serve")
	if code != exitFailed {
		t.Errorf("serve on a port in use: exit %d, want %d", code, exitFailed)
	}
	says(t, "serve", stderr, `error: listen on 127\.0\.0\.1:\d+: bind: address already in use\nhint: another program, or another closeloop, holds the port`)
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	l := newLoop(t, "")
	server, url := l.serve(t)
	pipe, w := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/webhooks/varda", pipe)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Expect", "100-continue")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	if _, err := w.Write([]byte("{")); err != nil { // the server reads the body, which never ends
		t.Fatal(err)
	}
	for range 2 {
		if err := server.cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		waitFor(t, server, "msg=stopping")
	}
	if err := server.cmd.Wait(); err == nil || strings.Contains(server.printed(), "msg=stopped") {
		t.Errorf("the second signal did not end closeloop: %v\n%s", err, server.printed())
	}
	_ = w.Close()
	<-ended
}

func TestDemoKeep(t *testing.T) {
	t.Parallel()
	p, _ := start(t, t.TempDir(), `^(Webhooks): POST`, "demo", "--keep")
	said := p.printed()
	config := regexp.MustCompile(`closeloop audit list --config (\S+)`).FindStringSubmatch(said)
	urls := regexp.MustCompile(`(?m)^ +curl (\S+)$`).FindAllStringSubmatch(said, -1)
	if config == nil || len(urls) != 2 {
		t.Fatalf("demo --keep does not say what to do next:\n%s", said)
	}
	l := &loop{dir: t.TempDir(), config: config[1]}
	list, _, _ := l.run(t, "audit", "list")
	says(t, "audit list", list, `done +2500\.00 +2500\.00 `)
	show, _, _ := l.run(t, "audit", "show", "1")
	says(t, "audit show", show, `received`, `decided`, `sent +\S+ +(\d+ +)?in a request of 4 rows`, `answered`)
	for i, want := range []string{`"order_id":"cl`, `^ok\n$`} {
		_, body := get(t, urls[i][1])
		says(t, urls[i][1], body, want)
	}
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("after Ctrl-C the demo ends with %v, want success", err)
	}
	if _, err := os.Stat(filepath.Dir(config[1])); !os.IsNotExist(err) {
		t.Errorf("the demo left its folder behind: %v", err)
	}
}
