package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// clockVariable names the file that says by how much the clock of a process
// that a test started is moved. Without the file it is the real one.
const clockVariable = "CLOSELOOP_TEST_CLOCK"

// movedClock is the clock of the program when this test binary plays it.
func movedClock() time.Time {
	now := time.Now()
	text, err := os.ReadFile(os.Getenv(clockVariable))
	if err != nil {
		return now
	}
	by, err := time.ParseDuration(string(text))
	if err != nil {
		panic("the file of the test's clock: " + err.Error())
	}
	return now.Add(by)
}

// clockIn is the environment of a process whose clock the tests move.
func clockIn(dir string) []string {
	return append(os.Environ(), clockVariable+"="+filepath.Join(dir, "clock"))
}

// later moves the clock of all processes of the loop to so long after now.
func (l *loop) later(t *testing.T, by time.Duration) {
	t.Helper()
	l.moved += by
	fresh := filepath.Join(l.dir, "clock.new")
	if err := os.WriteFile(fresh, []byte(l.moved.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(fresh, filepath.Join(l.dir, "clock")); err != nil {
		t.Fatal(err)
	}
}

// mends forgets the faults of the sandbox.
func (l *loop) mends(t *testing.T) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, l.sandbox+"/faults", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("the sandbox answers %d to forgetting faults", resp.StatusCode)
	}
}

// sent are the rows of every upload that the sandbox was sent.
func (l *loop) sent(t *testing.T) string {
	t.Helper()
	var requests []struct {
		Method string `json:"method"`
		Rows   int    `json:"rows"`
	}
	l.read(t, "/requests", &requests)
	var rows []string
	for _, r := range requests {
		if strings.HasSuffix(r.Method, "/UploadClickConversions") {
			rows = append(rows, strconv.Itoa(r.Rows))
		}
	}
	return strings.Join(rows, " ")
}
