package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"closeloop/conversions"
	"closeloop/store/sqlite"
)

// ledgerOf reads the whole ledger of a file.
func ledgerOf(t *testing.T, path string) []conversions.Entry {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	es, err := s.Ledger(t.Context(), "acme", 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	return es
}

func TestBackupUnderLoadIsRestored(t *testing.T) {
	t.Parallel()
	l := newLoop(t, "")
	server, url := l.serve(t)
	copied := filepath.Join(l.dir, "monday.db")

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var mu sync.Mutex
	var answered [][]byte // in the order of their answers
	var wg sync.WaitGroup
	for s := range 4 {
		wg.Go(func() {
			gap := time.NewTicker(20 * time.Millisecond)
			defer gap.Stop()
			for n := s; ctx.Err() == nil; n += 4 {
				body := outcome(n, "booked", 100+n, sampleID(n))
				if status, _, err := deliver(http.DefaultClient, url, body); err != nil || status != 202 {
					t.Errorf("a delivery beside the backup is answered %d, %v", status, err)
					return
				}
				mu.Lock()
				answered = append(answered, body)
				mu.Unlock()
				<-gap.C
			}
		})
	}
	taken := func() int { mu.Lock(); defer mu.Unlock(); return len(answered) }
	for taken() < 100 {
		l.does(t, exitOK, "run")
	}
	before := taken()
	l.does(t, exitOK, "db backup --to monday.db", `^.*closeloop\.db is backed up to monday\.db \(\d+ bytes\)\n$`)
	l.does(t, exitFailed, "db backup --to monday.db", `^error: .*monday\.db`, `\nhint: choose a name that no file has`)
	stop()
	wg.Wait()
	l.does(t, exitOK, "run")

	// Another server, on the restored file.
	if err := server.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	waitFor(t, server, "msg=stopped")
	whole := ledgerOf(t, filepath.Join(l.dir, "closeloop.db"))
	restore(t, copied, filepath.Join(l.dir, "restored.db"))
	prefix := ledgerOf(t, filepath.Join(l.dir, "restored.db"))
	if len(prefix) == 0 || len(prefix) > len(whole) {
		t.Fatalf("the restored ledger has %d entries, that of the database %d", len(prefix), len(whole))
	}
	if diff := cmp.Diff(whole[:len(prefix)], prefix); diff != "" {
		t.Errorf("the restored ledger is not the beginning of the database's (-want +got):\n%s", diff)
	}
	l.edit(t, "sqlite:closeloop.db", "sqlite:restored.db")
	_, url = l.serve(t)
	for n, body := range answered { // the CRM sends all of it once more
		if _, text := post(t, http.DefaultClient, url, body); n < before && !strings.Contains(text, "duplicate") {
			t.Errorf("delivery %d, answered before the backup, is answered %s from it, want duplicate", n, text)
		}
	}
	l.does(t, exitOK, "run")
	if n := len(l.held(t)); n != len(answered) {
		t.Errorf("after the restore Google holds %d conversions, want %d: each once", n, len(answered))
	}
}

// restore puts a backup in a database's place.
func restore(t *testing.T, backup, path string) {
	t.Helper()
	text, err := os.ReadFile(backup)
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
