package sqlite_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"closeloop/conversions"
	"closeloop/store"
	"closeloop/store/sqlite"
)

func open(t *testing.T, path string, opts sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// raw opens the file beside the store, as another program would.
func raw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func event(i int) conversions.Event { return benchEvent(int64(i), fmt.Sprintf("call_%d", i)) }

func stored(t *testing.T, s *sqlite.Store) int {
	t.Helper()
	counts, err := s.Received(t.Context(), conversions.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, c := range counts {
		n += c.Events
	}
	return n
}

func TestFilesBelongToTheirOwner(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "a.db"), sqlite.Options{})
	if _, err := s.Append(t.Context(), event(1)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.db", "a.db-wal", "a.db-shm"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s has mode %o, want 600", name, got)
		}
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "future.db")
	if _, err := raw(t, path).Exec(`CREATE TABLE future (x); PRAGMA user_version = 9999`); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = sqlite.Open(t.Context(), path, sqlite.Options{})
	newer, ok := errors.AsType[*store.SchemaNewerError](err)
	if !ok || newer.Have != 9999 || newer.Want < 1 || !errors.Is(err, store.ErrSchemaNewer) {
		t.Errorf("Open: got %v, want a SchemaNewerError of version 9999", err)
	}
	if err != nil && !strings.Contains(err.Error(), path) {
		t.Errorf("Open: %v does not name the file", err)
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("the refused file was changed")
	}
}

func TestMissingFolderIsNamed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "missing", "a.db")
	if _, err := sqlite.Open(t.Context(), path, sqlite.Options{}); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), path) {
		t.Errorf("Open: got %v, want ErrNotExist and the file's name", err)
	}
}

func TestManyOpenANewFileAtOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if _, err := s.Append(t.Context(), event(i)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := stored(t, open(t, path, sqlite.Options{})); got != 12 {
		t.Errorf("stored %d events, want 12", got)
	}
}

func TestEventsAndLedgerAreAppendOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	s := open(t, path, sqlite.Options{})
	if _, err := s.Append(t.Context(), event(1)); err != nil {
		t.Fatal(err)
	}
	lease, err := s.Acquire(t.Context(), "acme", "test", benchNow)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Pause(t.Context(), lease, conversions.Paused{Account: "acme", Since: benchNow}); err != nil {
		t.Fatal(err)
	}
	db := raw(t, path)
	for _, text := range []string{
		`UPDATE event SET lead = 'x'`, `DELETE FROM event`, `UPDATE ledger SET entries = x'00'`, `DELETE FROM ledger`,
	} {
		if _, err := db.Exec(text); err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: got %v, want it refused", text, err)
		}
	}
}

// commits counts the commit frames in a write-ahead log (SQLite's "WAL-mode
// File Format": a frame's header holds, at byte 4, the size of the database if
// the frame ends a transaction, else 0).
func commits(t *testing.T, path string) int {
	t.Helper()
	wal, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for at := 32; at+24 <= len(wal); at += 24 + 4096 {
		if binary.BigEndian.Uint32(wal[at+4:]) != 0 {
			n++
		}
	}
	return n
}

func TestConcurrentDeliveriesShareACommit(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	s := open(t, path, sqlite.Options{})
	release := holdLock(t, path)
	before := commits(t, path)
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() {
			if _, err := s.Append(t.Context(), event(i)); err != nil {
				t.Error(err)
			}
		})
	}
	release()
	wg.Wait()
	if got := stored(t, s); got != 300 {
		t.Errorf("stored %d events, want 300", got)
	}
	if got := commits(t, path) - before; got > 30 {
		t.Errorf("300 deliveries took %d commits, want at most 30", got)
	}
	kept, counted := received(t, s, conversions.Filter{}), received(t, s, conversions.Filter{From: time.Unix(0, 0)})
	if kept != 300 || counted != 300 {
		t.Errorf("the count that is kept is %d, counted are %d, want 300", kept, counted)
	}
}

// received sums the counts of events.
func received(t *testing.T, s *sqlite.Store, f conversions.Filter) (n int) {
	t.Helper()
	counts, err := s.Received(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range counts {
		n += c.Events
	}
	return n
}

// holdLock takes the write lock as another process would, until it is released.
func holdLock(t *testing.T, path string) (release func()) {
	t.Helper()
	db := raw(t, path)
	if _, err := db.Exec(`BEGIN IMMEDIATE`); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := db.Exec(`ROLLBACK`); err != nil {
			t.Error(err)
		}
	}
}

func TestADeliveryGivenUpWhileWaitingIsNotStored(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	s := open(t, path, sqlite.Options{})
	release := holdLock(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			if _, err := s.Append(ctx, event(i)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Append while another process writes: got %v, want DeadlineExceeded", err)
			}
		})
	}
	wg.Wait()
	release()
	if _, err := s.Append(t.Context(), event(9)); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, s); got != 1 {
		t.Errorf("stored %d events, want only the one that was not given up", got)
	}
}

func TestAWriteGivesUpWaitingWithItsContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	s := open(t, path, sqlite.Options{})
	release := holdLock(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Acquire(ctx, "acme", "test", benchNow); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Acquire while another process writes: got %v, want DeadlineExceeded", err)
	}
	release()
	if _, err := s.Acquire(t.Context(), "acme", "test", benchNow); err != nil {
		t.Errorf("Acquire afterwards: %v", err)
	}
}

func TestAFullDiskLosesNothingAndPasses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	s := open(t, path, sqlite.Options{MaxBytes: 400 << 10})
	shape := strings.Repeat("x", 3000)
	kept := 0
	fill := func() {
		for i := range 400 {
			_, err := s.Quarantine(t.Context(), conversions.Quarantined{
				Account: "acme", Source: "varda", Body: [16]byte{byte(kept >> 8), byte(kept), byte(i), 1}, Received: benchNow, Shape: shape,
			})
			if err != nil {
				return
			}
			kept++
		}
		t.Fatal("the disk never filled")
	}
	fill()
	refused := 0
	for i := range 64 {
		if _, err := s.Append(t.Context(), event(i)); err != nil {
			refused++
		}
	}
	if refused == 0 {
		t.Error("no delivery was refused although the disk is full")
	}
	if got := stored(t, s); got != 64-refused {
		t.Errorf("stored %d events, want the %d that were acknowledged", got, 64-refused)
	}
	if n, err := s.PurgeQuarantine(t.Context(), benchNow.Add(time.Hour)); err != nil || n != kept {
		t.Fatalf("PurgeQuarantine: %d, %v; want all %d, also on a full disk", n, err, kept)
	}
	for i := range 64 {
		if _, err := s.Append(t.Context(), event(i)); err != nil {
			t.Fatalf("Append after there was room again: %v", err)
		}
	}
	lease, err := s.Acquire(t.Context(), "acme", "test", benchNow)
	if err != nil || lease.Token != 1 {
		t.Errorf("Acquire after there was room again: %v", err)
	}
}

func TestCloseAnswersEverybody(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	s := open(t, path, sqlite.Options{})
	release := holdLock(t, path)
	var wg, started sync.WaitGroup
	acknowledged := make([]bool, 800) // more than queue up at a time
	for i := range acknowledged {
		started.Add(1)
		wg.Go(func() {
			started.Done()
			_, err := s.Append(t.Context(), event(i))
			acknowledged[i] = err == nil
		})
	}
	started.Wait()
	wg.Go(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	release()
	wg.Wait()
	if _, err := s.Acquire(t.Context(), "acme", "test", benchNow); err == nil {
		t.Error("Acquire after Close: no error")
	}
	if err := s.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	want := 0
	for _, ok := range acknowledged {
		if ok {
			want++
		}
	}
	if got := stored(t, open(t, path, sqlite.Options{})); got != want {
		t.Errorf("stored %d events, want the %d that were acknowledged", got, want)
	}
}

// TestForgottenIsGoneFromTheFiles reads the database and its log byte by byte.
func TestForgottenIsGoneFromTheFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	s := open(t, path, sqlite.Options{})
	lease, err := s.Acquire(t.Context(), "acme", "test", benchNow)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		e := event(i)
		e.Person.Contact = fmt.Sprintf("contact-%d-of-somebody", i)
		r, err := s.Append(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		e.Seq = r.Seq
		d := conversions.Decision{Source: e.Source, Lead: e.Lead, Entries: []conversions.Entry{benchEntry(e)}}
		if err := s.Decide(t.Context(), lease, []conversions.Decision{d}); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := s.Due(t.Context(), "acme", conversions.Claim{Now: benchNow, Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	batch := conversions.Batch{ID: "b", Account: "acme", Created: benchNow}
	for _, r := range rows {
		batch.Items = append(batch.Items, r.Item(time.UTC, benchNow))
	}
	if _, err := s.Begin(t.Context(), lease, batch); err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		if i == 77 {
			continue // somebody to find, so that the search is known to work
		}
		if n, err := s.Forget(t.Context(), "acme", "varda", event(i).Lead); err != nil || n != 1 {
			t.Fatalf("Forget: %d, %v", n, err)
		}
	}
	db := raw(t, path)
	for _, table := range []string{"identity", "click_index", "slot"} {
		var n int
		if err := db.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil || n != 1 {
			t.Errorf("%s has %d rows, %v; want one, of the lead that was kept", table, n, err)
		}
	}
	for _, name := range []string{path, path + "-wal"} {
		bytesOf, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 200 {
			e := event(i)
			for _, secret := range []string{e.Person.Clicks[0].ID, e.Person.PhoneHash, fmt.Sprintf("contact-%d-of-somebody", i)} {
				found := bytes.Contains(bytesOf, []byte(secret))
				if i == 77 && name == path && !found {
					t.Error("the search does not find what was kept")
				}
				if i != 77 && found {
					t.Errorf("%s still holds what identified lead %d", filepath.Base(name), i)
				}
			}
		}
	}
}
