package sandbox_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/shenzhencenter/google-ads-pb/common"

	"closeloop/sandbox"
)

// TestLogNamesNobody sends rows of every kind and reads the log.
func TestLogNamesNobody(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	cfg := testConfig()
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	r := start(t, cfg)
	token := r.server.Token()
	r.send(t, good(func(c *conversion) { c.UserIdentifiers = []*common.UserIdentifier{email(knownHash)} }),
		numbered(1), good(withGCLID(strings.ToLower(knownID))), good(withOrder("jane@example.com")))
	r.amend(t, restate(), retract(ofOrder("jane@example.com")), restate(ofPair(knownID, "2026-11-22 14:05:09-05:00")))
	if got := upload1(t, r, token); got != "OK" {
		t.Fatalf("upload = %s", got)
	}
	if err := r.server.Close(); err != nil { // the log is complete and nobody writes any more
		t.Fatalf("Close: %v", err)
	}
	if !strings.Contains(log.String(), "accepted=") {
		t.Fatalf("log = %q, want a line per call", log.String())
	}
	for _, secret := range []string{knownID, strings.ToLower(knownID), knownHash, token, "order-1", "number-1", "jane@example.com"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, log.String())
		}
	}
}

// TestSlowInRealTime uses the waiting a Config without Sleep gets.
func TestSlowInRealTime(t *testing.T) {
	t.Parallel()
	r := start(t, testConfig())
	if err := r.server.Fault(sandbox.Fault{Kind: sandbox.FaultSlow, Delay: sandbox.Duration(time.Millisecond)}); err != nil {
		t.Fatalf("Fault: %v", err)
	}
	if got := failures(t, r.send(t, good())); got != nil {
		t.Errorf("failures = %v, want none", got)
	}
}
